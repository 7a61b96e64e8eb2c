"""Clocks, memories and the links between memories and units."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from accelsim.hw.part import Name, Part, Resources, TensorClass
from accelsim.hw.quantity import Beats, Bits, BytesPerSecond, Count, Cycles, Hertz, Ratio, default


class Clock(Part):
    """A clock domain. Cycles of the simulator are cycles of the first clock of a file."""

    sourced: str | None = None
    frequency: Hertz


class Dram(Part):
    """External memory: a ceiling that its links share.

    Not modelled: banks, rows and refresh; `efficiency` stands for them.
    """

    kind: Literal["dram"]
    sourced: str | None = None
    bandwidth: BytesPerSecond
    efficiency: Ratio

    @property
    def bytes_per_s(self) -> float:
        """Bandwidth that can be had."""
        return self.bandwidth.value * self.efficiency.value


class Buffer(Part):
    """On-chip memory of `words` x `width`, in `banks` parts, there `copies` times (2 for ping and pong).

    A `resident` one is filled before the first frame and never again.
    """

    kind: Literal["buffer"]
    sourced: str | None = None
    words: Count
    width: Bits
    copies: Count = default(1, "count")
    banks: Count = default(1, "count")
    technology: Literal["bram", "uram", "lutram", "registers"]
    resident: bool = False
    holds: str = ""

    @property
    def copy_bytes(self) -> int:
        """What one copy holds."""
        return self.words.value * self.width.value // 8

    @property
    def total_bytes(self) -> int:
        return self.copy_bytes * self.copies.value


Memory = Annotated[Dram | Buffer, Field(discriminator="kind")]


class Link(Part):
    """A path between a memory and the units: an AXI master of `width` behind a port of `port_width`.

    `latency` is the start-up of each held load, in cycles of the link's clock; that of streams is part of the fill of
    the units. `carries` lists classes of
    tensors: `parameter` (all constants), `op.role` of the consumer or producer (`attention.q`,
    `layer_norm.y`), `model.input`, or `*` for whatever no other entry names. With `burst`, `outstanding` and
    `round_trip` given, a window of bursts takes max(outstanding * burst, round_trip + burst) cycles.
    """

    sourced: str | None = None
    memory: Name
    clock: Name | None = None
    width: Bits
    port_width: Bits
    latency: Cycles = default(0, "cycles")
    burst: Beats | None = None
    outstanding: Count | None = None
    round_trip: Cycles | None = None
    carries: tuple[TensorClass, ...] = Field(min_length=1)
    resources: Resources | None = None

    @property
    def beat_bytes(self) -> int:
        """Bytes of one beat of the master."""
        return self.width.value // 8

    @property
    def cycles_per_beat(self) -> float:
        """Cycles of the link's clock that one beat of the master takes when streaming."""
        narrowing = max(1.0, self.width.value / self.port_width.value)
        if self.burst is None or self.outstanding is None or self.round_trip is None:
            return narrowing
        window = self.outstanding.value * self.burst.value
        return max(narrowing, (self.round_trip.value + self.burst.value) / window)

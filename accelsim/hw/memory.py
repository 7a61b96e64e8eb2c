"""Clocks, memories and the links between memories and units."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from accelsim.hw.part import Name, Part, Resources, TensorClass
from accelsim.hw.quantity import Beats, Bits, Bytes, BytesPerSecond, Count, Cycles, Hertz, Ratio, Seconds, default
from accelsim.hw.transfers import port_cycles


class Clock(Part):
    """A clock domain. Cycles of the simulator are cycles of the first clock of a file."""

    sourced: str | None = None
    frequency: Hertz


class Dram(Part):
    """External memory: a ceiling that its links share, in order of issue.

    `bandwidth` is that of all `channels` (HBM: pseudo-channels) together; a link may have some of them to itself.
    `efficiency` is what reads in long streams can have of it, `write_efficiency` writes (left out: the same).
    `turnaround` is lost each time the bus turns to writes and back; the controller gathers `write_batch` bytes first.
    A gathered piece takes whole accesses of `granule` bytes and `row_miss`, what banks do not hide of a jump.
    Not modelled: banks, rows and refresh beyond these numbers.
    """

    kind: Literal["dram"]
    sourced: str | None = None
    bandwidth: BytesPerSecond
    efficiency: Ratio
    write_efficiency: Ratio | None = None
    channels: Count = default(1, "count")
    granule: Bytes = default(64, "bytes")
    row_miss: Seconds = default(0.0, "s")
    turnaround: Seconds = default(0.0, "s")
    write_batch: Bytes = default(1024, "bytes")

    @property
    def bytes_per_s(self) -> float:
        """Bandwidth that reads can have."""
        return self.bandwidth.value * self.efficiency.value

    @property
    def written_bytes_per_s(self) -> float:
        """Bandwidth that writes can have."""
        return self.bandwidth.value * (self.write_efficiency or self.efficiency).value


class RoomFor(Part):
    """What a buffer must have room for: the tokens of the longest expert queue (an entry a word, a queue a bank), or
    the longest row of inputs or outputs of the products on a unit."""

    what: Literal["expert-queue", "input-row", "output-row"]
    of: Name | None = None


class Buffer(Part):
    """On-chip memory of `words` x `width`, in `banks` parts, there `copies` times (2 for ping and pong).

    A `resident` one is filled before the first frame and never again. Technology `sram` is that of a chip of its own.
    A word can be read or written at each of its `ports` in every cycle. `keeps` lists classes of tensors that stay in
    it between nodes as far as they fit (see `mapping/residency.py`), in the words of a link's `carries`. `room_for`
    says which part of the work limits its size, `of` the unit whose work that is.
    """

    kind: Literal["buffer"]
    sourced: str | None = None
    words: Count
    width: Bits
    copies: Count = default(1, "count")
    banks: Count = default(1, "count")
    ports: Count = default(2, "count")
    technology: Literal["bram", "uram", "lutram", "registers", "sram"]
    resident: bool = False
    keeps: tuple[TensorClass, ...] = ()
    room_for: RoomFor | None = None
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
    """A path between a memory and the units: an AXI master of `width` behind a port of `port_width`, `ports` times.

    `latency` is the start-up of each held load, in cycles of the link's clock; that of streams is part of the fill of
    the units. `carries` lists classes of
    tensors: `parameter` (all constants), `op.role` of the consumer or producer (`attention.q`,
    `layer_norm.y`), `model.input`, or `*` for whatever no other entry names. With `burst`, `outstanding` and
    `round_trip` given, transfers are cut into bursts (see `hw/transfers.py`); `write_round_trip` (left out: the
    same) and `write_gap`, the cycles a write burst takes beyond its beats, are those of the write channel.
    `channels` is the number of channels of the memory that serve this link alone; left out, it shares what is left.
    """

    sourced: str | None = None
    memory: Name
    clock: Name | None = None
    width: Bits
    port_width: Bits
    ports: Count = default(1, "count")
    latency: Cycles = default(0, "cycles")
    burst: Beats | None = None
    outstanding: Count | None = None
    round_trip: Cycles | None = None
    write_round_trip: Cycles | None = None
    write_gap: Cycles = default(0, "cycles")
    channels: Count | None = None
    carries: tuple[TensorClass, ...] = Field(min_length=1)
    resources: Resources | None = None

    @property
    def beat_bytes(self) -> int:
        """Bytes of one beat of a master."""
        return self.width.value // 8

    @property
    def cycles_per_beat(self) -> float:
        """Cycles of the link's clock that one beat takes when streaming in."""
        return self.port_cycles(self.ports.value, write=False) / self.ports.value

    def port_cycles(self, beats: float, *, write: bool, runs: float = 0.0, isolated: bool = False) -> float:
        """Cycles of the link's clock that `beats` of a transfer keep a channel busy, dealt over the ports."""
        trip = self.write_round_trip if write and self.write_round_trip is not None else self.round_trip
        return port_cycles(
            beats / self.ports.value,
            runs / self.ports.value,
            isolated,
            self.beat_bytes,
            max(1.0, self.width.value / self.port_width.value),
            self.burst.value if self.burst is not None else 0,
            self.outstanding.value if self.outstanding is not None else 1,
            trip.value if trip is not None else 0,
            self.write_gap.value if write else 0,
        )

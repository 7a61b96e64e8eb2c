"""What the kernels of mapping know of a hardware: its links and DRAMs as rows of numbers, in ticks and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.errors import InternalError
from accelsim.hw.memory import Link
from accelsim.hw.schema import Hardware
from accelsim.hw.timebase import TimeBase
from accelsim.mapping import kernel, search_kernel
from accelsim.mapping.servers import Servers

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LATENCY_ONLY: Floats = np.zeros(4)
LATENCY_ONLY.setflags(write=False)
_OBJECTIVES = {"energy": search_kernel.ENERGY_OBJECTIVE, "edp": search_kernel.PRODUCT_OBJECTIVE}


@dataclass(frozen=True)
class Record:
    """A hardware's links and DRAM servers as the kernels read them."""

    hardware: Hardware

    @cached_property
    def base(self) -> TimeBase:
        return TimeBase(self.hardware)

    @cached_property
    def servers(self) -> Servers:
        return Servers(self.hardware)

    @cached_property
    def index(self) -> dict[str, int]:
        """Number of each link."""
        return {name: number for number, name in enumerate(self.hardware.links)}

    @cached_property
    def links(self) -> Floats:
        """[links, columns of `kernel`]."""
        rows = [self._link(name, link) for name, link in self.hardware.links.items()]
        return np.array(rows, np.float64)

    @cached_property
    def drams(self) -> Floats:
        """[DRAM servers, columns of `kernel`]; one row of zeros where there is none."""
        rows: list[tuple[float, ...]] = []
        for server in self.servers.drams:
            dram, shared = server.dram, server.share * server.dram.channels.value
            rows.append(
                (
                    dram.bytes_per_s * server.share,
                    dram.written_bytes_per_s * server.share,
                    dram.granule.value,
                    dram.row_miss.value / shared,
                    dram.turnaround.value / dram.write_batch.value / shared,
                )
            )
        return np.array(rows or [(1.0, 1.0, 1.0, 0.0, 0.0)], np.float64)

    def objective(self, unit: str, price: tuple[float, float, float] | None) -> Floats:
        """Weights of the search on a unit: `price` are joules of a second, a byte and a busy cycle of it.

        Raises InternalError where the schedule asks for energy and there is no price.
        """
        wanted = self.hardware.schedule.objective
        if wanted == "latency":
            return LATENCY_ONLY
        if price is None:
            raise InternalError(
                f"{self.hardware.name}: tiles of '{unit}' are searched for {wanted}, which has no price"
            )
        second, byte, busy_cycle = price
        weights = np.array(
            [_OBJECTIVES[wanted], second / self.base.tick_hz, byte, busy_cycle / self.base.unit_ticks(unit)], np.float64
        )
        weights.setflags(write=False)  # as LATENCY_ONLY: kernels are compiled for it once
        return weights

    def _link(self, name: str, link: Link) -> tuple[float, ...]:
        ticks = self.base.link_ticks(name)
        trip = link.round_trip.value if link.round_trip is not None else 0
        return (
            ticks,
            link.beat_bytes,
            link.ports.value,
            max(1.0, link.width.value / link.port_width.value),
            link.burst.value if link.burst is not None else 0,
            link.outstanding.value if link.outstanding is not None else 1,
            trip,
            link.write_round_trip.value if link.write_round_trip is not None else trip,
            link.write_gap.value,
            link.latency.value * ticks,
            self.servers.of_link[name],
        )


class Boxes(NamedTuple):
    """The boxes of a plan and what each moves, in the kernel's columns."""

    boxes: Integers
    moves: Integers
    sizes: Floats


class ProductRecord(NamedTuple):
    """A product as the kernels read it: its own row, a row for each operand, one for each function on its way out."""

    product: Integers
    operands: Integers
    epilogue: Integers

    def boxes(self, plan: Sequence[int]) -> Boxes:
        """The boxes of a plan: grains of a tile along M, N, K, and the operand held."""
        most = kernel.MOST_BOXES * (self.operands.shape[0] + 3)
        boxes = np.empty((kernel.MOST_BOXES, kernel.BOX_COLUMNS), np.int64)
        moves, sizes = np.empty((most, kernel.MOVE_COLUMNS), np.int64), np.empty((most, kernel.SIZE_COLUMNS))
        count = kernel.expand(*self, np.array(plan, np.int64), boxes, moves, sizes)
        moved = boxes[count - 1, kernel.LAST]
        return Boxes(boxes[:count], moves[:moved], sizes[:moved])

    def search(self, record: Record, objective: Floats = LATENCY_ONLY) -> tuple[tuple[int, ...], float]:
        """The best plan and its ticks by itself: `NO_TILE` or `TOO_LONG` of `search_kernel` if there is none."""
        best = np.zeros(4, np.int64)
        ticks = search_kernel.search(*self, record.links, record.drams, float(record.base.tick_hz), objective, best)
        return tuple(best.tolist()), ticks

"""From stages (bytes, cycles of each unit) to a program (integer ticks that serve every clock domain)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from accelsim.hw.schema import Hardware
from accelsim.mapping import kernel
from accelsim.mapping.record import Record
from accelsim.mapping.stage import Stage, Transfer
from accelsim.results.causes import CAUSES
from accelsim.sim import table
from accelsim.sim.distinct import distinct_stages
from accelsim.sim.table import Program, Ticks, empty_rows, too_long

_KINDS = ("inner", "inner_dram", "begin", "begin_dram", "end", "end_dram")


def assemble(stages: Sequence[Stage], hardware: Hardware) -> Program:
    """One row a stage. A transfer keeps its port busy and claims time of its DRAM (see `hw/transfers.py`)."""
    booking = _Booking(Record(hardware))
    distinct = distinct_stages(stages)
    rows = empty_rows(len(stages))
    if stages:
        unit_ticks = {name: booking.record.base.unit_ticks(name) for name in hardware.units}
        rows[:, : table.GROUP] = distinct.rows(
            _columns(stage, unit_ticks[stage.unit], booking.latency(stage)) for stage in distinct.stages
        )
    groups: dict[str, int] = {"": 0}
    nodes: dict[str, int] = {}
    rows[:, table.GROUP] = [groups.setdefault(stage.group, len(groups)) for stage in stages]
    rows[:, table.SLOTS] = [stage.slots if stage.group else 1 for stage in stages]
    rows[:, table.NODE] = [nodes.setdefault(stage.node, len(nodes)) for stage in stages]
    moves = booking.moves(distinct.stages)[distinct.of_row]
    return Program(
        rows=rows,
        inner=moves[:, 0],
        inner_dram=moves[:, 1],
        begin=moves[:, 2],
        begin_dram=moves[:, 3],
        end=moves[:, 4],
        end_dram=moves[:, 5],
        memory_of_channel=np.repeat(np.array(list(booking.record.servers.of_link.values()), np.int64), 2),
    )


def _columns(stage: Stage, ticks: int, latency: int) -> tuple[int, ...]:
    """The columns up to GROUP of a stage whose unit has so many ticks a cycle. Raises DoesNotFitError."""
    values = (
        stage.outer,
        stage.inner,
        stage.tail,
        stage.tile_cycles * ticks,
        stage.flush_cycles * ticks,
        stage.fill_cycles * ticks,
        stage.depth,
        latency,
        0,
        0,
        CAUSES.index(stage.cause),
    )
    if max(values) > table.MAX_TICKS:
        raise too_long(f"timeline: a tile of node '{stage.node}' on unit '{stage.unit}'", max(values))
    return values


class _Booking:
    """Ticks of transfers on a hardware, each worked out once."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._ticks: dict[tuple[object, ...], tuple[int, int]] = {}
        self._turns = bool(record.drams[:, kernel.SWITCH].any())
        latencies = record.links[:, kernel.LATENCY].astype(np.int64)
        self._latencies = dict(zip(record.index, latencies.tolist(), strict=True))

    def latency(self, stage: Stage) -> int:
        """Ticks before what is held by a stage arrives, beyond its transfers."""
        return stage.held_requests * max((self._latencies[t.link] for t in stage.held), default=0)

    def moves(self, stages: Sequence[Stage]) -> Ticks:
        """[stages, 6, channels] ticks of tiles, held loads and end stores: port and DRAM of each."""
        booked = np.zeros((len(stages), len(_KINDS), 2 * len(self.record.index)), np.int64)
        for own, stage in zip(booked, stages, strict=True):
            switching = self.record.servers.switching(stage) if self._turns else {}
            self._book(own[:2], stage.streams, switching)
            self._book(own[2:4], stage.held, switching, isolated=True)
            self._book(own[4:], stage.stores, switching)
        return booked

    def _book(
        self, target: Ticks, transfers: Iterable[Transfer], switching: dict[int, float], *, isolated: bool = False
    ) -> None:
        for t in transfers:
            link = self.record.index[t.link]
            server = self.record.servers.of_link[t.link]
            key = (link, t.write, t.beats, t.runs, isolated, switching.get(server, 0.0) if t.write else 0.0)
            if key not in self._ticks:
                self._ticks[key] = kernel.transfer_ticks(
                    self.record.links[link],
                    self.record.drams[max(server, 0)],
                    float(self.record.base.tick_hz),
                    t.write,
                    t.beats,
                    float(t.runs),
                    isolated,
                    key[-1],
                )
            target[:, 2 * link + t.write] += self._ticks[key]

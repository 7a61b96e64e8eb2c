"""From stages (bytes, cycles of each unit) to a program (integer ticks that serve every clock domain)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accelsim.errors import InputError
from accelsim.hw.schema import Dram, Hardware
from accelsim.mapping.stage import Stage, Transfer
from accelsim.results.causes import CAUSES
from accelsim.sim import table
from accelsim.sim.table import Program, empty_rows

MAX_TICKS_PER_CYCLE = 1_000_000
# A row of a token claims its DRAM for a few tens of cycles; whole cycles would round that up by some percent.
TICKS_PER_CLOCK_TICK = 16


@dataclass(frozen=True)
class TimeBase:
    """Ticks of a hardware: a fraction of a cycle that divides the cycles of all its clocks."""

    hardware: Hardware

    @cached_property
    def tick_hz(self) -> int:
        clocks = [round(clock.frequency.value) for clock in self.hardware.clocks.values()]
        tick = math.lcm(*clocks)
        if tick // min(clocks) > MAX_TICKS_PER_CYCLE:
            raise InputError(
                f"{self.hardware.name}: clocks of {', '.join(f'{c:,} Hz' for c in clocks)} have no common tick below "
                f"1/{MAX_TICKS_PER_CYCLE:,} cycle; round their frequencies"
            )
        return tick * TICKS_PER_CLOCK_TICK

    @cached_property
    def ticks_per_cycle(self) -> int:
        """Ticks in a cycle of the primary clock, the one that results count in."""
        return self.tick_hz // round(self.hardware.clock_hz)

    def unit_ticks(self, unit: str) -> int:
        """Ticks in a cycle of a unit."""
        return self.tick_hz // round(self.hardware.unit_clock_hz(unit))

    def link_ticks(self, link: str) -> int:
        return self.tick_hz // round(self.hardware.link_clock_hz(link))

    def cycles(self, ticks: int) -> int:
        """Whole cycles of the primary clock, rounded up: a result is never early."""
        return -(-int(ticks) // self.ticks_per_cycle)


def assemble(stages: Sequence[Stage], hardware: Hardware) -> Program:
    """One row a stage. Transfers take the beats of their link at its port's width and claim their bytes of the DRAM."""
    base = TimeBase(hardware)
    links = {name: index for index, name in enumerate(hardware.links)}
    drams = {name: i for i, name in enumerate(n for n, m in hardware.memories.items() if isinstance(m, Dram))}
    shape = (len(stages), 2 * len(links))
    moves = {
        name: np.zeros(shape, np.int64) for name in ("inner", "inner_dram", "begin", "begin_dram", "end", "end_dram")
    }
    rows = empty_rows(len(stages))
    groups: dict[str, int] = {"": 0}
    nodes: dict[str, int] = {}
    memory_of_channel = np.full(2 * len(links), -1, np.int64)
    for name, index in links.items():
        memory_of_channel[2 * index : 2 * index + 2] = drams.get(hardware.links[name].memory, -1)
    beat_ticks = {name: link.cycles_per_beat * base.link_ticks(name) for name, link in hardware.links.items()}
    claim = {name: _ticks_per_byte(hardware, name, base) for name in hardware.links}

    def book(kind: str, row: int, transfers: Iterable[Transfer]) -> None:
        for transfer in transfers:
            channel = 2 * links[transfer.link] + transfer.write
            moves[kind][row, channel] += math.ceil(transfer.beats * beat_ticks[transfer.link])
            moved = transfer.beats * words[transfer.link]
            moves[f"{kind}_dram"][row, channel] += math.ceil(moved * claim[transfer.link])

    unit_ticks = {name: base.unit_ticks(name) for name in hardware.units}
    startup = {name: link.latency.value * base.link_ticks(name) for name, link in hardware.links.items()}
    words = {name: link.beat_bytes for name, link in hardware.links.items()}
    for index, stage in enumerate(stages):
        ticks = unit_ticks[stage.unit]
        row = rows[index]
        row[table.OUTER], row[table.INNER], row[table.TAIL] = stage.outer, stage.inner, stage.tail
        row[table.COMPUTE], row[table.FLUSH] = stage.tile_cycles * ticks, stage.flush_cycles * ticks
        row[table.FILL] = stage.fill_cycles * ticks
        row[table.DEPTH], row[table.SLOTS] = stage.depth, stage.slots if stage.group else 1
        row[table.LATENCY] = stage.held_requests * max((startup[t.link] for t in stage.held), default=0)
        row[table.CAUSE] = CAUSES.index(stage.cause)
        row[table.GROUP] = groups.setdefault(stage.group, len(groups))
        row[table.NODE] = nodes.setdefault(stage.node, len(nodes))
        book("inner", index, stage.streams)
        book("begin", index, stage.held)
        book("end", index, stage.stores)
    return Program(rows=rows, memory_of_channel=memory_of_channel, **moves)


def _ticks_per_byte(hardware: Hardware, link: str, base: TimeBase) -> float:
    memory = hardware.memories[hardware.links[link].memory]
    return base.tick_hz / memory.bytes_per_s if isinstance(memory, Dram) else 0.0

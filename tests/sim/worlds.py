"""Tiny programs by name, run by the kernel and by the reference, which must agree in everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from accelsim.results.causes import CAUSES
from accelsim.sim import table
from accelsim.sim.table import Program
from accelsim.sim.timeline import Timeline, run_program
from tests.sim.reference import simulate

TIMES = ("start", "end", "compute_start", "compute_end", "held_start", "held_end")
OUTPUTS = (*TIMES, "causes", "channel_busy", "memory_busy", "total")

DRAM = ("dram", 0)
NO_DRAM = (-1, -1, -1, -1)
Row = Mapping[str, object]
Service = tuple[object, int, int]


def tiny_program(*rows: Row, memory: Sequence[int] = NO_DRAM) -> Program:
    """Rows such as {"inner": 2, "compute": 10, "read": {0: 3}, "held": {2: (8, 4)}}.

    Keys are columns in small letters, or `read`, `write`, `held`, `store`: {channel: ticks or (ticks, DRAM)}.
    """
    columns = table.empty_rows(len(rows))
    matrices = {name: np.zeros((2, len(rows), len(memory)), np.int64) for name in ("inner", "begin", "end")}
    places = {"read": "inner", "write": "inner", "held": "begin", "store": "end"}
    for r, row in enumerate(rows):
        for key, value in row.items():
            if key in places:
                assert isinstance(value, Mapping)
                for channel, ticks in value.items():
                    matrices[places[key]][:, r, channel] = ticks if isinstance(ticks, tuple) else (ticks, 0)
            else:
                columns[r, getattr(table, key.upper())] = value
    inner, begin, end = matrices["inner"], matrices["begin"], matrices["end"]
    return Program(columns, *inner, *begin, *end, np.array(memory))


def differences(a: Timeline, b: Timeline) -> list[str]:
    """The outputs that differ."""
    return [name for name in OUTPUTS if not np.array_equal(getattr(a, name), getattr(b, name))]


def differences_from_reference(program: Program, timeline: Timeline) -> list[str]:
    times, causes, _ = simulate(program)
    wrong = [name for name in TIMES if getattr(timeline, name).tolist() != [row[name] for row in times]]
    return wrong + (["causes"] if timeline.causes.tolist() != causes else [])


def run_tiny(*rows: Row, memory: Sequence[int] = NO_DRAM) -> tuple[Timeline, list[tuple[object, int, int]]]:
    """The timeline, and every service as (server, start, end) in the order of issue."""
    program = tiny_program(*rows, memory=memory)
    timeline = run_program(program)
    assert not differences_from_reference(program, timeline)
    assert not differences(timeline, run_program(program, step_every_tile=True))
    return timeline, simulate(program)[2].log


def booked(timeline: Timeline, row: int = 0) -> dict[str, int]:
    """The causes of a row that are not zero."""
    return {name: ticks for name, ticks in zip(CAUSES, timeline.causes[row].tolist(), strict=True) if ticks}

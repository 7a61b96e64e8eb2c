"""What holds for every program: accounting, physical bounds, and more hardware is never slower."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest

from accelsim.sim import table
from accelsim.sim.table import Program
from accelsim.sim.timeline import run_program
from tests.sim.random_programs import random_program

pytestmark = pytest.mark.slow

MATRICES = ("inner", "inner_dram", "begin", "begin_dram", "end", "end_dram")


def _programs(count: int) -> Iterator[tuple[Program, np.random.Generator]]:
    for seed in range(count):
        yield random_program(seed, max_outer=8, max_inner=12), np.random.Generator(np.random.Philox(seed + 1))


def _replace(program: Program, **values: np.ndarray) -> Program:
    return Program(**{f.name: values.get(f.name, getattr(program, f.name)) for f in fields(program)})


def _with_column(program: Program, column: int, values: np.ndarray | int) -> Program:
    rows = program.rows.copy()
    rows[:, column] = values
    return _replace(program, rows=rows)


def test_causes_sum_to_the_duration_of_each_row_and_rows_tile_the_time() -> None:
    for program, _ in _programs(1_000):
        timeline = run_program(program)
        assert np.array_equal(timeline.causes.sum(axis=1), timeline.end - timeline.start)
        assert (timeline.causes >= 0).all()
        assert timeline.start[0] == 0
        assert np.array_equal(timeline.start[1:], timeline.end[:-1])
        assert timeline.causes.sum() == timeline.total


def test_no_program_beats_its_channels_its_memories_or_its_compute() -> None:
    for program, _ in _programs(1_000):
        timeline, rows = run_program(program), program.rows
        work = program.tiles * rows[:, table.COMPUTE] + program.iterations * rows[:, table.FLUSH]
        once = rows[:, table.SERIAL] + rows[:, table.FILL]
        assert timeline.total >= timeline.channel_busy.max(initial=0)
        assert timeline.total >= timeline.memory_busy.max(initial=0)
        assert (timeline.end - timeline.start >= work + once).all()
        assert timeline.total <= program.upper_bound


def test_more_bandwidth_is_never_slower() -> None:
    for program, rng in _programs(1_500):
        faster = {}
        for name in MATRICES:
            ticks = getattr(program, name)
            saved = rng.integers(0, 6, ticks.shape) * (rng.random(ticks.shape) < 0.5)
            faster[name] = np.where(ticks > 0, np.maximum(1, ticks - saved), 0)
        assert run_program(_replace(program, **faster)).total <= run_program(program).total


@pytest.mark.parametrize("column", ["COMPUTE", "FLUSH", "FILL", "LATENCY", "STREAM_LATENCY", "SERIAL"])
def test_a_shorter_duration_is_never_slower(column: str) -> None:
    index = getattr(table, column)
    for program, rng in _programs(400):
        shorter = np.maximum(0, program.rows[:, index] - rng.integers(0, 6, len(program.rows)))
        assert run_program(_with_column(program, index, shorter)).total <= run_program(program).total


def test_more_stream_buffers_are_never_slower() -> None:
    for program, _ in _programs(1_000):
        deeper = np.minimum(table.MAX_DEPTH, program.rows[:, table.DEPTH] + 1)
        assert run_program(_with_column(program, table.DEPTH, deeper)).total <= run_program(program).total


def test_a_second_weight_buffer_is_never_slower_when_weights_have_their_own_servers() -> None:
    compared = gained = 0
    for program, _ in _programs(3_000):
        read, write, held, store = (ticks.any(axis=0) for ticks in program.servers())
        if (held & (read | write | store)).any():
            continue
        one, two = (run_program(_with_column(program, table.SLOTS, slots)).total for slots in (1, 2))
        assert two <= one
        compared += 1
        gained += two < one
    assert compared > 300
    assert gained > 100

"""The jump is exact: equal to stepping every tile and to the plain reference, in every output."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.sim.timeline import run_program
from tests.sim.random_programs import random_program
from tests.sim.reference import simulate
from tests.sim.worlds import differences, differences_from_reference, tiny_program


def _wrong(seeds: range, **sizes: int | bool) -> dict[int, list[str]]:
    """For each seed whose jumped timeline differs from the stepped one, the outputs that do."""
    found = {}
    for seed in seeds:
        program = random_program(seed, **sizes)
        wrong = differences(run_program(program), run_program(program, step_every_tile=True))
        if wrong:
            found[seed] = wrong
    return found


def test_jumping_equals_stepping_on_random_programs() -> None:
    assert _wrong(range(6_000)) == {}
    assert _wrong(range(1_000), branches=True) == {}


@pytest.mark.slow
def test_jumping_equals_stepping_on_many_and_longer_random_programs() -> None:
    assert _wrong(range(10_000, 40_000)) == {}
    assert _wrong(range(40_000, 42_000), max_outer=200, max_inner=200) == {}
    assert _wrong(range(50_000, 60_000), branches=True, max_rows=8) == {}


def test_kernel_equals_the_plain_reference_on_random_programs() -> None:
    for seed in range(1_000):
        program = random_program(seed, max_outer=8, max_inner=10)
        assert differences_from_reference(program, run_program(program)) == [], seed
        program = random_program(seed, max_rows=8, max_outer=6, max_inner=8, branches=True)
        assert differences_from_reference(program, run_program(program)) == [], seed


def test_busy_ticks_equal_the_services_of_the_reference() -> None:
    for seed in range(200):
        program = random_program(seed, max_outer=8, max_inner=10)
        busy: dict[object, int] = {}
        for server, start, end in simulate(program)[2].log:
            busy[server] = busy.get(server, 0) + end - start
        timeline = run_program(program)
        assert timeline.channel_busy.tolist() == [busy.get(c, 0) for c in range(program.channels)]
        assert timeline.memory_busy.tolist() == [busy.get(("dram", m), 0) for m in range(program.memories)]


def test_services_of_the_reference_never_overlap_on_a_server() -> None:
    for seed in range(200):
        free: dict[object, int] = {}
        for server, start, end in simulate(random_program(seed, max_outer=8, max_inner=10))[2].log:
            assert start >= free.get(server, 0)
            free[server] = end


def test_a_long_regular_program_is_jumped_and_a_stepped_one_is_not() -> None:
    row = {"outer": 1_000, "inner": 1_000, "tail": 7, "compute": 100, "depth": 2, "group": 1, "slots": 2}
    row |= {"read": {0: (30, 9)}, "held": {2: (5_000, 1_600)}, "store": {3: (40, 20)}, "fill": 250}
    program = tiny_program(row, memory=(0, 0, 0, 0))
    jumped, stepped = run_program(program), run_program(program, step_every_tile=True)
    assert stepped.stepped == int(program.tiles.sum()) == 1_000_007
    assert jumped.stepped < 100
    assert differences(jumped, stepped) == []


def test_a_run_does_not_change_its_program_and_repeats() -> None:
    program = random_program(7)
    first = run_program(program)
    assert differences(first, run_program(program)) == []
    with pytest.raises(ValueError, match="read-only"):
        program.rows[0, 0] = 5
    assert np.array_equal(first.start[1:], first.end[:-1])

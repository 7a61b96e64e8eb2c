"""A program that the kernel could not run right is refused before it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from accelsim.errors import DoesNotFitError, InternalError
from accelsim.mapping import timeline_kernel as kernel
from accelsim.results.causes import CAUSES, DESCRIPTIONS
from accelsim.sim import table
from accelsim.sim.table import Lanes, Program
from tests.sim.worlds import tiny_program


def _arrays(program: Program) -> dict[str, np.ndarray]:
    return {f.name: getattr(program, f.name).copy() for f in fields(program) if f.name != "lanes"}


def _set(name: str, place: tuple[int, ...], value: int) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name][place] = value

    return change


BROKEN = {
    "outer 0 is not in 1": _set("rows", (1, table.OUTER), 0),
    "row 1: depth 5 is not in 1..4": _set("rows", (1, table.DEPTH), 5),
    "cause 8 is not in 0..7": _set("rows", (0, table.CAUSE), 8),
    "slots 3 is not in 1..2": _set("rows", (0, table.SLOTS), 3),
    "row 1: compute -1": _set("rows", (1, table.COMPUTE), -1),
    "row 1: group 4 has 1 slots here, 2 before": _set("rows", (1, table.SLOTS), 1),
    "row 1: negative end ticks": _set("end", (1, 1), -3),
    "held load on a write channel": _set("begin", (0, 1), 3),
    "end store on a read channel": _set("end", (0, 2), 3),
    "DRAM of a channel that has none": _set("inner_dram", (0, 2), 3),
    "index below -1": _set("memory_of_channel", (0,), -2),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_value_out_of_range_is_refused_by_row_and_name(text: str) -> None:
    row = {"inner": 2, "group": 4, "slots": 2}
    arrays = _arrays(tiny_program(row, row, memory=(0, 0, -1, -1)))
    BROKEN[text](arrays)
    with pytest.raises(InternalError, match=text.replace("..", r"\.\.")):
        Program(**arrays)


LANES = {
    "after itself or a later one": {"after": np.array([[-1], [1]])},
    "needs a lane": {"lane": np.array([0])},
    "must be at least 1": {"stretch": np.full((2, 5), 0.5)},
}


@pytest.mark.parametrize("text", LANES)
def test_lanes_that_cannot_be_run_are_refused(text: str) -> None:
    program = tiny_program({"inner": 2}, {"inner": 2}, memory=(0, 0, -1, -1))
    right = Lanes(after=np.array([[-1], [-1]]), lane=np.array([0, 1]), stretch=np.ones((2, 5)))
    assert replace(program, lanes=right).servers()[0].shape == (2, 10)
    with pytest.raises(InternalError, match=text):
        replace(program, lanes=replace(right, **LANES[text]))


@pytest.mark.parametrize("name", ["rows", "inner", "end_dram", "memory_of_channel"])
def test_a_shape_that_does_not_match_is_refused(name: str) -> None:
    arrays = _arrays(tiny_program({"inner": 2}))
    arrays[name] = arrays[name][..., :-1]
    with pytest.raises(InternalError, match="program: "):
        Program(**arrays)


def test_times_that_could_overflow_are_refused_before_running() -> None:
    tiny_program({"outer": 2**20, "inner": 2**20, "compute": 2**19})
    with pytest.raises(DoesNotFitError, match=r"up to 1\.15e\+18 ticks"):
        tiny_program({"outer": 2**20, "inner": 2**20, "compute": 2**20, "fill": 2**30})
    with pytest.raises(DoesNotFitError):
        tiny_program({"outer": 2**40, "inner": 2**40, "compute": 2**40})


def test_kernel_constants_are_the_positions_of_their_causes() -> None:
    assert len(CAUSES) == kernel.CAUSE_COUNT
    assert CAUSES[kernel.FILL_DRAIN] == "fill_drain"
    assert CAUSES[kernel.WEIGHT_LOAD] == "weight_load"
    assert CAUSES[kernel.INPUT_WAIT] == "input_wait"
    assert CAUSES[kernel.OUTPUT_WAIT] == "output_wait"
    assert CAUSES[kernel.SERIAL_OVERHEAD] == "serial"
    assert tuple(DESCRIPTIONS) == CAUSES


def test_totals_of_a_program_count_the_tail_as_one_more_iteration() -> None:
    program = tiny_program(
        {"outer": 3, "inner": 5, "tail": 2, "read": {0: (4, 1)}, "held": {0: (7, 2)}, "store": {3: (1, 1)}},
        memory=(1, 1, 0, 0),
    )
    assert program.tiles.tolist() == [17]
    assert program.iterations.tolist() == [4]
    assert program.channel_ticks.tolist() == [[17 * 4 + 4 * 7, 0, 0, 4]]
    assert program.memory_ticks.tolist() == [[4, 17 * 1 + 4 * 2]]

"""Rows that are one stage under several names."""

from __future__ import annotations

from dataclasses import replace

from accelsim.mapping.stage import Stage, Transfer
from accelsim.sim.distinct import distinct_stages


def test_a_renamed_stage_is_the_same_and_a_changed_one_is_not() -> None:
    move = Transfer("link", False, 8.0, 1, "x.x")
    first = Stage("a", "main", "array", "compute", inner=3, tile_cycles=5, streams=(move,))
    renamed = first.named(node="b", part="other", constants=("w",), group="g")
    again = renamed.named(node="c", part="main", constants=(), group="")
    changed = replace(again, inner=4)
    found = distinct_stages([renamed, first, changed, again])
    assert found.stages == (renamed, changed)  # under the name of the first row
    assert found.of_row.tolist() == [0, 0, 1, 0]
    assert found.counts == [3, 1]
    assert found.rows(stage.compute_cycles for stage in found.stages).tolist() == [15, 15, 20, 15]
    assert (again.original, again.node, again.constants) == (first, "c", ())


def test_no_rows_are_no_stages() -> None:
    found = distinct_stages([])
    assert (found.stages, found.counts, found.rows([]).shape) == ((), [], (0,))

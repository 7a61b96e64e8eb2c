"""Fold formulas: equal to moving every operand of a small array line by line, and never below the work."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.ir import Axis
from accelsim.mapping.dataflows.folds import SIDES, Array, folds_of

DATAFLOWS = tuple(SIDES)
OVERLAPS = ("none", "preload", "full")
sizes = st.integers(1, 60)


def _lines_of_one_fold(array: Array, stream: int) -> int:
    """Move a fold through the array: every place works once per streamed line, one line after its upper and its left
    neighbour; the stationary operand is shifted in first, and results that stay are shifted out last."""
    stays = array.dataflow == "output-stationary"
    first = 0 if stays else array.rows
    last = 0
    for row, column, line in itertools.product(range(array.rows), range(array.columns), range(stream)):
        last = max(last, first + line + row + column)
    return last + 1


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (4, 4), (5, 1)])
@pytest.mark.parametrize("stream", [1, 2, 7])
def test_a_fold_alone_takes_as_many_lines_as_moving_its_operands(dataflow, rows, columns, stream) -> None:
    array = Array(rows, columns, dataflow)
    assert array.fold_cycles(stream) == _lines_of_one_fold(array, stream)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_without_overlap_a_product_costs_every_fold_in_full(dataflow) -> None:
    m, n, k = 9, 14, 11
    array = Array(4, 3, dataflow)
    size = {Axis.ROW: m, Axis.OUTPUT: n, Axis.REDUCE: k}
    sides = SIDES[dataflow]
    cycles = 0
    for _ in itertools.product(range(0, size[sides.rows], 4), range(0, size[sides.columns], 3)):
        cycles += _lines_of_one_fold(array, size[sides.stream])
    assert folds_of(array, m, n, k).cycles == cycles


@given(
    size=st.tuples(sizes, sizes, sizes),
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    dataflow=st.sampled_from(DATAFLOWS),
)
def test_cycles_are_never_below_the_products_of_all_places_and_overlap_never_slows(
    size: tuple[int, int, int], rows: int, columns: int, dataflow
) -> None:
    found = [folds_of(Array(rows, columns, dataflow, overlap), *size).cycles for overlap in OVERLAPS]
    assert found == sorted(found, reverse=True)
    assert found[-1] * rows * columns >= math.prod(size)
    assert 0 < folds_of(Array(rows, columns, dataflow), *size).mapping_efficiency <= 1

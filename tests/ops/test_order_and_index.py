"""Ties in top_k, orders that are stable, indices that point outside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.ir.graph import AttrValue
from accelsim.ops.registry import op_spec
from tests.contracts.case import Array, Case, floats, whole

few_values = st.lists(st.integers(-2, 2), min_size=1, max_size=12)


def reference(op: str, *arrays: Array, **attrs: AttrValue) -> tuple[Array, ...]:
    spec = op_spec(op)
    return spec.reference(arrays, spec.bind("sample", attrs))


@given(few_values, st.data())
def test_top_k_sorts_by_value_and_then_by_lower_index(values: list[int], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]
    for dtype in (np.float32, np.int64):
        x = np.array(values, dtype)
        kept, indices = reference("top_k", x, k=k)
        assert indices.tolist() == expected
        assert kept.tolist() == [values[i] for i in expected]


@given(few_values)
def test_top_k_along_another_axis_is_that_of_each_column(values: list[int]) -> None:
    x = np.stack([np.array(values), -np.array(values)], axis=1).astype(np.float32)
    _, indices = reference("top_k", x, k=len(values), axis=0)
    for column in range(2):
        assert np.array_equal(indices[:, column], reference("top_k", x[:, column], k=len(values))[1])


def test_top_k_takes_the_smallest_integer_for_what_it_is() -> None:
    lowest = np.iinfo(np.int64).min
    assert reference("top_k", np.array([lowest, 0, lowest], np.int64), k=3)[1].tolist() == [1, 0, 2]


def test_zeros_of_both_signs_are_a_tie() -> None:
    assert reference("top_k", np.array([-0.0, 0.0], np.float32), k=2)[1].tolist() == [0, 1]


@given(few_values)
def test_argsort_keeps_equal_values_in_order(values: list[int]) -> None:
    (order,) = reference("argsort", np.array(values, np.float32))
    assert order.tolist() == sorted(range(len(values)), key=lambda i: (values[i], i))


def test_a_sort_costs_a_comparison_a_value_in_each_pass_of_a_merge_sort() -> None:
    assert [_argsort_points(n) for n in (1, 2, 3, 8, 9)] == [0, 2, 6, 24, 36]


def _argsort_points(length: int) -> int:
    return Case("argsort", (floats(length),), {}).nests()[0].points


def test_gather_counts_negative_indices_from_the_end() -> None:
    assert reference("gather", whole(5, 6, 7), whole(-1, 0))[0].tolist() == [7, 5]


def test_scatter_add_adds_rows_that_share_an_index() -> None:
    updates = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    (y,) = reference("scatter_add", whole(1, 1, 0), updates, rows=3)
    assert y.tolist() == [[5, 6], [4, 6], [0, 0]]


@pytest.mark.parametrize(
    ("op", "arrays", "attrs", "message"),
    [
        ("gather", (floats(3), whole(0, 3)), {}, "gather: indices holds 3, outside of -3 to 2"),
        ("gather", (floats(3), whole(-4)), {}, "gather: indices holds -4, outside of -3 to 2"),
        (
            "scatter_add",
            (whole(-1), floats(1)),
            {"rows": 2},
            "scatter_add: indices holds -1, outside of 0 to 1",
        ),
        ("one_hot", (whole(1, 4),), {"depth": 4}, "one_hot: indices holds 4, outside of 0 to 3"),
        (
            "grouped_linear",
            (floats(1, 2), whole(2), floats(2, 3, 2), floats(2, 3)),
            {},
            "grouped_linear: groups holds 2, outside of 0 to 1",
        ),
    ],
    ids=["gather-high", "gather-low", "scatter_add", "one_hot", "grouped_linear"],
)
def test_an_index_outside_is_an_error_that_names_it(
    op: str, arrays: tuple[Array, ...], attrs: dict[str, AttrValue], message: str
) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        reference(op, *arrays, **attrs)

"""Borrowed arrays are the same memory, and nobody's to free."""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from accelsim.mapping.borrow_kernel import borrowed, keep_alive


class Pair(NamedTuple):
    table: np.ndarray
    column: np.ndarray


@njit
def _fill(pair, times):
    for row in range(pair.table.shape[0]):
        view = pair.table[row]
        view[:] = times * row + pair.column[: view.shape[0]]
    return pair.table.sum()


@njit
def _lend(pair, times):
    own = np.ones(pair.column.shape[0])
    total = _fill(*borrowed((pair, times)))
    more = _fill(borrowed(Pair(pair.table, own)), times)
    keep_alive(own)
    return total, more


def test_what_is_borrowed_is_written_in_place_and_not_counted() -> None:
    pair = Pair(np.zeros((4, 3)), np.arange(3.0))
    before = sys.getrefcount(pair.table), sys.getrefcount(pair.column)
    for _ in range(100):
        total, more = _lend(pair, 10)
    assert (total, more) == (4 * 3 + 3 * 60, 12 + 3 * 60)
    np.testing.assert_array_equal(pair.table, 1.0 + 10 * np.arange(4)[:, None] * np.ones(3))
    assert (sys.getrefcount(pair.table), sys.getrefcount(pair.column)) == before


def test_a_tuple_of_arrays_and_numbers_comes_through_as_it_is() -> None:
    @njit
    def through(things):
        first, (second, number) = borrowed(things)
        return first[0] + second[1, 0] + number

    assert through((np.array([1.0]), (np.array([[2], [3]]), 4))) == 8.0


def test_what_is_counted_and_no_array_is_refused() -> None:
    @njit
    def lend(things):
        return borrowed(things)[0][0]

    with pytest.raises(TypingError, match="cannot be borrowed: arrays, numbers and tuples of them can"):
        lend((np.ones(3), "text"))

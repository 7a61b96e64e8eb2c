"""The table: spreads, how many seeds, and when a difference is one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.train.registry import COMPARED, ROWS
from models.train.rows import Row
from models.train.table import Values, table, verdict


@pytest.mark.parametrize(
    ("ours", "other", "higher", "says"),
    [
        ((0.5, 0.6), (0.3, 0.4), True, "better"),
        ((0.5, 0.6), (0.3, 0.4), False, "worse"),
        ((0.3, 0.4), (0.5, 0.6), True, "worse"),
        ((0.5, 0.6), (0.45, 0.56), True, "undecided ("),
        ((0.4, 0.6), (0.35, 0.36), True, "undecided ("),
        ((0.9,), (0.1, 0.2), True, "undecided, one seed"),
    ],
)
def test_a_difference_counts_where_it_is_larger_than_both_spreads(
    ours: tuple[float, ...], other: tuple[float, ...], higher: bool, says: str
) -> None:
    assert verdict(Values(ours), Values(other), higher_is_better=higher).startswith(says)


def test_a_baseline_needs_one_value_only() -> None:
    assert verdict(Values((0.5, 0.6)), Values((0.3,), seeded=False), higher_is_better=True).startswith("better")


def _row(name: str, seed: int, value: float) -> Row:
    metrics = {"validation": {"digits": value - 0.01}, "test": {"digits": value}}
    return Row(name, seed, "cluttered-digits", {"digits": "classification"}, metrics, 100, 5.0, 1234, 0.5)


def test_the_table_tells_seeds_spread_and_what_comes_out() -> None:
    rows = [_row("a", 0, 0.9), _row("a", 1, 0.92), _row("b", 0, 0.5), _row("b", 1, 0.51)]
    said = table(rows, [("a beats b", "a", "b"), ("a beats c", "a", "c")])
    assert "| a | 0.9100 (0.9000..0.9200) | 0.9000 | 2 | 1,234 | 0.5000 | 100 | 5 |" in said
    assert "| a beats b | a, b | digits | better (+0.4050) |" in said
    assert "| a beats c | a, c | - | not trained |" in said


def test_the_table_shows_what_experts_do() -> None:
    usage = {"experts_used": [16, 15], "largest_share": [0.1, 0.2], "experts_in_common": 0.5}
    row = replace(_row("a", 0, 0.9), details={"routing": {"encoder.blocks.1.moe": usage}})
    assert "| a | 0 | encoder.blocks.1.moe | 16, 15 | 0.1, 0.2 | 0.5 |" in table([row], [])


def test_comparisons_are_of_rows_that_there_are() -> None:
    assert {name for _, *pair in COMPARED for name in pair} <= set(ROWS)

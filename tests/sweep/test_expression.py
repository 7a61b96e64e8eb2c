from __future__ import annotations

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.sweep.expression import parse_condition

COLUMNS = {
    "units.array.rows": np.array([8, 16, 32]),
    "units.array.cols": np.array([16, 16, 16]),
    "memories.in-buffer.words": np.array([1.0, 2.0, np.nan]),
    "latency_s": np.array([0.01, 0.033, 0.05]),
    "hardware": np.array(["a", "b", "a"]),
    "fits": np.array([True, False, True]),
}


def holds(text: str) -> list[bool]:
    return parse_condition(text, COLUMNS).holds(COLUMNS).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("units.array.rows == units.array.cols", [False, True, False]),
        ("units.array.rows * units.array.cols <= 256", [True, True, False]),
        ("8 < units.array.rows <= 32", [False, True, True]),
        ("latency_s < 33 ms", [True, False, False]),
        ("latency_s < 33ms and fits", [True, False, False]),
        ("not fits or hardware == 'b'", [False, True, False]),
        ("hardware in ['a', 'c'] and units.array.rows in [8, 16]", [True, False, False]),
        ("memories.in-buffer.words >= 1", [True, True, False]),
        ("-units.array.rows + 2 ** 4 == 0", [False, True, False]),
        ("fits == true", [True, False, True]),
        ("units.array.rows % 16 == 0", [False, True, True]),
        ("units.array.rows * 1e3 > 1.6e4", [False, False, True]),
    ],
)
def test_conditions_are_evaluated_over_columns(text: str, expected: list[bool]) -> None:
    assert holds(text) == expected


def test_a_condition_names_the_columns_it_reads() -> None:
    assert parse_condition("fits and latency_s < 1 s and fits", COLUMNS).names == ("fits", "latency_s")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("latency < 1", "no column 'latency' -- did you mean 'latency_s'?"),
        ("latency_s <", "cannot be read"),
        ("__import__('os')", "no column '__import__'"),
        ("fits.__class__", "no column 'fits.__class__'"),
        ("latency_s[0] < 1", "subscript is not allowed"),
        ("[fits for fits in fits]", "no column 'for'"),
        ("hardware + 1 == 2", "condition"),
        ("(" * 500 + "1" + ")" * 500, "cannot be read"),
        ("1 " * 2000, "more than 2000"),
        ("latency_s < 3 parsecs", "no column 'parsecs'"),
    ],
)
def test_what_is_no_condition_is_an_input_error(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("(", r"\(").replace("?", r"\?")):
        parse_condition(text, COLUMNS).holds(COLUMNS)

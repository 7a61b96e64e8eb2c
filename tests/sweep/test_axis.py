from __future__ import annotations

from typing import Any

import pytest

from accelsim.errors import InputError
from accelsim.sweep.axis import number_of, values_of


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([8, 16, 32], (8, 16, 32)),
        (7, (7,)),
        (["os", "ws"], ("os", "ws")),
        ({"from": 8, "to": 64, "factor": 2}, (8, 16, 32, 64)),
        ({"from": 8, "to": 60, "factor": 2}, (8, 16, 32)),
        ({"from": 1, "to": 10, "step": 3}, (1, 4, 7, 10)),
        ({"from": "8 GB/s", "to": "16 GB/s", "steps": 3}, ("8 GB/s", "12 GB/s", "16 GB/s")),
        ({"from": "2 GB/s", "to": "3 GB/s", "steps": 3}, ("2 GB/s", "2.5 GB/s", "3 GB/s")),
        ({"from": "1 bit", "to": "4 bit", "steps": 3}, ("1 bit", "2 bit", "4 bit")),
        ({"from": 1, "to": 100, "steps": 3, "scale": "log"}, (1, 10, 100)),
        ({"from": 1, "to": 4, "steps": 9}, (1, 2, 3, 4)),
        ({"from": 0.5, "to": 1.0, "steps": 3}, (0.5, 0.75, 1)),
        ({"from": "1.5 GHz", "to": "2 GHz", "step": "0.5 GHz"}, ("1.5 GHz", "2.0 GHz")),
    ],
)
def test_ranges_and_lists(given: Any, expected: tuple[Any, ...]) -> None:
    assert tuple(map(str, values_of("x", given))) in (tuple(map(str, expected)), ("1.5 GHz", "2 GHz"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "empty list"),
        ([1, 1], "listed twice"),
        ({"from": 1, "to": 8}, "a range is"),
        ({"from": 1, "to": 8, "stride": 1}, "'stride' is no part"),
        ({"from": 8, "to": 1, "step": 1}, "must be below"),
        ({"from": "1 GB/s", "to": "8 GHz", "steps": 3}, "same unit"),
        ({"from": 1, "to": 8, "step": 0}, "positive"),
        ({"from": 0, "to": 8, "factor": 2}, "above 0"),
        ({"from": 1, "to": 1e9, "step": 1}, "at most"),
        ({"from": 1, "to": 8, "steps": 4, "scale": "cubic"}, "linear or log"),
        ([[1]], "is not a value"),
    ],
)
def test_what_is_no_axis_is_an_input_error(given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        values_of("units.array.rows", given)


def test_columns_hold_si_numbers() -> None:
    assert number_of("8 GB/s") == 8_000_000_000
    assert number_of("64 KiB") == 65536
    assert number_of("weight-stationary") == "weight-stationary"
    assert number_of(16) == 16
    assert number_of("1.5 ms") == 0.0015

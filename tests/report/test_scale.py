"""Numbers for people."""

from __future__ import annotations

import pytest

from accelsim.report.scale import byte_scale, energy_scale, fixed, percent, significant, time_scale


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (34.14, 3, "34.1"),
        (9.996, 3, "10.0"),
        (1234.4, 3, "1,234"),
        (0.0213, 2, "0.021"),
        (0, 3, "0"),
        (-2.345, 3, "-2.35"),
    ],
)
def test_significant_digits(value: float, digits: int, text: str) -> None:
    assert significant(value, digits) == text


@pytest.mark.parametrize(("seconds", "text"), [(2.5, "2.50 s"), (0.0341, "34.1 ms"), (4.2e-6, "4.20 us"), (0, "0 ns")])
def test_time_takes_the_unit_that_fits(seconds: float, text: str) -> None:
    assert time_scale(seconds).full(seconds) == text


def test_energy_stays_in_joules_down_to_a_tenth() -> None:
    assert energy_scale(0.21).full(0.21, 2) == "0.21 J"
    assert energy_scale(0.021).full(0.021, 2) == "21 mJ"
    assert energy_scale(0.21, joules_from=1.0).full(0.21, 2) == "210 mJ"


def test_bytes_are_binary() -> None:
    assert byte_scale(3 * 2**20).full(3 * 2**20) == "3.00 MiB"


def test_a_column_has_one_number_of_decimals() -> None:
    scale = time_scale(0.03346)
    assert [scale.cell(value) for value in (0.03346, 0.00818, 0.0)] == ["33.46", "8.18", "0.00"]


def test_what_would_round_to_zero_is_not_shown_as_zero() -> None:
    assert fixed(0.0001, 2) == "<0.01"
    assert percent(1, 100_000) == "<0.1"
    assert percent(0, 100) == "0.0"
    assert percent(1, 0) == "-"

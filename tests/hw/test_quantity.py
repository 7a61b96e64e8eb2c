from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from accelsim.hw.quantity import Bits, Count, Cycles, Hertz, Joules, Ratio


class Numbers(BaseModel):
    clock: Hertz | None = None
    count: Count | None = None
    cycles: Cycles | None = None
    bits: Bits | None = None
    ratio: Ratio | None = None
    energy: Joules | None = None


def read(field: str, raw: object) -> Any:
    return getattr(Numbers.model_validate({field: raw}), field)


def problem(field: str, raw: object) -> str:
    with pytest.raises(ValidationError) as caught:
        read(field, raw)
    return " | ".join(detail["msg"] for detail in caught.value.errors())


def test_a_sourced_value_is_read_in_si_units() -> None:
    quantity = read("clock", {"value": "299.97 MHz", "sourced": "a log"})
    assert (quantity.value, quantity.low, quantity.high) == (299.97e6, 299.97e6, 299.97e6)
    assert (quantity.kind, quantity.text, quantity.dimension) == ("sourced", "a log", "hz")


def test_an_estimate_keeps_its_range() -> None:
    quantity = read("cycles", {"value": "255 cycles", "estimate": "x", "range": ["178 cycles", "305 cycles"]})
    assert (quantity.value, quantity.low, quantity.high, quantity.kind) == (255, 178, 305, "estimate")


def test_a_calibrated_value_keeps_its_rows() -> None:
    quantity = read("energy", {"value": "3.6 pJ", "calibrated": "how", "rows": ["a/b"]})
    assert quantity.value == pytest.approx(3.6e-12)
    assert quantity.rows == ("a/b",)


def test_counts_and_cycles_are_whole_numbers_in_python() -> None:
    assert isinstance(read("count", {"value": 3, "sourced": "x"}).value, int)
    assert isinstance(read("cycles", {"value": "7 cycles", "sourced": "x"}).value, int)


@pytest.mark.parametrize(
    ("field", "raw", "expected"),
    [
        ("clock", "300 MHz", "has no provenance"),
        ("clock", {"value": "300 MHz"}, "exactly one of sourced, estimate, calibrated; found none"),
        ("clock", {"value": "300 MHz", "sourced": "a", "estimate": "b"}, "found sourced, estimate"),
        ("clock", {"value": "300 MHz", "sourced": "  "}, "must be a text"),
        ("clock", {"value": "300 Mhz", "sourced": "a"}, "did you mean 'MHz'?"),
        ("clock", {"value": 300, "sourced": "a"}, "has no unit"),
        ("clock", {"value": "300 MHz", "source": "a"}, "did you mean 'sourced'?"),
        ("clock", {"sourced": "a"}, "needs 'value'"),
        ("cycles", {"value": "9 cycles", "estimate": "a"}, "needs 'range: [low, high]'"),
        ("cycles", {"value": "9 cycles", "estimate": "a", "range": ["9 cycles"]}, "two values"),
        (
            "cycles",
            {"value": "9 cycles", "estimate": "a", "range": ["1 cycle", "8 cycles"]},
            "outside its range",
        ),
        (
            "cycles",
            {"value": "9 cycles", "sourced": "a", "range": ["1 cycle", "9 cycles"]},
            "belongs to an estimate",
        ),
        ("cycles", {"value": "1.5 cycles", "sourced": "a"}, "must be a whole number"),
        ("cycles", {"value": "-1 cycles", "sourced": "a"}, "must lie between 0 and"),
        ("count", {"value": 0, "sourced": "a"}, "must lie between 1 and"),
        ("count", {"value": True, "sourced": "a"}, "is not a plain number"),
        ("count", {"value": "4", "sourced": "a"}, "is not a plain number"),
        ("ratio", {"value": 1.01, "sourced": "a"}, "must lie between 1e-09 and 1"),
        ("ratio", {"value": float("nan"), "sourced": "a"}, "is not a plain number"),
        ("count", {"value": 2, "calibrated": "a"}, "needs 'rows'"),
        ("count", {"value": 2, "sourced": "a", "rows": ["r"]}, "'rows' belongs to a calibrated value"),
    ],
)
def test_a_wrong_quantity_says_what_would_help(field: str, raw: object, expected: str) -> None:
    assert expected in problem(field, raw)

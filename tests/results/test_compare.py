from __future__ import annotations

import pytest

from accelsim.errors import InputError
from accelsim.results.compare import Change, Comparison, changed_settings, parse_trip


def comparison(**metrics: tuple[float | None, float | None]) -> Comparison:
    changes = tuple(Change(name, before, after) for name, (before, after) in metrics.items())
    return Comparison("a", "b", (), changes, (), ())


@pytest.mark.parametrize(
    ("text", "trips"),
    [
        ("latency_s > +2%", True),
        ("latency_s > +10%", False),
        ("latency_s >= 9.9 %", True),
        ("latency_s < -1%", False),
        ("latency_s > 0.021", True),
        ("latency_s <= 2.2e-2", True),
        ("energy_j < -20%", True),
        ("cycles > 0%", False),
    ],
)
def test_conditions_on_a_change(text: str, trips: bool) -> None:
    found = comparison(latency_s=(0.02, 0.022), energy_j=(1.0, 0.75), cycles=(5, 5))
    assert parse_trip(text).trips(found) is trips


def test_a_change_that_cannot_be_told_trips() -> None:
    found = comparison(stall_host=(0, 7), uram=(None, 3))
    assert parse_trip("stall_host > +5%").trips(found)
    assert parse_trip("uram > +5%").trips(found)
    assert not parse_trip("uram > 5").trips(found)


@pytest.mark.parametrize("text", ["latency_s", "latency_s > two", "latency_s = 2%", "> 2%", ""])
def test_what_is_no_condition_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        parse_trip(text)


def test_a_metric_that_is_not_compared_is_named() -> None:
    with pytest.raises(InputError, match="did you mean 'latency_s'"):
        parse_trip("latency > 2%").trips(comparison(latency_s=(1, 1)))


def test_settings_that_differ_are_listed_in_order() -> None:
    before, after = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"}
    rows = [(row.path, row.before, row.after) for row in changed_settings(before, after)]
    assert rows == [("b", "2", "4"), ("c", "3", ""), ("d", "", "5")]

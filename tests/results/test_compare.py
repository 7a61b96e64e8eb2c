from __future__ import annotations

from dataclasses import replace

import pytest

from accelsim.errors import InputError
from accelsim.ir.frozen import FrozenMap
from accelsim.results.compare import Change, Comparison, changed_settings, compare, parse_trip
from tests.results.sample import sample_result


def comparison(**metrics: tuple[float | None, float | None]) -> Comparison:
    changes = tuple(Change(name, before, after) for name, (before, after) in metrics.items())
    return Comparison("a", "b", (), changes)


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("latency_s", "column 10: expected one of >=, <=, >, <, found the end"),
        ("latency_s > two", "column 13: expected a number, found 'two'"),
        ("latency_s = 2%", "column 11: expected one of >=, <=, >, <, found '= 2%'"),
        ("latency_s >> 2%", "column 12: expected a number, found '> 2%'"),
        ("latency_s > 2% more", "column 16: expected % or the end, found 'more'"),
        ("> 2%", "column 1: expected a metric, found '> 2%'"),
        ("", "column 1: expected a metric, found the end"),
    ],
)
def test_what_is_no_condition_says_where_it_goes_wrong(text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_trip(text)
    assert said in str(raised.value)


def test_a_metric_that_is_not_compared_is_named() -> None:
    with pytest.raises(InputError, match="column 1: 'latency' is not compared -- did you mean 'latency_s'"):
        parse_trip("latency > 2%").trips(comparison(latency_s=(1, 1)))


def test_settings_that_differ_are_listed_in_order() -> None:
    before, after = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"}
    rows = [(row.path, row.before, row.after) for row in changed_settings(before, after)]
    assert rows == [("b", "2", "4"), ("c", "3", ""), ("d", "", "5")]


def test_runs_differ_by_scenario_and_by_settings_of_their_hardware() -> None:
    first = replace(sample_result(), settings=FrozenMap({"clocks.pl.frequency": "300 MHz", "units.a.rows": "32"}))
    second = replace(first, model="m3vit-small", settings=FrozenMap({**first.settings, "units.a.rows": "64"}))
    rows = [(row.path, row.before, row.after) for row in compare(first, second).settings]
    assert rows == [("model", "m3vit-tiny", "m3vit-small"), ("units.a.rows", "32", "64")]


def test_settings_that_one_side_does_not_tell_are_not_called_different() -> None:
    older = sample_result()
    newer = replace(older, settings=FrozenMap({"units.a.rows": "64"}))
    found = compare(older, newer, names=("old", "new"))
    assert (found.settings, found.untold) == ((), ("old",))


def test_nodes_say_what_changed_and_which_are_new_or_gone() -> None:
    before = sample_result()
    first, *others = before.nodes
    slower = replace(first, cycles=2 * first.cycles, dram_read_bytes=0, bound="link in")
    after = replace(before, nodes=(slower, *others[1:], replace(others[0], name="new", cycles=1)))
    found = {node.name: node for node in compare(before, after).nodes}
    assert next(iter(found)) == first.name
    changed = found[first.name]
    assert (changed.cycles.percent, changed.bound, changed.differs) == (100.0, (first.bound, "link in"), True)
    assert changed.dram_bytes.after == first.dram_write_bytes
    assert changed.energy_j.percent == 0
    assert (found[others[0].name].cycles.after, found[others[0].name].bound[1]) == (None, "")
    assert found["new"].cycles.before is None
    assert not found[others[1].name].differs

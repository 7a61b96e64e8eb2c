"""The interval of a result: each estimate at the end that helps or hurts, also where two only bind together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from accelsim.evaluate import ranges
from accelsim.evaluate.ranges import latency_range


class FakeHardware:
    """Seconds are a function of the values; `with_values` is all that a range needs of a hardware."""

    clock_hz = 1.0

    def __init__(self, seconds, values: dict[str, float], estimates: dict[str, tuple[float, float]]) -> None:
        self.seconds, self.values, self.estimates = seconds, values, estimates

    def with_values(self, values: dict[str, float]) -> FakeHardware:
        return FakeHardware(self.seconds, {**self.values, **values}, self.estimates)

    def timing_estimates(self):
        return tuple(
            SimpleNamespace(path=path, value=self.values[path], low=low, high=high, dimension="count", text="why")
            for path, (low, high) in self.estimates.items()
        )


@pytest.fixture(autouse=True)
def _seconds_of_the_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "time_frames", lambda frames, hw: SimpleNamespace(cycles=hw.seconds(hw.values)))


def _range(seconds, values, estimates):
    return latency_range([], FakeHardware(seconds, values, estimates))


def test_a_latency_helps_when_low_and_a_bandwidth_when_high() -> None:
    found = _range(
        lambda v: v["latency"] + 100 / v["bandwidth"],
        {"latency": 20.0, "bandwidth": 5.0},
        {"latency": (10.0, 30.0), "bandwidth": (4.0, 10.0)},
    )
    assert (found.total.low, found.total.high) == (10 + 10, 30 + 25)
    assert [effect.path for effect in found.effects] == ["latency", "bandwidth"]
    assert (found.effects[1].latency_low_s, found.effects[1].latency_high_s) == (20 + 25, 20 + 10)


@pytest.mark.parametrize("order", [("read", "write"), ("write", "read")])
def test_two_bandwidths_that_bind_only_together_widen_the_range(order: tuple[str, str]) -> None:
    """Alone, neither matters: the other resource hides it."""

    def seconds(values: dict[str, float]) -> float:
        return max(50.0, 100 / values["read"] if values["other"] < 5 else 0.0, 60.0 if values["other"] < 1 else 0.0)

    estimates = {"read": (1.0, 4.0), "other": (2.0, 9.0)}
    names = {"read": "read", "write": "other"}
    ordered = {names[name]: estimates[names[name]] for name in order}
    found = _range(seconds, {"read": 3.0, "other": 6.0}, ordered)
    assert found.total.high == 100.0
    assert found.total.low == 50.0

"""The interval of a result: each estimate at the end that helps or hurts, also where two only bind together."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from accelsim.evaluate.ranges import corners, spread
from accelsim.evaluate.simulate import timed
from accelsim.hw.load import load_hardware
from accelsim.sim.timing import Frame, time_frames
from accelsim.sim.totals import totals
from tests.mapping.conftest import SMALL, linear_graph


class FakeHardware:
    """Seconds are a function of the values; `with_values` is all that the search of corners needs of a hardware."""

    def __init__(self, values: dict[str, float], estimates: dict[str, tuple[float, float]]) -> None:
        self.values, self.estimates = values, estimates

    def with_values(self, values: dict[str, float]) -> FakeHardware:
        return FakeHardware({**self.values, **values}, self.estimates)

    def timing_estimates(self):
        return tuple(SimpleNamespace(path=path, low=low, high=high) for path, (low, high) in self.estimates.items())


def _corners(seconds, values, estimates) -> tuple[float, float]:
    hardware = FakeHardware(values, estimates)
    ends = {
        path: tuple(seconds(hardware.with_values({path: end}).values) for end in limits)
        for path, limits in estimates.items()
    }
    fastest, slowest = corners(hardware, ends, lambda changed: seconds(changed.values))
    return seconds(fastest.values), seconds(slowest.values)


def test_a_latency_helps_when_low_and_a_bandwidth_when_high() -> None:
    found = _corners(
        lambda v: v["latency"] + 100 / v["bandwidth"],
        {"latency": 20.0, "bandwidth": 5.0},
        {"latency": (10.0, 30.0), "bandwidth": (4.0, 10.0)},
    )
    assert found == (10 + 10, 30 + 25)


@pytest.mark.parametrize("order", [("read", "write"), ("write", "read")])
def test_two_bandwidths_that_bind_only_together_widen_the_range(order: tuple[str, str]) -> None:
    """Alone, neither matters: the other resource hides it."""

    def seconds(values: dict[str, float]) -> float:
        return max(50.0, 100 / values["read"] if values["other"] < 5 else 0.0, 60.0 if values["other"] < 1 else 0.0)

    estimates = {"read": (1.0, 4.0), "other": (2.0, 9.0)}
    names = {"read": "read", "write": "other"}
    ordered = {names[name]: estimates[names[name]] for name in order}
    assert _corners(seconds, {"read": 3.0, "other": 6.0}, ordered) == (50.0, 100.0)


@pytest.fixture(scope="module")
def slow_memory(tmp_path_factory: pytest.TempPathFactory):
    """The small accelerator with an estimated DRAM that bounds it, an estimated fill and an estimated LUT count."""
    text = SMALL.replace(
        "bandwidth: 100 GB/s, efficiency: 1.0",
        "bandwidth: 1 GB/s, efficiency: {value: 0.5, estimate: a guess, range: [0.25, 1.0]}",
    ).replace(
        "vector: {kind: vector, sourced: test, lanes: 4, fill: 2 cycles}",
        "vector: {kind: vector, sourced: test, lanes: 4, fill: {value: 2 cycles, estimate: unused, "
        "range: [1 cycles, 9 cycles]}, resources: {lut: {value: 500, estimate: a guess, range: [100, 900]}}}",
    )
    path = tmp_path_factory.mktemp("ranges") / "slow.yaml"
    path.write_text(text, encoding="utf-8")
    return load_hardware(path)


def test_each_estimate_is_simulated_at_both_ends_and_ranked(slow_memory) -> None:
    frames = [Frame("", linear_graph(64, 32, 32))]
    nominal = totals(time_frames(frames, slow_memory))
    found = spread(frames, slow_memory, nominal)
    effects = {effect.path: effect for effect in found.effects}

    efficiency = effects["memories.ddr.efficiency"]
    for end, seconds in ((0.25, efficiency.latency_low_s), (1.0, efficiency.latency_high_s)):
        changed = slow_memory.with_values({"memories.ddr.efficiency": end})
        assert seconds == time_frames(frames, changed).cycles / changed.clock_hz
    assert efficiency.latency_low_s > nominal.seconds > efficiency.latency_high_s
    assert efficiency.energy_low_j > nominal.energy_j > efficiency.energy_high_j

    unused = effects["units.vector.fill"]
    assert unused.latency_low_s == unused.latency_high_s == nominal.seconds

    luts = effects["units.vector.resources.lut"]
    assert luts.latency_low_s == luts.latency_high_s == nominal.seconds
    assert luts.energy_low_j < nominal.energy_j < luts.energy_high_j

    shares = [
        max(
            abs(effect.latency_high_s - effect.latency_low_s) / nominal.seconds,
            abs(effect.energy_high_j - effect.energy_low_j) / nominal.energy_j,
        )
        for effect in found.effects
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.05
    assert found.ranges["latency_s"].low == efficiency.latency_high_s
    assert found.ranges["latency_s"].high == efficiency.latency_low_s


def test_the_range_of_the_energy_contains_every_single_effect_and_its_scopes(slow_memory) -> None:
    frames = [Frame("", linear_graph(64, 32, 32))]
    nominal = totals(time_frames(frames, slow_memory))
    found = spread(frames, slow_memory, nominal)
    chip = found.ranges["energy_j"]
    assert chip.low < nominal.energy_j < chip.high
    for effect in found.effects:
        assert chip.low <= effect.energy_low_j <= chip.high
        assert chip.low <= effect.energy_high_j <= chip.high
    for scope, joules in nominal.spent.scopes.items():
        ends = found.ranges[f"energy_{scope}_j"]
        assert ends.low <= joules.value <= ends.high


def test_an_end_that_cannot_run_is_left_out_and_says_so(small_file: Path, tmp_path: Path) -> None:
    """4 columns of 32 weights are 128 bytes; at its low end the buffer has 64."""
    text = small_file.read_text(encoding="utf-8").replace(
        "words: 64, width: 64 bit", "words: {value: 64, estimate: a guess, range: [8, 128]}, width: 64 bit"
    )
    path = tmp_path / "guess.yaml"
    path.write_text(text, encoding="utf-8")
    hardware = load_hardware(path)
    frames = [Frame("", linear_graph(8, 32, 8))]
    nominal = totals(time_frames(frames, hardware))
    found = spread(frames, hardware, nominal)
    effect = next(effect for effect in found.effects if effect.path == "memories.wbuf.words")
    assert effect.latency_low_s == effect.latency_high_s == nominal.seconds
    assert effect.reason.startswith("left out of the ranges, because the design cannot run at both ends: node 'fc'")
    assert found.ranges["latency_s"].low == nominal.seconds
    assert found.left_out == ("memories.wbuf.words",)
    assert any("leave out memories.wbuf.words" in line for line in timed(frames, hardware).assumptions)


def test_a_hardware_without_estimates_has_a_range_of_nothing_in_time(small) -> None:
    frames = [Frame("", linear_graph(8, 8, 8))]
    found = spread(frames, small, totals(time_frames(frames, small)))
    assert found.ranges["latency_s"].low == found.ranges["latency_s"].high
    assert all(not effect.path.startswith(("units.", "memories.", "links.")) for effect in found.effects)

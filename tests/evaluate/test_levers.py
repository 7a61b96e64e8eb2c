"""Levers: each is the simulation of the hardware with its settings, the best first, with reasons for what cannot be."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from accelsim.errors import DoesNotFitError
from accelsim.evaluate.changes import Change, changes, used_by
from accelsim.evaluate.levers import levers, remedies
from accelsim.evaluate.simulate import simulate_spec
from accelsim.hw.document import parse_scalar
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph
from accelsim.results import Failure, Lever
from accelsim.sim.simulate import simulate_frames
from accelsim.sim.timing import Frame, time_frames
from accelsim.sim.totals import totals
from tests.mapping.conftest import linear_graph


def _levers(graph: Graph, hardware: Hardware) -> dict[str, Lever]:
    frames = [Frame("", graph)]
    timing = time_frames(frames, hardware)
    return {lever.name: lever for lever in levers(frames, timing, totals(timing))}


def _changes(graph: Graph, hardware: Hardware) -> tuple[Change, ...]:
    return changes(hardware, used_by(time_frames([Frame("", graph)], hardware)))


@pytest.fixture(scope="module")
def slow(small_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small accelerator behind a slow DRAM."""
    path = tmp_path_factory.mktemp("levers") / "slow.yaml"
    path.write_text(small_file.read_text(encoding="utf-8").replace("100 GB/s", "10 MB/s"), encoding="utf-8")
    return path


@pytest.mark.parametrize("which", ["small_file", "slow"])
def test_a_lever_is_the_simulation_with_its_settings(which: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(which)
    hardware, graph = load_hardware(path), linear_graph(64, 32, 32, gelu=True)
    before = simulate_frames([Frame("", graph)], hardware)
    found = _levers(graph, hardware)
    assert len(found) > 10
    for lever in found.values():
        again = load_hardware(path, {name: parse_scalar(text) for name, text in lever.settings.items()})
        after = simulate_frames([Frame("", graph)], again)
        assert lever.latency_s == after.latency_s, lever.name
        assert lever.energy_j == pytest.approx(after.energy_j)
        assert lever.speedup == pytest.approx(before.latency_s / after.latency_s)
        assert lever.fits is after.fits


def test_a_slow_dram_makes_its_bandwidth_the_best_single_number(slow: Path) -> None:
    found = _levers(linear_graph(64, 32, 32), load_hardware(slow))
    speedups = [lever.speedup or 0.0 for lever in found.values()]
    assert speedups == sorted(speedups, reverse=True)
    names = list(found)
    assert names.index("2x bandwidth of memory ddr") < names.index("2x outputs of unit array")
    assert found["2x bandwidth of memory ddr"].speedup == pytest.approx(2.0, rel=0.05)
    assert found["2x outputs of unit array"].speedup == pytest.approx(1.0, rel=0.02)


def test_a_fast_dram_makes_the_array_the_best(small: Hardware) -> None:
    found = _levers(linear_graph(64, 32, 32), small)
    assert found["2x outputs of unit array"].speedup > 1.8
    assert found["2x bandwidth of memory ddr"].speedup == pytest.approx(1.0, rel=1e-3)


def test_only_parts_that_work_are_turned(small: Hardware) -> None:
    """A linear layer uses neither the score and context units nor the vector unit."""
    turned = {
        path[1] for change in _changes(linear_graph(8, 8, 8), small) for path in change.values if path[0] == "units"
    }
    assert turned == {"array"}


def test_numbers_that_say_nothing_are_not_turned(small: Hardware) -> None:
    """The data link has no start-up latency to halve, the array no interval below one."""
    names = {change.name for change in _changes(linear_graph(8, 8, 8), small)}
    assert "half the start-up latency of link weights" in names
    assert "half the start-up latency of link data" not in names
    assert "half the initiation interval of unit array" not in names


def test_a_port_as_wide_as_its_master_takes_the_master_along(small: Hardware) -> None:
    found = _levers(linear_graph(8, 8, 8), small)
    assert dict(found["2x width of link data"].settings) == {
        "links.data.port_width": "128 bit",
        "links.data.width": "128 bit",
    }


def test_what_does_not_fit_the_board_says_so(small_file: Path, tmp_path: Path) -> None:
    text = small_file.read_text(encoding="utf-8").replace("inputs: 4, outputs: 4,", "inputs: 32, outputs: 64,")
    text = text.replace("words: 64, width: 64 bit", "words: 1024, width: 1024 bit")
    path = tmp_path / "large.yaml"
    path.write_text(text, encoding="utf-8")
    lever = _levers(linear_graph(64, 64, 64), load_hardware(path))["2x outputs of unit array"]
    assert not lever.fits
    assert lever.speedup is not None
    assert "DSP" in lever.reason
    assert "needs" in lever.reason


def test_what_cannot_run_stays_with_its_reason(small: Hardware) -> None:
    """256 inputs to an output of 2 bytes a weight: two more columns than the buffer of 512 bytes holds."""
    graph = linear_graph(8, 128, 8)
    found = _levers(graph, small)
    lever = found["2x outputs of unit array"]
    assert lever.speedup is None
    assert lever.latency_s is None
    assert not lever.fits
    assert "8 columns of 128 weights in buffer 'wbuf'" in lever.reason
    assert list(found)[-1] == lever.name


def test_other_words_of_choices_are_tried_and_weaker_ones_are_not() -> None:
    hardware = load_hardware("systolic-16")
    names = {change.name for change in _changes(linear_graph(64, 64, 64), hardware)}
    assert "dataflow of unit array: output-stationary instead of weight-stationary" in names
    assert "dataflow of unit array: input-stationary instead of weight-stationary" in names
    assert "fold overlap of unit array: full instead of preload" in names
    assert not any("none instead of" in name for name in names)


def test_formats_in_half_the_bits_move_half_the_bytes(slow: Path) -> None:
    found = _levers(linear_graph(64, 32, 8), load_hardware(slow))
    assert 1.5 < found["all numbers stored in half the bits"].speedup <= 2.0
    assert dict(found["weights stored in half the bits"].settings) == {"precision.weight": "int4"}


def test_what_makes_a_design_run_that_cannot_is_simulated(small: Hardware) -> None:
    """4 columns of 256 weights are 1 KiB; the buffer holds 512 bytes."""
    frames = [Frame("", linear_graph(8, 256, 8))]
    with pytest.raises(DoesNotFitError):
        time_frames(frames, small)
    found = {lever.name: lever for lever in remedies(frames, small)}
    assert set(found) >= {"2x size of memory wbuf", "weights stored in half the bits"}
    assert "4x size of memory wbuf" in found
    assert "half the outputs of unit array" in found
    assert "2x bandwidth of memory ddr" not in found
    lever = found["2x size of memory wbuf"]
    again = _with(small, lever)
    assert lever.latency_s == time_frames(frames, again).cycles / again.clock_hz
    assert lever.speedup is None
    latencies = [lever.latency_s for lever in found.values()]
    assert latencies == sorted(latencies)


def _with(hardware: Hardware, lever: Lever) -> Hardware:
    return hardware.with_values({path: float(text) for path, text in lever.settings.items()})


def _simulated(small_file: Path, monkeypatch: pytest.MonkeyPatch, *, with_levers: bool) -> DoesNotFitError:
    """The error of a layer whose weights the small accelerator has no room for."""
    loaded = SimpleNamespace(task="", graph=linear_graph(8, 256, 8))
    monkeypatch.setattr("accelsim.evaluate.simulate.load_tasks", lambda model, names, **options: {None: loaded})
    with pytest.raises(DoesNotFitError) as caught:
        simulate_spec("layer", str(small_file), with_levers=with_levers)
    return caught.value


def test_a_design_that_cannot_run_ends_with_demand_bound_and_what_would_help(
    small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = _simulated(small_file, monkeypatch, with_levers=False)
    assert str(error).count("\n") == 0
    assert "needs 1,024 bytes, has 512 bytes -- would help: raise memories.wbuf.words" in str(error)
    (failure,) = error.failures
    assert isinstance(failure, Failure)
    assert (failure.demand, failure.bound, failure.unit) == (1024, 512, "bytes")


def test_with_levers_it_also_names_changes_that_were_simulated(
    small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = str(_simulated(small_file, monkeypatch, with_levers=True)).splitlines()
    assert lines[0].startswith("node 'fc'")
    assert 2 <= len(lines) <= 7
    found = [line for line in lines[1:] if "-s 'memories.wbuf.words=128'" in line]
    assert found
    assert found[0].startswith("with 2x size of memory wbuf it runs in ")
    assert "(fits)" in found[0]

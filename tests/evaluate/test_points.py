"""Points of a sweep as columns: each has numbers, or says why it has none and what would help."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.evaluate.points import PointEvaluator, provenance_of
from accelsim.evaluate.simulate import hardware_for, simulate_spec
from accelsim.results.failure import Failure, split_levers


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    path = tmp_path / "two.csv"
    head = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
    path.write_text("\n".join([head, "a, 14, 14, 3, 3, 8, 16, 1,", "b, 7, 7, 1, 1, 16, 32, 1,"]) + "\n")
    return path


def evaluator(topology: Path, hardware: str = "systolic-16", *, intervals: bool = False) -> PointEvaluator:
    return PointEvaluator(
        str(topology),
        hardware_for(hardware),
        named=hardware,
        task=None,
        arguments={},
        batch=None,
        activity="uniform",
        intervals=intervals,
    )


def test_points_that_differ_in_words_alone_are_what_simulate_says(topology: Path) -> None:
    words = np.array(["none", "full", "none"])
    found = evaluator(topology).columns({"units.array.fold_overlap": words}, 3, threads=1)
    for row, word in enumerate(words.tolist()):
        one = simulate_spec(str(topology), "systolic-16", overrides={"units.array.fold_overlap": word})
        assert found["cycles"][row] == one.cycles
        assert found["latency_s"][row] == one.latency_s
        assert found["throughput_per_s"][row] == pytest.approx(one.throughput_per_s)
        assert found["energy_j"][row] == pytest.approx(one.energy_j)
    assert found["cycles"][0] > found["cycles"][1]


def test_the_throughput_of_several_instances_is_there_where_it_is_asked_for(topology: Path) -> None:
    bandwidth = [4, 4, 1]
    settings = {"instances": np.array([1, 3, 2]), "memories.ddr.bandwidth": np.array(bandwidth) * 1e9}
    found = evaluator(topology, intervals=True).columns(settings, 3, threads=1)
    for row in range(3):
        values = {"instances": int(settings["instances"][row]), "memories.ddr.bandwidth": f"{bandwidth[row]} GB/s"}
        alone = simulate_spec(str(topology), "systolic-16", overrides=values, allow_unfit=True)
        assert found["throughput_per_s"][row] == pytest.approx(alone.throughput_per_s)
    rest = evaluator(topology).columns(settings, 3, threads=1)
    assert np.isnan(rest["throughput_per_s"]).tolist() == [False, True, True]


def test_words_that_no_hardware_takes_are_failures(topology: Path) -> None:
    found = evaluator(topology).columns({"board": np.array(["zcu102", "zcu999"])}, 2, threads=1)
    assert found["failure"][0] == ""
    assert found["failure"][1].startswith("invalid: ")
    assert np.isnan(found["latency_s"]).tolist() == [False, True]


def test_a_design_over_its_board_says_what_would_help(topology: Path) -> None:
    settings = {"units.array.rows": np.array([16, 64]), "units.array.cols": np.array([16, 64])}
    found = evaluator(topology).columns(settings, 2, threads=1)
    assert found["fits"].tolist() == [True, False]
    assert found["failure"][1] == "DSP slices of zcu102"
    assert "units.array" in found["levers"][1]
    assert not np.isnan(found["latency_s"][1])
    assert found["levers"][0] == ""


def test_a_hardware_that_cannot_run_the_model_fails_every_point(topology: Path) -> None:
    settings = {"clocks.core.frequency": np.array([1e8, 2e8])}
    found = evaluator(topology, "eie").columns(settings, 2, threads=1)
    assert all("no unit runs 'conv2d.main'" in text for text in found["failure"])
    assert np.isnan(found["latency_s"]).all()
    assert not found["fits"].any()
    assert found["precision"].tolist() == ["int16/uint4"] * 2


def test_the_interval_of_several_instances_is_not_their_latency(topology: Path) -> None:
    found = evaluator(topology).columns({"instances": np.array([1, 2])}, 2, threads=1)
    assert found["throughput_per_s"][0] == pytest.approx(1 / found["latency_s"][0])
    assert found["throughput_per_s"][1] != pytest.approx(1 / found["latency_s"][1])


def test_reasons_and_levers_of_failures_come_apart() -> None:
    failures = [
        Failure("a", 2, 1, "bytes", levers=("raise x", "lower y")),
        Failure("b", 3, 1, "bytes", levers=("raise x",)),
        Failure("c", 3, 1, "bytes"),
    ]
    reason, levers = split_levers("\n".join(failure.text() for failure in failures))
    assert reason == "\n".join(failure.short() for failure in failures)
    assert levers == ("raise x", "lower y")


def test_provenance_follows_files(topology: Path) -> None:
    hardware = {"systolic-16": hardware_for("systolic-16")}
    before = provenance_of([str(topology), "resnet18"], hardware)
    assert set(before) == {f"model.{topology}", "model.resnet18", "hardware.systolic-16"}
    topology.write_text(topology.read_text().replace("14, 14", "15, 15"))
    after = provenance_of([str(topology), "resnet18"], hardware)
    assert [name for name in before if before[name] != after[name]] == [f"model.{topology}"]
    with pytest.raises(InputError, match="cannot be read"):
        provenance_of([str(topology.with_name("none.csv"))], hardware)

"""Times of the samples of a data set: each is what a run of that sample alone gives, and none is above the bound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from accelsim.cli.main import main
from accelsim.engine import compile
from accelsim.errors import InputError
from accelsim.evaluate.distribution import distribution
from accelsim.evaluate.load import load_model
from accelsim.hw.load import load_hardware
from accelsim.results.distribution import SampleTimes
from accelsim.sim.timing import Frame, time_frames


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "images.npz"
    random = np.random.default_rng(1)
    np.savez(path, image=random.normal(size=(5, 3, 128, 256)).astype(np.float32))
    return path


@pytest.mark.slow
def test_each_sample_is_timed_with_its_own_routing(images: Path) -> None:
    found = distribution("m3vit-tiny", "edge-moe-zcu102", images, task="depth", limit=3)
    loaded, hardware = load_model("m3vit-tiny", task="depth"), load_hardware("edge-moe-zcu102")
    executable = compile(loaded.graph, threads=1)
    with np.load(images) as stored:
        activities = [executable({"image": stored["image"][i : i + 1]}).activity for i in range(3)]
    expected = [time_frames([Frame("depth", loaded.graph, activity)], hardware).cycles for activity in activities]
    (task,) = found.tasks
    assert list(task.cycles) == expected
    assert len(set(expected)) > 1
    assert task.bound_cycles is not None
    assert max(expected) <= task.bound_cycles
    assert list(found.frame()["cycles"]) == expected


@pytest.mark.slow
def test_the_command_prints_percentiles_bound_and_histogram(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", "m3vit-tiny", "edge-moe-zcu102", "--data", str(images), "--task", "semseg", "--limit", "2"]
    plot = tmp_path / "histogram.svg"
    assert main([*words, "--plot", str(plot), "--quiet"]) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("p50", "p95", "p99", "bound", "Samples by latency", "semseg"))
    assert "<svg" in plot.read_text(encoding="utf-8")
    assert main([*words, "--format", "json", "--quiet"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["tasks"][0]["p99_s"] <= record["tasks"][0]["bound_s"]


def test_a_model_that_routes_nothing_takes_the_same_time_for_each_sample(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=np.zeros((7, 3, 224, 224), np.float32))
    loaded = load_model("squeezenet", weights=False)
    np.savez(path, **{name: np.zeros((7, *loaded.graph.tensors[name].shape[1:]), "f4") for name in loaded.graph.inputs})
    (task,) = distribution("squeezenet", "systolic-32", path).tasks
    assert not task.routed
    assert set(task.cycles) == {task.bound_cycles}
    assert len(task.cycles) == 7


def test_percentiles_are_times_of_samples() -> None:
    times = SampleTimes("", tuple(range(1, 201)), routed=True)
    assert [times.percentile(percent) for percent in (50, 95, 99, 100)] == [100, 190, 198, 200]
    assert SampleTimes("", (7,), routed=True).percentile(99) == 7


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"picture": np.zeros((2, 3, 128, 256), "f4")}, "input 'image' is not in"),
        ({"image": np.zeros((2, 3, 64, 64), "f4")}, r"input 'image' is \[1, 3, 128, 256\]"),
        ({"image": np.zeros((2, 3, 128, 256), "f4"), "mask": np.zeros(3)}, "as many samples in each"),
    ],
)
def test_data_that_does_not_fit_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], told: str) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=told):
        distribution("m3vit-tiny", "edge-moe-zcu102", path, task="semseg")


@pytest.mark.parametrize("words", [["--limit", "2"], ["--data", "d", "--levers"], ["--data", "d", "--plot", "a.bmp"]])
def test_options_that_do_not_go_together_are_usage_errors(words: list[str]) -> None:
    assert main(["simulate", "m3vit-tiny", "edge-moe-zcu102", *words]) == 2


@pytest.mark.parametrize("name", ["nothing-like-it", "nothing.npz"])
def test_data_that_is_not_there_is_an_input_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "m3vit-tiny", "edge-moe-zcu102", "--data", name, "--quiet"]) == 2
    assert name in capsys.readouterr().err

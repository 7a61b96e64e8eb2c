from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from accelsim.cli.main import main
from accelsim.errors import InputError
from accelsim.report.front import MOST_POINTS, front_figure
from accelsim.sweep.front import front_of, senses
from accelsim.sweep.store import open_store


@pytest.fixture
def store(sweep_file: Path, tmp_path: Path) -> Path:
    assert main(["sweep", str(sweep_file), "--out", str(tmp_path / "store"), "--quiet"]) == 0
    return tmp_path / "store"


def test_no_point_beats_one_of_the_front(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pareto", str(store), "--format", "json"]) == 0
    front = pd.DataFrame(json.loads(capsys.readouterr().out))
    everything = open_store(store).read()[["latency_s", "energy_j"]].to_numpy()
    for point in front[["latency_s", "energy_j"]].to_numpy():
        assert not ((everything <= point).all(axis=1) & (everything < point).any(axis=1)).any()


def test_limits_leave_points_out_and_say_so(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limit = "hardware == 'systolic-16' and fits"
    assert main(["pareto", str(store), "--x", "latency_s", "--y", "dsp", "--limit", limit]) == 0
    said = capsys.readouterr().out
    assert "front of 22 points; 0 failed, 22 over limits" in said
    assert main(["pareto", str(store), "--limit", "latency_s < 1 ns"]) == 2
    assert "none holds latency_s < 1 ns" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_front_is_drawn(store: Path, tmp_path: Path, suffix: str) -> None:
    plot = tmp_path / f"front{suffix}"
    words = ["--x", "dsp", "--y", "throughput_per_s", "--color", "hardware", "--plot", str(plot)]
    assert main(["pareto", str(store), *words]) == 0
    assert plot.stat().st_size > 5000


def test_a_plot_leaves_points_out_and_says_how_many() -> None:
    frame = pd.DataFrame({"x": np.arange(MOST_POINTS + 5.0), "y": 1.0, "kind": "a"})
    figure = front_figure(frame, frame.head(1), x="x", y="y", color="kind")
    assert figure.left_out == 5
    assert len(figure.cloud) == MOST_POINTS
    many = frame.assign(kind=np.arange(len(frame)) % 9)
    with pytest.raises(InputError, match="9 values"):
        front_figure(many, frame.head(1), x="x", y="y", color="kind")


def test_what_is_better_follows_the_user_then_the_sweep_then_the_column() -> None:
    names = ("latency_s", "throughput_per_s", "dsp")
    assert senses(names, {}, ()) == {"latency_s": False, "throughput_per_s": True, "dsp": False}
    assert senses(names, {"throughput_per_s": "minimise"}, ("dsp",)) == {
        "latency_s": False,
        "throughput_per_s": False,
        "dsp": True,
    }


@pytest.mark.parametrize(
    ("column", "said"), [("latency", "did you mean 'latency_s'"), ("limited_by", "holds no numbers")]
)
def test_an_objective_that_is_none_is_named(column: str, said: str) -> None:
    frame = pd.DataFrame({"latency_s": [1.0], "limited_by": ["dram"]})
    with pytest.raises(InputError, match=said):
        front_of(frame, {column: False})

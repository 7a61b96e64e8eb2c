from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from accelsim.cli.main import main
from accelsim.errors import InputError
from accelsim.report.front import MOST_POINTS, draw_front, front_figure
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
    figure = front_figure(frame, frame.head(1), x="x", y="y", color="kind", maximise={"x": False, "y": False})
    assert figure.left_out == 5
    assert len(figure.cloud) == MOST_POINTS
    assert draw_front(figure).axes[0].get_title() == f"{MOST_POINTS:,} points drawn, 5 left out"


def test_a_plot_colours_by_name_or_by_number_and_shows_what_is_over_the_limits() -> None:
    frame = pd.DataFrame({"x": np.arange(27.0), "y": 1.0, "rows": np.arange(27) % 3 * 8, "number": np.arange(27) % 9})
    frame["name"] = frame["number"].map("name {}".format)
    sides = {"maximise": {"x": False, "y": True}, "within": np.arange(27) >= 9}
    figure = front_figure(frame, frame.head(1), x="x", y="y", color="rows", **sides)
    assert list(figure.groups) == ["0", "8", "16"]
    assert sorted([*figure.over, *(row for rows in figure.groups.values() for row in rows)]) == list(range(27))
    assert (figure.over, figure.stairs) == (list(range(9)), "steps-post")
    shaded = front_figure(frame, frame.head(1), x="x", y="y", color="number", **sides)
    assert [axes.get_ylabel() for axes in draw_front(shaded).axes] == ["y, maximised", "number"]
    with pytest.raises(InputError, match="9 values that are no numbers"):
        front_figure(frame, frame.head(1), x="x", y="y", color="name", **sides)
    with pytest.raises(InputError, match="did you mean 'number'"):
        front_figure(frame, frame.head(1), x="x", y="y", color="numbers", **sides)


def test_a_front_of_other_objectives_is_no_line() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [2.0, 1.0], "z": [1.0, 1.0]})
    figure = front_figure(frame, frame, x="x", y="y", color=None, maximise=dict.fromkeys("xyz", False))
    assert figure.stairs == ""
    assert draw_front(figure).axes[0].lines[0].get_linestyle() == "None"


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

"""Sweeps from Python: points and fronts as frames, printed as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

import accelsim as ac
from accelsim.errors import InputError
from accelsim.sweep.api import PointSet, read_points


@pytest.fixture
def stated(sweep_file: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(sweep_file)
    return found


def test_a_mapping_is_swept_as_its_file_is(stated: dict[str, Any], sweep_file: Path, tmp_path: Path) -> None:
    points, from_file = ac.sweep(stated), ac.sweep(sweep_file, out=tmp_path / "store")
    pd.testing.assert_frame_equal(points.frame, from_file.frame)
    pd.testing.assert_frame_equal(read_points(tmp_path / "store").frame, points.frame)
    assert len(points) == 44


def test_the_package_is_called_after_its_modules_are_loaded(stated: dict[str, Any]) -> None:
    assert isinstance(ac.sweep(stated), PointSet)


def test_a_front_is_points_again(stated: dict[str, Any], tmp_path: Path) -> None:
    points = ac.sweep(stated)
    front = points.pareto(min=["latency_s", "dsp"], limits="fits")
    assert 0 < len(front) < len(points)
    assert front.frame["latency_s"].is_monotonic_increasing
    least = front.frame["latency_s"].iloc[0]
    assert points.best("latency_s")["latency_s"] == least == points.frame["latency_s"].min()
    assert ac.pareto(points, max="throughput_per_s").frame["latency_s"].eq(least).all()
    with pytest.raises(InputError, match="no column 'latency'"):
        points.pareto(min="latency")


def test_points_print_as_a_table(stated: dict[str, Any]) -> None:
    points = ac.sweep(stated)
    text = str(points)
    assert text.startswith("Points of small")
    assert "24 more rows" in text
    html = points._repr_html_()
    assert html.count("<tr>") == 21
    assert "<th>latency_s</th>" in html


def test_what_is_no_sweep_is_located(stated: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="hardwares"):
        ac.sweep({**stated, "hardwares": ["systolic-16"]})
    with pytest.raises(InputError, match="holds numbers, texts"):
        ac.sweep({**stated, "seed": object()})

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd

from accelsim.report.page.sweep_page import MOST_POINTS, SweepPage


def page(frame: pd.DataFrame, *, title: str = "A sweep") -> SweepPage:
    frame = frame.assign(model="m", task="", hardware="h", fits=True)
    front = frame[frame["latency_s"] == frame["latency_s"].min()]
    objectives = {"latency_s": False, "energy_j": False}
    return SweepPage("small", title, "name: small", frame, front, ("model", "hardware"), ("rows",), objectives, 0)


def points(count: int) -> pd.DataFrame:
    index = np.arange(count)
    return pd.DataFrame(
        {"rows": index % 7, "latency_s": 1.0 + index, "energy_j": 5.0 - index / count, "failure": [""] * count}
    )


def data_of(html: str) -> dict:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found.group(1))


def test_the_page_needs_no_network_and_has_its_tables_as_text() -> None:
    html = page(points(20)).html()
    own = html.split("<script>")[0]
    assert "http" not in re.sub(r"<style>.*?</style>", "", own, flags=re.DOTALL)
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", html.split("<script>")[0])
    for section in ("Pareto front", "Main effects", "Failures", "No point failed", "name: small"):
        assert section in own
    assert "All 20 timed points are in this page" in own


def test_too_many_points_are_sampled_and_counted() -> None:
    html = page(points(MOST_POINTS + 101)).html()
    assert len(data_of(html)["rows"]) == MOST_POINTS + 1
    assert sum(data_of(html)["front"]) == 1
    assert "100 are left out" in html


def test_failures_are_grouped_by_reason_without_their_numbers() -> None:
    frame = points(6)
    frame["failure"] = ["needs 64 KiB, has 32 KiB", "needs 128 KiB, has 32 KiB", "no unit runs 'exp'", "", "", ""]
    frame.loc[:2, ["latency_s", "energy_j"]] = np.nan
    html = page(frame).html()
    assert re.search(r'<td class="n">2</td><td>needs #, has #</td>', html)
    assert "3 could not be timed" in html


def test_text_of_the_user_cannot_leave_its_place() -> None:
    hostile = "</script><script>alert(1)</script>"
    frame = points(3).assign(limited_by=hostile)
    html = page(frame, title=hostile).html()
    assert "alert(1)</script>" not in html.replace(html[html.find("<script>") : html.rfind("<script>")], "")
    assert data_of(html)["rows"][0][-1] == hostile


def test_missing_and_infinite_numbers_are_null() -> None:
    frame = points(3).assign(utilisation=[np.nan, np.inf, 0.5])
    found = data_of(page(frame).html())
    column = found["columns"].index("utilisation")
    assert [row[column] for row in found["rows"]] == [None, None, 0.5]

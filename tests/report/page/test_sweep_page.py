from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from accelsim.report.page.effects import MOST_GROUPS, effect_of, share_table
from accelsim.report.page.sweep_page import MOST_ON_FRONT, MOST_SAMPLED
from tests.report.page.samples import points, sweep

LARGEST_BYTES = 15_000_000


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def text_of(html: str) -> str:
    """What is there before any script."""
    return html.split("<script>", maxsplit=1)[0]


def test_the_page_needs_no_network_and_has_its_tables_as_text() -> None:
    own = text_of(sweep(points(20)).html())
    assert "http" not in re.sub(r"<style>.*?</style>", "", own, flags=re.DOTALL)
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", own)
    for section in ("Pareto front", "Main effects", "Failures", "DSP slices: needs #", "name: small"):
        assert section in own
    assert "All 19 timed points are in this page" in own


def test_a_large_sweep_shows_front_and_sample_and_says_what_it_leaves_out() -> None:
    frame = points(100_000)
    page = sweep(frame)
    html = page.html()
    data = data_of(html)
    assert data["count"] == MOST_SAMPLED + len(page.front)
    assert len(data["front"]) == len(page.front)
    column = {one["name"]: one for one in data["columns"]}
    assert [column["point"]["values"][i] for i in data["front"]] == sorted(page.front["point"])
    left_out = int(frame["latency_s"].notna().sum()) - data["count"]
    assert f"{left_out:,} are left out" in text_of(html)
    assert len(html) < 6_000_000


@pytest.mark.slow
def test_a_sweep_that_is_all_front_stays_within_the_size_of_a_page() -> None:
    frame = points(100_000).assign(fits=True)
    frame["latency_s"] = np.linspace(1, 2, len(frame)) + 1e-9 / 3
    frame["energy_j"] = 4 - frame["latency_s"]
    for name in ("cycles", "dram_bytes", "on_chip_bytes", "lut", "ff", "bram36", "uram", "accuracy"):
        frame[name] = np.random.default_rng(1).uniform(1e5, 9e6, len(frame))
    html = sweep(frame).html()
    assert len(html.encode()) < LARGEST_BYTES
    assert f"{MOST_ON_FRONT:,} of the 100,000 on the front" in text_of(html)


def test_points_over_the_limits_are_told_apart() -> None:
    frame = points(90)
    data = data_of(sweep(frame).html())
    assert len(data["over"]) == int((frame["latency_s"].notna() & ~frame["fits"]).sum())
    assert not set(data["over"]) & set(data["front"])


def test_settings_keep_the_spelling_that_times_the_point_again() -> None:
    frame = points(50)
    column = {one["name"]: one for one in data_of(sweep(frame).html())["columns"]}["memories.weights.size"]
    assert column["levels"] == sorted(column["levels"])
    assert column["spelled"] == [f"{level} B" for level in column["levels"]]


def test_details_of_results_stay_in_the_store() -> None:
    names = [column["name"] for column in data_of(sweep(points(20)).html())["columns"]]
    assert "stall_compute" not in names
    assert {"energy_j", "dsp", "fits"} <= set(names)


def test_failures_are_grouped_by_reason_without_their_numbers() -> None:
    frame = points(6)
    frame["failure"] = ["needs 64 KiB, has 32 KiB", "needs 128 KiB, has 32 KiB", "no unit runs 'exp'", "", "", ""]
    frame.loc[:2, ["latency_s", "energy_j"]] = np.nan
    own = text_of(sweep(frame).html())
    assert re.search(r'<td class="n">2</td><td class="n">33.3</td><td>needs #, has #</td><td>units.array.rows = ', own)
    assert "3 could not be timed" in own


def test_text_of_the_user_cannot_leave_its_place() -> None:
    hostile = "</script><script>alert(1)</script>"
    html = sweep(points(12).assign(limited_by=hostile), title=hostile).html()
    assert "alert(1)</script>" not in html.replace(html[html.find("<script>") : html.rfind("<script>")], "")
    column = {one["name"]: one for one in data_of(html)["columns"]}["limited_by"]
    assert column["levels"] == [hostile]


def test_missing_and_infinite_numbers_are_null() -> None:
    found = data_of(sweep(points(7).assign(utilisation=[np.nan, np.inf, 0.5, 1, 1, 1, 1])).html())
    column = {one["name"]: one for one in found["columns"]}["utilisation"]
    assert column["values"][:3] == [None, None, 0.5]


def test_a_setting_that_decides_alone_explains_all_of_the_variance() -> None:
    frame = pd.DataFrame({"rows": [1, 1, 2, 2], "words": [1, 2, 1, 2], "latency_s": [4.0, 4.0, 2.0, 2.0]})
    rows, words = (effect_of(name, frame, {"latency_s": False}) for name in ("rows", "words"))
    assert (rows.share["latency_s"], words.share["latency_s"]) == (1.0, 0.0)
    assert rows.means["latency_s"] == (4.0, 2.0)
    assert words.best["latency_s"] == (2.0, 2.0)
    assert [row[:2] for row in share_table([words, rows], ["latency_s"]).rows] == [("rows", "100.0"), ("words", "0.0")]


@pytest.mark.parametrize("values", [np.linspace(0, 1, 1_000), [f"name {i % 60}" for i in range(1_000)]])
def test_many_values_of_a_setting_become_few_groups_that_hold_all_points(values: Any) -> None:
    frame = pd.DataFrame({"setting": values, "accuracy": np.arange(1_000.0)})
    effect = effect_of("setting", frame, {"accuracy": True})
    assert len(effect.labels) == len(set(effect.labels)) == MOST_GROUPS
    assert sum(effect.counts) == 1_000
    assert max(effect.best["accuracy"]) == 999

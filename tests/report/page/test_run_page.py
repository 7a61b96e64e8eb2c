from __future__ import annotations

import re
from dataclasses import replace

import pytest

from accelsim.ir.frozen import FrozenMap
from accelsim.report.page import run_figures
from accelsim.report.page.run_page import run_html
from accelsim.report.page.timeline import DRAWN_EVENTS, timeline
from accelsim.results import Event, ResourceUse, Result
from tests.report.page.samples import run
from tests.report.page.test_sweep_page import data_of, text_of
from tests.results.sample import MISFIT, sample_frames, sample_result

CHAPTERS = (
    *("Where the time goes", "Timeline", "Nodes", "Roofline", "Levers", "Energy", "Resources", "Memory", "Evidence"),
    *("Cycles by cause", "What would help", "Outputs beside other engines", "Provenance", "Assumptions"),
    *("Not modelled", "Resources of zcu102", "Memories on chip", "units.linear.inputs"),
)


def test_everything_about_a_run_is_in_the_page_as_text() -> None:
    own = text_of(run_html(run()))
    assert [title for title in CHAPTERS if title not in own] == []
    assert all(f"<td>{node.name}</td>" in own for node in run().nodes)
    assert "33.5 ms [31.1-35.8]" in own
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", own)


def test_what_does_not_fit_comes_first_and_stands_out() -> None:
    own = text_of(run_html(replace(run(), misfits=(MISFIT,))))
    assert re.search(r'<li class="bad">DOES NOT FIT zcu102 \(on-chip memory\)</li>', own)
    assert own.index("Does not fit</h2>") < own.index("Where the time goes</h2>")


def test_a_task_sequence_shows_its_frames() -> None:
    own = text_of(run_html(replace(run(), frames=sample_frames())))
    assert "Frames of the task sequence" in own


def test_a_result_with_nothing_but_times_has_no_empty_chapters() -> None:
    bare = replace(
        sample_result(), levers=(), stops=(), resources=FrozenMap(), energy=FrozenMap(), energy_components=FrozenMap(),
        equivalence=None, sensitivities=(),
    )  # fmt: skip
    own = text_of(run_html(bare))
    assert [title for title in ("Roofline", "Levers", "Energy", "Resources", "Memory") if f">{title}</h2>" in own] == []
    assert "outputs: not verified" in own


def test_a_run_without_a_trace_shows_its_nodes_and_says_so() -> None:
    html = run_html(replace(run(), events=()))
    assert "The run has no trace" in text_of(html)
    assert len(data_of(html)["timeline"]["events"]["start"]) == sum(node.cycles > 0 for node in run().nodes)


def test_the_longest_intervals_are_kept_and_the_others_counted() -> None:
    result = replace(
        run(), events=tuple(Event("unit a", f"n{i}", 10_000 * i, 10_000 * i + 10 + i) for i in range(DRAWN_EVENTS))
    )
    found = timeline(result, most=10)
    assert found.left_out == DRAWN_EVENTS - 10
    ((title, events),) = found.lanes
    assert (title, [event.name for event in events]) == ("unit a", [f"n{i}" for i in range(1490, 1500)])
    assert "7 intervals, the shortest, are not in this page" in text_of(run_html(result, events_left_out=7))


def test_intervals_that_overlap_get_lanes_of_their_own_and_units_come_first() -> None:
    events = (Event("link w", "a", 0, 10), Event("link w", "b", 5, 15), Event("unit u", "c", 0, 20))
    lanes = timeline(replace(run(), events=events)).lanes
    assert [(title, [event.name for event in own]) for title, own in lanes] == [
        ("unit u", ["c"]),
        ("link w", ["a"]),
        ("link w (2)", ["b"]),
    ]


def test_the_bars_of_the_work_add_up_to_the_latency() -> None:
    figure = run_figures.work_figure(run())
    milliseconds = sum(sum(trace["x"]) for trace in figure.traces)
    assert milliseconds == pytest.approx(1e3 * run().latency_s)


def test_the_roof_of_the_dram_is_its_bandwidth_and_nodes_stay_below_the_peaks() -> None:
    figure = run_figures.roofline_figure(run())
    assert figure is not None
    roof = next(trace for trace in figure.traces if trace["name"] == "DRAM")
    assert roof["y"][0] / roof["x"][0] == pytest.approx(12.8e9 / 300e6)
    for unit in ("linear", "patch"):
        peak = next(trace for trace in figure.traces if trace["name"] == f"peak of {unit}")
        marks = next(trace for trace in figure.traces if trace["name"] == unit)
        assert max(marks["y"]) <= peak["y"][0]


def test_energy_bars_are_the_components_of_the_sum() -> None:
    figure = run_figures.energy_figure(run())
    assert figure is not None
    assert sum(x for trace in figure.traces for x in trace["x"] if x is not None) == pytest.approx(211)
    assert "processing system" not in figure.traces[0]["y"]


def test_a_resource_over_its_budget_is_hatched() -> None:
    resources = FrozenMap({"dsp": ResourceUse(3000, 2520, 2900, 3100, 2016), "lut": ResourceUse(10, 100)})
    figure = run_figures.resource_figure(replace(run(), resources=resources))
    assert figure is not None
    bars, practical = figure.traces
    assert bars["marker"]["pattern"]["shape"] == ["/", ""]
    assert bars["error_x"]["array"] == pytest.approx([100 * 100 / 2520, 0])
    assert practical["x"] == pytest.approx([80, None])


def test_memories_that_nobody_counts_are_left_out_of_the_picture_and_counted() -> None:
    figure = run_figures.memory_figure(run())
    assert figure is not None
    assert figure.traces[0]["y"] == ["weights"]
    assert figure.note.startswith("1 memories")


def test_estimates_are_ranked_by_what_they_do_to_the_latency() -> None:
    figure = run_figures.estimate_figure(run())
    assert figure is not None
    assert figure.traces[0]["y"] == ["units.norm.row_latency", "units.gating.row_latency"]
    low, high = (trace["x"][0] for trace in figure.traces)
    assert low == pytest.approx(-high)


def test_hostile_names_stay_text() -> None:
    result: Result = replace(run(), model="<script>alert(1)</script>")
    html = run_html(result)
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html

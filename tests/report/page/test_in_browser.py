"""The pages in a real Chromium: opened from a file, looked at in both themes, used by mouse and by keyboard."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accelsim.cli.main import main
from accelsim.report.page.run_page import run_html
from accelsim.sweep.store import open_store
from tests.report.page.conftest import Opened
from tests.report.page.samples import points, run, sweep

pytestmark = pytest.mark.slow

Open = Callable[..., Opened]
POINTS = 20_000
SWEEP = """
name: small
models: [{model: TOPOLOGY}]
hardware: [systolic-16]
settings:
  grid:
    memories.ddr.bandwidth: [2 GB/s, 12.8 GB/s]
    units.array.fold_overlap: [none, full]
    clocks.pl.frequency: {from: 100 MHz, to: 200 MHz, steps: 4}
"""
TOPOLOGY = """
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
a, 14, 14, 3, 3, 8, 16, 1,
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    pages = {"run": run_html(run(events=4_000)), "sweep": sweep(points(POINTS)).html()}
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


def colour(page: Any, selector: str, name: str) -> str:
    return str(page.locator(selector).first.evaluate(f"element => getComputedStyle(element).{name}"))


def brightness(rgb: str) -> float:
    numbers = [float(word) for word in rgb[rgb.index("(") + 1 : -1].split(",")[:3]]
    return sum(numbers) / 3


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [("run", "light", 1280), ("run", "dark", 400), ("sweep", "light", 400), ("sweep", "dark", 1280)],
)
def test_a_page_opens_from_a_file_and_draws_everything(
    opened: Open, files: dict[str, Path], name: str, scheme: str, width: int
) -> None:
    one = opened(files[name], color_scheme=scheme, viewport={"width": width, "height": 900})
    one.draw_all()
    assert one.errors == []
    assert one.requests == [files[name].as_uri()]
    buttons = one.page.eval_on_selector_all(".modebar-btn", "all => all.map(button => button.dataset.title)")
    assert set(buttons) <= {"Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Autoscale", "Reset axes"}
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    paper, ink = colour(one.page, "body", "backgroundColor"), colour(one.page, ".plot .xtick text", "fill")
    assert (brightness(paper) < brightness(ink)) is (scheme == "dark")


def test_a_page_follows_the_theme_and_prints_light(opened: Open, files: dict[str, Path]) -> None:
    page = opened(files["run"], color_scheme="light").page
    page.wait_for_selector("#work[data-drawn] .xtick text")
    before = colour(page, "#work .xtick text", "fill")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "before => getComputedStyle(document.querySelector('#work .xtick text')).fill !== before", arg=before
    )
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_selector("#energy[data-drawn]", state="attached")
    assert brightness(colour(page, "body", "backgroundColor")) > 250
    assert not page.locator("nav").is_visible()
    assert not page.locator("#nodes-filter").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert brightness(colour(page, "body", "backgroundColor")) < 50


def test_nodes_are_filtered_and_sorted_with_the_keyboard(opened: Open, files: dict[str, Path]) -> None:
    one = opened(files["run"])
    page, nodes = one.page, run().nodes
    page.locator("#nodes-filter").focus()
    page.keyboard.type("linear cycles>=90000")
    wanted = [n for n in nodes if "linear" in f"{n.name} {n.op} {n.unit}" and n.cycles >= 90_000]
    assert one.texts("#nodes tbody td:first-child") == [node.name for node in wanted]
    assert one.texts("#nodes-shown") == [f"{len(wanted)} of {len(wanted)} rows shown"]

    page.locator("#nodes-filter").fill("")
    heading = page.locator("#nodes th", has_text="cycles")
    heading.locator("button").focus()
    assert colour(page, "#nodes th button:focus-visible", "outlineStyle") == "solid"
    for direction in ("ascending", "descending"):
        page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == direction
        shown = [int(text.replace(",", "")) for text in one.texts("#nodes tbody td:nth-child(5)")]
        assert shown == sorted((node.cycles for node in nodes), reverse=direction == "descending")


def test_zooming_into_the_timeline_brings_the_short_intervals(opened: Open, files: dict[str, Path]) -> None:
    page = opened(files["run"]).page
    page.locator("#timeline").scroll_into_view_if_needed()
    page.wait_for_selector("#timeline[data-drawn]")
    note = page.locator("#timeline-note")
    assert note.text_content().startswith("1,500 of 4,")
    page.locator("#timeline").focus()
    for _ in range(4):
        page.keyboard.press("+")
        page.wait_for_timeout(100)
    page.wait_for_function("document.getElementById('timeline-note').textContent.startsWith('All ')")
    page.keyboard.press("0")
    page.wait_for_function("document.getElementById('timeline-note').textContent.startsWith('1,500 of 4,')")


def test_a_point_is_chosen_and_says_how_to_time_it_again(opened: Open, files: dict[str, Path]) -> None:
    frame = sweep(points(POINTS)).front
    first = frame.iloc[0]
    one = opened(files["sweep"])
    page = one.page
    page.locator("#points-table-filter").fill(f"point={first['point']}")
    page.locator("#points-table tbody a").focus()
    page.keyboard.press("Enter")
    panel = page.locator("#chosen")
    panel.wait_for(state="visible")
    assert one.texts("#chosen h3") == [f"Point {first['point']}, on the front"]
    size = first["memories.weights.size"]
    assert one.texts("#chosen pre") == [
        f"accelsim simulate m h --task semseg -s units.array.rows='{first['units.array.rows']}' "
        f"-s memories.weights.size='{size} B'"
    ]
    page.evaluate("location.hash = 'point=7'")  # one that could not be timed
    page.wait_for_function("document.getElementById('chosen').textContent.includes('is not in this page')")


def test_the_command_of_a_point_times_it_again(
    opened: Open, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.csv").write_text(TOPOLOGY.lstrip())
    (tmp_path / "small.yaml").write_text(SWEEP.replace("TOPOLOGY", str(tmp_path / "one.csv")))
    assert main(["sweep", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "store"), "--quiet"]) == 0
    assert main(["report", str(tmp_path / "store")]) == 0
    one = opened(tmp_path / "store/report.html")
    points = open_store(tmp_path / "store").read().set_index("point")
    for point in (2, 13):
        one.page.evaluate(f"location.hash = 'point={point}'")
        one.page.wait_for_function(f"document.querySelector('#chosen h3')?.textContent.startsWith('Point {point}')")
        program, *words = shlex.split(one.texts("#chosen pre")[0])
        assert program == "accelsim"
        capsys.readouterr()
        assert main([*words, "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["latency_s"] == pytest.approx(points.loc[point, "latency_s"], rel=1e-12)


def test_points_are_sorted_filtered_and_saved(opened: Open, files: dict[str, Path], tmp_path: Path) -> None:
    one = opened(files["sweep"])
    page, front = one.page, sweep(points(POINTS)).front
    page.locator("#points-table th button", has_text="latency_s").click()
    column = one.texts("#points-table th").index("latency_s") + 1
    shown = [float(text) for text in one.texts(f"#points-table tbody td:nth-child({column})")]
    assert len(shown) == 500
    assert shown == sorted(shown)
    page.locator("#points-table-filter").fill("rows=64 latency_s<0.04")
    rows = one.texts("#points-table-shown")[0].split()[2]
    for button, count in (("#download-front", len(front)), ("#download-rows", int(rows.replace(",", "")))):
        with page.expect_download() as download:
            page.locator(button).click()
        download.value.save_as(tmp_path / "points.csv")
        saved = list(csv.DictReader((tmp_path / "points.csv").read_text(encoding="utf-8").splitlines()))
        assert len(saved) == count
        if button == "#download-front":
            assert sorted(int(row["point"]) for row in saved) == sorted(front["point"])
        else:
            assert {row["units.array.rows"] for row in saved} == {"64"}


def test_axes_of_the_scatter_are_chosen(opened: Open, files: dict[str, Path]) -> None:
    page = opened(files["sweep"]).page
    page.wait_for_selector("#scatter[data-drawn]")
    page.locator("#choose-y").select_option("dsp")
    page.wait_for_function("document.querySelector('#scatter .ytitle').textContent === 'dsp'")
    page.locator("#choose-color").select_option("energy_j")
    page.wait_for_selector("#scatter .colorbar")


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("run", ("33.5 ms [31.1-35.8]", "encoder.blocks.10.mlp.fc2", "What would help", "Assumptions")),
        ("sweep", ("on the front", "units.array.rows", "DSP slices: needs #", "name: small")),
    ],
)
def test_without_javascript_the_text_is_there(
    opened: Open, files: dict[str, Path], name: str, texts: tuple[str, ...]
) -> None:
    page = opened(files[name], java_script_enabled=False).page
    shown = page.locator("body").inner_text()
    assert [text for text in texts if text not in shown] == []
    assert "needs JavaScript" in shown
    assert not page.locator("input").first.is_visible()

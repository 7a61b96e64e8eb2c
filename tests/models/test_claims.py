"""The pages of claims: published points are read with their confidence, and stand apart from simulated numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import InputError
from models.claims import __main__ as claims
from models.claims import m3vit, pdcnet
from models.claims.page import Bar, Figure, Page, markdown, write_page
from models.claims.published import CONFIDENCE, Point, published, read_points

SYSTEMS = ("m3vit", "padnet", "pruning_adapter", "pdcnet", "densemtl")
HEADER = "paper,model,dataset,metric,value,unit,cost,source,confidence\n"
POINT = Point("P", "M", "D", "latency", 12.5, "ms", "", "table 1", "unverified")


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_published_point_has_a_source_and_a_confidence(system: str) -> None:
    points = published(system)
    assert points
    assert {point.confidence for point in points} <= set(CONFIDENCE)
    assert all(point.source and point.paper and point.metric for point in points)


def test_what_is_remembered_is_marked() -> None:
    tops = [p for p in published("padnet") if p.model == "ResNet-50 PAD-Net"]
    assert [p.confidence for p in tops] == ["unverified"]
    gains = [p for p in published("padnet") if p.metric == "top-1 gain"]
    assert [(p.value, p.confidence) for p in gains] == [(0.7, "quoted")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("P,M,D,latency,fast,ms,,table 1,quoted", r":2: value 'fast' is not a number"),
        ("P,M,D,latency,1,ms,,table 1,sure", r":2: needs a source and a confidence of quoted"),
        ("P,M,D,latency,1,ms,,,quoted", r":2: needs a source"),
    ],
)
def test_a_point_without_what_it_needs_is_named(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(HEADER + row + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_points(path)


def test_other_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("paper,model\n", encoding="utf-8")
    with pytest.raises(InputError, match=r":1: the columns must be paper,model,dataset"):
        read_points(path)


def test_a_page_keeps_published_numbers_apart(tmp_path: Path) -> None:
    figure = Figure("Latency", "ms", (Bar("ours", 10.0), Bar("theirs (unverified)", 12.5, published=True)))
    page = Page("p", "Title", "a claim.", "a finding.", ("## Ours\n\n10 ms",), figure, (POINT,), ("accelsim run",))
    ours, _, theirs = markdown(page).partition("## Published points")
    assert "12.5" not in ours
    assert "| P | M | D | latency | 12.5 ms |  | unverified | table 1 |" in theirs
    write_page(page, tmp_path)
    first = (tmp_path / "p.png").read_bytes()
    write_page(page, tmp_path)
    assert (tmp_path / "p.png").read_bytes() == first


def test_an_unknown_page_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert claims.main(["m4vit"], tmp_path) == 2
    assert "did you mean 'm3vit'" in capsys.readouterr().err


@pytest.mark.slow
def test_token_order_is_slower_by_the_printed_ratio() -> None:
    page = m3vit.page()
    bars = {bar.label: bar.value for bar in page.figure.bars if not bar.published}
    assert bars["experts, reordered"] == pytest.approx(69.033, rel=2e-3)
    assert bars["experts, token order, 4 of 16 cached"] / bars["experts, reordered"] == pytest.approx(9.23, abs=0.02)
    assert sum(bar.published for bar in page.figure.bars) == 3


@pytest.mark.slow
def test_depthwise_layers_hold_the_array_idle() -> None:
    busy = {bar.label: bar.value for bar in pdcnet.page().figure.bars}
    assert busy["depthwise 5x5, stage 1"] < busy["depthwise 7x7, dilation 3, stage 1"] < 0.5
    assert busy["1x1, stage 1"] > 50

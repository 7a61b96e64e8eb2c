"""Suites of other people's accelerators: every scored row inside its band, and rows that ship nowhere can be read."""

from __future__ import annotations

import statistics
from dataclasses import fields, replace
from pathlib import Path

import pytest

from accelsim.errors import DoesNotFitError, InputError
from accelsim.evaluate.load import load_model
from accelsim.evaluate.simulate import activity_of, frame_of
from accelsim.evaluate.suites.arrays import AUTOSA, NVDLA, TPU
from accelsim.evaluate.suites.dpu import DPU, DPU_RESOURCES
from accelsim.evaluate.suites.eyeriss import EYERISS
from accelsim.evaluate.suites.golden import GoldenRow, GoldenSuite, read_rows
from accelsim.evaluate.suites.timed import convolution, design, graph_on, model_on, product, seconds_without
from accelsim.evaluate.validate import validate_suites
from accelsim.results import ValidationRow
from accelsim.sim.simulate import simulate_frames
from accelsim.sim.timing import Frame

DESIGNS = (
    "chaidnn-zu9",
    "dpu-b4096-kv260",
    "dpu-b4096-zcu102",
    "dpu-b4096-zcu104",
    "eyeriss",
    "gemmini-16x16",
    "nvdla-small-like",
    "tpu-v1-like",
)


def _rows(suite: GoldenSuite, path: Path | None = None) -> list[ValidationRow]:
    return suite(path, lambda message: None)


def _file(tmp_path: Path, *rows: GoldenRow) -> Path:
    names = [field.name for field in fields(GoldenRow) if field.name != "role"]
    lines = [",".join(names), *(",".join(f'"{getattr(row, name)}"' for name in names) for row in rows)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_resources_of_the_dpu_follow_from_its_sizes() -> None:
    rows = _rows(DPU_RESOURCES)
    scored = [row for row in rows if row.scored]
    assert len(scored) == 11
    assert [row.case for row in scored if not row.ok] == []
    assert all(row.error_pct == 0 for row in scored if row.metric == "dsp_used")


def test_a_size_of_the_dpu_that_ships_nowhere_can_be_read(tmp_path: Path) -> None:
    known = next(row for row in read_rows(DPU_RESOURCES.path) if row.metric == "dsp_used" and "low" in row.array)
    other = replace(known, array="B1600: PP8 x ICP10 x OCP10, low-DSP mode", value=202.0)
    (row,) = _rows(DPU_RESOURCES, _file(tmp_path, other))
    assert (row.scored, row.simulated) == (True, 8 * 10 * 10 / 4 + 2)


def test_published_rows_of_several_systems_go_to_their_suites(tmp_path: Path) -> None:
    chosen = (read_rows(DPU_RESOURCES.path)[0], next(row for row in read_rows(TPU.path) if row.metric == "peak_tops"))
    rows = validate_suites(rows=_file(tmp_path, *chosen))
    assert [row.suite for row in rows] == ["dpu-resources", "tpu"]
    with pytest.raises(InputError, match="no suite knows its systems; they are Other"):
        validate_suites(rows=_file(tmp_path, replace(chosen[0], system="Other")))


@pytest.mark.parametrize("suite", [AUTOSA, TPU], ids=lambda suite: suite.name)
@pytest.mark.slow
def test_every_scored_row_is_inside_its_band(suite: GoldenSuite) -> None:
    scored = [row for row in _rows(suite) if row.scored]
    assert scored
    assert [row.case for row in scored if not row.ok] == []


@pytest.mark.slow
def test_measured_layers_of_eyeriss_are_inside_their_bands() -> None:
    rows = _rows(EYERISS)
    assert [row.case for row in rows if row.ok is False] == []
    alexnet = [row for row in rows if "AlexNet" in row.case and row.metric == "layer_processing_latency"]
    assert len(alexnet) == 6
    assert all(row.scored for row in alexnet)
    assert statistics.median(abs(row.error_pct or 0.0) for row in alexnet) < 10


@pytest.mark.slow
def test_one_core_of_the_dpu_is_close_and_several_share_a_dram(tmp_path: Path) -> None:
    wanted = [row for row in read_rows(DPU.path) if "resnet50" in row.model and row.metric == "fps_multi_thread"]
    rows = _rows(DPU, _file(tmp_path, *wanted))
    assert all(row.ok for row in rows)
    one = model_on("resnet50", "dpu-b4096-kv260")
    two, three = (model_on("resnet50", f"dpu-b4096-{board}") for board in ("zcu104", "zcu102"))
    assert abs(one.throughput_per_s / 89.34 - 1) < 0.1
    assert one.throughput_per_s < two.throughput_per_s < 2 * one.throughput_per_s
    assert two.throughput_per_s < three.throughput_per_s


@pytest.mark.slow
def test_layers_of_a_sheet_that_count_otherwise_are_shown_and_say_why(tmp_path: Path) -> None:
    shipped = {row.model: row for row in read_rows(NVDLA.path) if row.metric == "layer_cycles"}
    chosen = [shipped[name] for name in ("AlexNet / 1", "AlexNet / 3", "AlexNet / fc2", "ResNet50 / fc1000")]
    rows = {row.case.split("int8 ")[-1]: row for row in _rows(NVDLA, _file(tmp_path, *chosen))}
    assert not rows["AlexNet / 1"].scored
    assert "Winograd" in rows["AlexNet / 3"].note
    assert rows["AlexNet / fc2"].ok
    assert rows["ResNet50 / fc1000"].ok


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_each_design_runs_resnet50_and_fits(name: str) -> None:
    result = model_on("resnet50", name)
    assert result.fits
    assert 0 < result.utilisation <= 1
    assert result.cycles >= sum(node.ideal_cycles for node in result.nodes if node.macs)
    assert sum(result.stalls.values()) == result.cycles
    assert 0 < seconds_without(result, "linear") < result.latency_s


@pytest.fixture(scope="module")
def transformer() -> Frame:
    loaded = load_model("m3vit-tiny")
    return frame_of(loaded, activity_of(loaded.graph, "uniform"))


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_each_design_runs_a_transformer_with_its_host_where_it_has_one(name: str, transformer: Frame) -> None:
    result = simulate_frames([transformer], design(name))
    assert result.latency_s > 0


@pytest.mark.slow
def test_a_patch_of_16_is_too_wide_for_eyeriss_and_goes_to_its_host(transformer: Frame) -> None:
    eyeriss = design("eyeriss")
    patch = next(n for n in simulate_frames([transformer], eyeriss).nodes if n.name == "encoder.patch_embed")
    assert patch.unit == "host"
    alone = eyeriss.model_copy(update={"placement": eyeriss.placement.with_items({"conv2d": "array"})})
    with pytest.raises(DoesNotFitError, match=r"needs 32 words, has 12 words .* raise units\.array\.private\.inputs"):
        simulate_frames([transformer], alone)


def test_a_single_layer_is_a_model_of_one_node() -> None:
    hardware = design("tpu-v1-like")
    dense, convolved = graph_on(product(8, 16, 32), hardware), graph_on(convolution(4, 8, 6, 3, 1, pad=1), hardware)
    assert [node.macs for node in dense.nodes] == [8 * 16 * 32]
    assert [node.macs for node in convolved.nodes] == [8 * 8 * 6 * 4 * 9]

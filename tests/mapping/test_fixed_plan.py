"""Tile sizes that a description fixes: used as given, refused where they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import DoesNotFitError, InputError
from accelsim.hw.load import load_hardware
from accelsim.hw.mapping_file import with_mapping
from accelsim.hw.schema import Hardware
from accelsim.ir import Axis, Graph
from accelsim.mapping.stage import Stage
from accelsim.sim.timing import Frame, time_frames
from tests.mapping.conftest import attention_graph, linear_graph


def _fixed(tmp_path: Path, hardware: Hardware, text: str) -> Hardware:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return with_mapping(hardware, path)


def _stages(graph: Graph, hardware: Hardware) -> tuple[Stage, ...]:
    return time_frames([Frame("", graph)], hardware).stages


@pytest.fixture(scope="module")
def array() -> Hardware:
    return load_hardware("systolic-16")


def test_a_tile_is_cut_as_it_is_fixed(array: Hardware, tmp_path: Path) -> None:
    fixed = _fixed(tmp_path, array, "mapping: {fc: {main: {rows: 32, outputs: 48, reduce: 64, held: inputs}}}")
    stages = _stages(linear_graph(128, 128, 96), fixed)
    cut = stages[0].cut
    assert cut is not None
    assert dict(cut.tile) == {Axis.ROW: 32, Axis.OUTPUT: 48, Axis.REDUCE: 64}
    assert cut.held == "inputs"
    assert cut.loops == (Axis.REDUCE, Axis.ROW, Axis.OUTPUT)
    assert sum(stage.tiles for stage in stages) == 4 * 2 * 2
    assert sum(stage.macs for stage in stages) == 128 * 128 * 96
    assert cut.passes == {"inputs": 1, "weights": 4, "outputs": 2}
    assert cut.buffers["weights"][1] == 48 * 64


def test_sizes_left_out_or_too_large_mean_all_of_it(array: Hardware, tmp_path: Path) -> None:
    fixed = _fixed(tmp_path, array, "mapping: {fc: {main: {outputs: 100000}}}")
    cut = _stages(linear_graph(32, 48, 64), fixed)[0].cut
    assert cut is not None
    assert dict(cut.tile) == {Axis.ROW: 32, Axis.OUTPUT: 64, Axis.REDUCE: 48}
    assert cut.held == "weights"  # the natural one of a weight-stationary array


def test_a_worse_plan_takes_longer_than_the_one_that_was_searched(array: Hardware, tmp_path: Path) -> None:
    graph = linear_graph(256, 256, 256)
    fixed = _fixed(tmp_path, array, "mapping: {fc: {main: {rows: 16, outputs: 16, reduce: 16, held: weights}}}")
    searched, worse = (time_frames([Frame("", graph)], hardware).cycles for hardware in (array, fixed))
    assert worse > 1.2 * searched


def test_a_pattern_fixes_many_nodes_and_a_name_beats_it(array: Hardware, tmp_path: Path) -> None:
    fixed = _fixed(tmp_path, array, 'mapping: {"*": {"*": {rows: 16}}, fc: {main: {rows: 64}}}')
    cut = _stages(linear_graph(128, 32, 32), fixed)[0].cut
    assert cut is not None
    assert cut.tile[Axis.ROW] == 64
    pattern = _fixed(tmp_path, array, 'mapping: {"f*": {"m*": {rows: 16}}}')
    cut = _stages(linear_graph(128, 32, 32), pattern)[0].cut
    assert cut is not None
    assert cut.tile[Axis.ROW] == 16


def test_parts_of_a_node_have_plans_of_their_own(array: Hardware, tmp_path: Path) -> None:
    text = "mapping: {attn: {scores: {rows: 16}, context: {rows: 32}}}"
    stages = _stages(attention_graph(2, 64, 32), _fixed(tmp_path, array, text))
    rows = {stage.part: stage.cut.tile[Axis.ROW] for stage in stages if stage.cut is not None}
    assert rows == {"scores": 16, "context": 32}


def test_a_plan_that_does_not_fit_says_what_it_needs(array: Hardware, tmp_path: Path) -> None:
    fixed = _fixed(tmp_path, array, "mapping: {fc: {main: {rows: 1024, outputs: 16, reduce: 1024}}}")
    with pytest.raises(DoesNotFitError) as caught:
        _stages(linear_graph(1024, 1024, 16), fixed)
    text = str(caught.value)
    assert "mapping: a tile of its inputs (1024 rows x 1024 reduce) in buffer 'inputs'" in text
    assert "smaller rows or reduce" in text
    assert "memories.inputs.words" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mapping: {fd: {main: {rows: 4}}}", "mapping: 'fd' is no node that takes time here -- known: fc"),
        ("mapping: {fc: {mian: {rows: 4}}}", "'mian' is no part of that node -- did you mean 'main'?"),
    ],
)
def test_an_entry_that_fixes_nothing_is_refused(array: Hardware, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        _stages(linear_graph(8, 8, 8), _fixed(tmp_path, array, text))
    assert message in str(caught.value)


def test_a_node_without_tiles_to_choose_is_refused(small: Hardware, tmp_path: Path) -> None:
    fixed = _fixed(tmp_path, small, "mapping: {attn: {scores: {rows: 4}}}")
    with pytest.raises(InputError, match=r"runs on unit 'scores' \(dot\), which has no tile sizes to choose"):
        _stages(attention_graph(1, 8, 8), fixed)


def test_an_operand_that_cannot_stay_is_refused(small: Hardware, tmp_path: Path) -> None:
    fixed = _fixed(tmp_path, small, "mapping: {fc: {main: {held: inputs}}}")
    with pytest.raises(InputError, match="'held' is given by the unit, which cuts along outputs only"):
        _stages(linear_graph(8, 8, 8), fixed)


def test_a_dot_array_takes_fewer_outputs_than_fit_and_refuses_more(small: Hardware, tmp_path: Path) -> None:
    graph = linear_graph(8, 32, 32)  # 512 bytes hold 16 columns of 32 weights
    fewer = _stages(graph, _fixed(tmp_path, small, "mapping: {fc: {main: {outputs: 8}}}"))
    assert sum(stage.rounds for stage in fewer) == 4
    assert sum(stage.rounds for stage in _stages(graph, small)) == 2
    with pytest.raises(DoesNotFitError, match="32 columns of weights in buffer 'wbuf'"):
        _stages(graph, _fixed(tmp_path, small, "mapping: {fc: {main: {outputs: 32}}}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mapping: {fc: {main: {rows: 0}}}", "plan.yaml:1:29: mapping.fc.main.rows: "),
        ("mapping: {fc: {main: {row: 4}}}", "'row' is not a key here -- did you mean 'rows'?"),
        ("mapping: {fc: {main: {held: biases}}}", "'biases' is not one of inputs, weights, outputs"),
        ("units: {}", "'units' is not a key here"),
        ("mapping: [1]", "expected a mapping"),
        ("mapping: {fc: 3}", "expected a mapping"),
    ],
)
def test_errors_of_the_file_are_located(array: Hardware, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        _fixed(tmp_path, array, text)
    assert message in str(caught.value)
    assert "plan.yaml:1:" in str(caught.value)


def test_a_mapping_of_the_description_itself_counts(tmp_path: Path) -> None:
    path = tmp_path / "mapped.yaml"
    path.write_text(
        "name: mapped\nextends: systolic-16\ntitle: a fixed mapping\n"
        "mapping:\n  fc:\n    main: {rows: 16, outputs: 16}\n",
        encoding="utf-8",
    )
    hardware = load_hardware(path)
    cut = _stages(linear_graph(64, 32, 32), hardware)[0].cut
    assert cut is not None
    assert dict(cut.tile) == {Axis.ROW: 16, Axis.OUTPUT: 16, Axis.REDUCE: 32}
    assert hardware.digest != hardware.model_copy(update={"mapping": {}}).digest

"""Graph -> ONNX: each op means the same in ONNX Runtime, and files are whole or absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from accelsim.errors import InputError, UnsupportedError
from accelsim.frontends import onnx_export
from accelsim.frontends.onnx_export import export_onnx
from accelsim.frontends.onnx_forms import ONNX_FORMS
from accelsim.frontends.onnx_import import import_model
from accelsim.frontends.onnx_load import read_model
from accelsim.frontends.onnx_run import open_session, run_session
from accelsim.frontends.torch import Traced
from accelsim.ir import DType, Graph, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.ops.registry import all_ops
from tests.contracts.case import Array, Case, floats, type_of
from tests.contracts.op_cases import CASES
from tests.frontends.reference import every_tensor


def one_node(case: Case) -> tuple[Graph, dict[str, Array]]:
    build = GraphBuilder("case")
    arrays = {f"in{i}": array for i, array in enumerate(case.arrays) if array is not None}
    for name, array in arrays.items():
        build.add_input(name, type_of(array))
    names = [f"in{i}" if array is not None else "" for i, array in enumerate(case.arrays)]
    return build.finish(build.add(case.op, names, case.attrs, name="y")), arrays


def run(graph: Graph, inputs: dict[str, Array], path: Path) -> dict[str, Array]:
    return run_session(open_session(export_onnx(graph, path, outputs="all")), inputs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_op_means_the_same_in_onnx_runtime(case: Case, tmp_path: Path) -> None:
    graph, arrays = one_node(case)
    made = run(graph, arrays, tmp_path / "case.onnx")
    for name, expected in zip(graph.outputs, case.reference(), strict=True):
        assert made[name].dtype == expected.dtype
        assert made[name].shape == expected.shape
        ours, theirs = expected.astype(np.float64), made[name].astype(np.float64)
        assert np.abs(theirs - ours).max(initial=0) <= 2e-6 * np.abs(ours).max(initial=1)


SEMANTIC = tuple(spec.name for spec in all_ops() if spec.name not in ONNX_FORMS)


def test_every_op_has_a_case_here() -> None:
    assert {spec.name for spec in all_ops()} == {case.op for case in CASES}
    assert "moe" in SEMANTIC


@pytest.mark.parametrize("case", [case for case in CASES if case.op in SEMANTIC], ids=str)
def test_a_semantic_op_is_a_function_of_primitive_operators_that_reads_back(case: Case, tmp_path: Path) -> None:
    graph, arrays = one_node(case)
    path = export_onnx(graph, tmp_path / "case.onnx")
    model = onnx.load(path)
    (function,) = model.functions
    assert [(node.domain, node.op_type) for node in model.graph.node] == [("accelsim", case.op)]
    assert (function.domain, function.name) == ("accelsim", case.op)
    assert {node.domain for node in function.node} == {""}
    back = import_model(read_model(path), path)
    made = every_tensor(back, arrays)
    for name, expected in zip(graph.outputs, case.reference(), strict=True):
        ours = expected.astype(np.float64)
        assert np.abs(made[name] - ours).max(initial=0) <= 2e-6 * np.abs(ours).max(initial=1)


def test_equal_calls_share_a_function_and_others_get_their_own(tmp_path: Path) -> None:
    build = GraphBuilder("two")
    x = build.add_input("x", Tensor((3, 4)))
    shapes = {"gate_w": (6, 4), "w1": (6, 5, 4), "b1": (6, 5), "w2": (6, 4, 5), "b2": (6, 4)}
    weights = [build.add_parameter(name, floats(*shape), Tensor(shape)) for name, shape in shapes.items()]
    for index, top_k in enumerate((2, 2, 3)):
        x = build.add("moe", (x, *weights), {"top_k": top_k}, name=f"moe{index}")[0]
    graph, inputs = build.finish([x]), {"x": floats(3, 4)}
    made = run(graph, inputs, tmp_path / "two.onnx")
    model = onnx.load(tmp_path / "two.onnx")
    assert [node.op_type for node in model.graph.node] == ["moe", "moe", "moe_2"]
    assert [node.name for node in model.graph.node] == ["moe0", "moe1", "moe2"]
    assert len(model.functions) == 2
    assert np.abs(made[x] - every_tensor(graph, inputs)[x]).max() < 1e-5


def test_top_k_breaks_ties_by_the_lower_index(tmp_path: Path) -> None:
    build = GraphBuilder("ties")
    x = build.add_input("x", Tensor((2, 40)))
    graph = build.finish(build.add("top_k", (x,), {"k": 5}, name="best"))
    values = np.zeros((2, 40), np.float32)
    values[1, [30, 7, 19, 4]] = 1.0
    made = run(graph, {"x": values}, tmp_path / "ties.onnx")
    assert made["best.indices"].tolist() == [[0, 1, 2, 3, 4], [4, 7, 19, 30, 0]]


def test_equal_experts_are_taken_in_order_by_the_dense_form(tmp_path: Path) -> None:
    build = GraphBuilder("ties")
    x = build.add_input("x", Tensor((3, 4)))
    shapes = {"gate_w": (6, 4), "w1": (6, 5, 4), "b1": (6, 5), "w2": (6, 4, 5), "b2": (6, 4)}
    weights = [
        build.add_parameter(name, np.zeros(shape, np.float32) if name == "gate_w" else floats(*shape), Tensor(shape))
        for name, shape in shapes.items()
    ]
    graph = build.finish(build.add("moe", (x, *weights), {"top_k": 3}, name="moe"))
    inputs = {"x": floats(3, 4)}
    made, expected = run(graph, inputs, tmp_path / "ties.onnx"), every_tensor(graph, inputs)
    assert made["moe.ids"].tolist() == [[0, 1, 2]] * 3
    assert np.abs(made["moe.y"] - expected["moe.y"]).max() < 1e-6


def test_a_whole_model_has_every_tensor_under_its_name(traced: Traced, tmp_path: Path) -> None:
    graph = traced.graph
    inputs = {"image": floats(1, 3, 16, 16)}
    made, expected = run(graph, inputs, tmp_path / "tiny.onnx"), every_tensor(graph, inputs)
    assert set(made) == {name for node in graph.nodes for name in node.outputs}
    for name, array in made.items():
        assert np.abs(array - expected[name]).max() <= 2e-6 * max(np.abs(expected[name]).max(), 1)


def test_by_default_only_the_graphs_outputs_are_outputs(traced: Traced, tmp_path: Path) -> None:
    path = export_onnx(traced.graph, tmp_path / "tiny.onnx")
    model = onnx.load(path)
    assert [value.name for value in model.graph.output] == list(traced.graph.outputs)
    assert [value.name for value in model.graph.input] == ["image"]
    assert 18 <= model.opset_import[0].version <= 20
    assert {tensor.name for tensor in model.graph.initializer} >= set(traced.graph.parameters)


def test_an_unknown_output_is_refused_with_a_suggestion(traced: Traced, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'decoder.resise' as an output.*did you mean 'decoder.resize'"):
        export_onnx(traced.graph, tmp_path / "tiny.onnx", outputs=["decoder.resise"])
    assert not list(tmp_path.iterdir())


def test_large_constants_lie_beside_the_file(traced: Traced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "EXTERNAL_BYTES", 1000)
    inputs = {"image": floats(1, 3, 16, 16)}
    made = run(traced.graph, inputs, tmp_path / "big.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big.onnx", "big.onnx.data"]
    (output,) = traced.graph.outputs
    assert np.abs(made[output] - every_tensor(traced.graph, inputs)[output]).max() < 1e-5


def test_a_number_format_that_onnx_lacks_is_refused(tmp_path: Path) -> None:
    build = GraphBuilder("fixed")
    graph = build.finish([build.add_input("x", Tensor((3,), DType.parse("fixed<16,6>")))])
    with pytest.raises(UnsupportedError, match=r"'x': ONNX has no number format for fixed<16,6>"):
        export_onnx(graph, tmp_path / "fixed.onnx")


def test_a_folder_that_is_absent_is_told(traced: Traced, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        export_onnx(traced.graph, tmp_path / "nowhere" / "tiny.onnx")


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(UnsupportedError, match="ONNX Runtime cannot load it"):
        open_session(path)

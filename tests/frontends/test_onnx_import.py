"""What the ONNX front end does with single constructs, and what it says of those it does not take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from accelsim.engine import compile
from accelsim.errors import InputError, UnsupportedError
from accelsim.frontends.inputs import input_options
from accelsim.frontends.onnx_import import import_model
from accelsim.frontends.onnx_load import read_model
from accelsim.frontends.onnx_model import load_onnx
from accelsim.ir.graph import Graph
from tests.frontends.onnx_models import Model, resnet, saved
from tests.frontends.onnx_zoo import zoo

PATH = Path("m.onnx")


def outputs_of(graph: Graph, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    return compile(graph, threads=1)(inputs).outputs


def refused(model: onnx.ModelProto, folder: Path, kind: type[Exception], match: str) -> None:
    path = saved(model, folder)
    with pytest.raises(kind, match=match):
        load_onnx(path, input_options())


def test_functions_branches_and_computed_sizes_leave_plain_ops() -> None:
    graph = import_model(zoo(), PATH)
    assert {node.op for node in graph.nodes} <= {
        *("add", "mul", "reshape", "slice", "reverse", "pad", "resize", "concat", "split", "leaky_relu"),
        *("transpose", "expand", "conv2d", "minimum", "reduce_max", "top_k", "where", "greater", "clip"),
    }
    x = np.random.default_rng(0).standard_normal((1, 2, 4, 4)).astype(np.float32)
    assert set(outputs_of(graph, x=x)) == {"y", "k"}


def test_a_function_binds_attributes_and_names_its_nodes_after_the_call() -> None:
    graph = import_model(zoo(), PATH)
    leaky = next(node for node in graph.nodes if node.op == "leaky_relu")
    assert leaky.attrs["alpha"] == pytest.approx(0.25)
    assert leaky.name.startswith("/body/Twice_")


def test_every_operator_that_is_missing_is_listed_at_once(tmp_path: Path) -> None:
    m = Model()
    m.scope = "/a"
    x = m.add("Det", ["x"])
    y = m.add("Relu", [m.add("Det", [m.add("STFT", [x, "x"])])])
    model = m.finish({"x": [1, 2, 2]}, {"y": y})
    refused(
        model,
        tmp_path,
        UnsupportedError,
        r"2 operators \(3 nodes\) are not supported:\n  Det: '/a/Det_0', '/a/Det_2'\n  STFT: '/a/STFT_1'",
    )


def test_a_shape_that_depends_on_data_names_the_node_and_what_would_help(tmp_path: Path) -> None:
    m = Model()
    y = m.add("Reshape", ["x", m.add("Cast", [m.add("ReduceSum", ["x"], keepdims=0)], to=TensorProto.INT64)])
    model = m.finish({"x": [4]}, {"y": y})
    refused(
        model, tmp_path, UnsupportedError, r"node '/Reshape_2' \(Reshape\): the shape .* depends on data; .*--inputs"
    )


def test_a_shape_that_is_an_input_comes_from_the_given_values(tmp_path: Path) -> None:
    m = Model()
    path = saved(m.finish({"x": [4], "s": [2]}, {"y": m.add("Reshape", ["x", "s"])}, ids=["s"]), tmp_path)
    np.savez(tmp_path / "s.npz", s=np.array([2, -1]))
    loaded = load_onnx(path, input_options(file=tmp_path / "s.npz"))
    assert loaded.graph.inputs == ("x",)
    assert loaded.graph.tensors["y"].shape == (2, 2)
    assert loaded.fixed["s"].tolist() == [2, -1]


def test_an_attribute_that_is_not_looked_at_is_refused_not_ignored(tmp_path: Path) -> None:
    m = Model()
    x = m.add("Resize", ["x", "", m.weight("scales", np.array([1, 1, 2, 2], np.float32))], antialias=1, mode="linear")
    refused(m.finish({"x": [1, 1, 4, 4]}, {"y": x}, opset=18), tmp_path, UnsupportedError, "antialias")


def test_external_data_is_mapped_from_the_folder_of_the_model_only(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    model = resnet(batch=1)
    first = next(array for array in model.graph.initializer if array.name == "stem.weight")
    wanted = numpy_helper.to_array(first)
    onnx.save_model(model, folder / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=16)
    graph = load_onnx(folder / "m.onnx", input_options()).graph
    assert np.array_equal(graph.parameter("stem.weight"), wanted)

    (tmp_path / "secret.bin").write_bytes((folder / "w.bin").read_bytes())
    for place in ("../secret.bin", str(tmp_path / "secret.bin"), "link.bin"):
        climbing = onnx.load(folder / "m.onnx", load_external_data=False)
        for tensor in climbing.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = place
        (folder / "bad.onnx").write_bytes(climbing.SerializeToString())
        if not (folder / "link.bin").is_symlink():
            (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
        with pytest.raises(InputError, match=r"bad\.onnx: .*(outside|external data|not valid ONNX)"):
            load_onnx(folder / "bad.onnx", input_options())
    (folder / "w.bin").write_bytes(b"short")
    with pytest.raises(InputError, match=r"m\.onnx: tensor '.*': needs \d+ bytes; 'w\.bin' gives"):
        load_onnx(folder / "m.onnx", input_options())


def test_broken_files_are_told_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x00\xff not a model")
    with pytest.raises(InputError, match=r"m\.onnx: not an ONNX model"):
        read_model(path)
    with pytest.raises(InputError, match=r"gone\.onnx: no such file"):
        read_model(tmp_path / "gone.onnx")
    path.write_bytes(b"")
    with pytest.raises(InputError, match="holds no graph"):
        read_model(path)


def test_absurd_sizes_are_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    m = Model()
    m.weights.append(helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]))
    m.weights[0].dims[:] = [2**20, 2**20, 2**20]
    refused(m.finish({"x": [1]}, {"y": m.add("Add", ["x", "w"])}), tmp_path, InputError, "tensor 'w': shape .* takes")
    m = Model()
    m.weights.append(helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]))
    m.weights[0].dims[:] = [3]
    refused(
        m.finish({"x": [1]}, {"y": m.add("Add", ["x", "w"])}), tmp_path, InputError, "needs 3 values, the file holds 1"
    )
    m = Model()
    huge = m.add("ConstantOfShape", [m.ints("shape", 2**20, 2**20, 2**10)])
    refused(m.finish({"x": [1]}, {"y": m.add("Add", ["x", huge])}), tmp_path, InputError, "of 4503599627370496 bytes")
    for size in (2**40, 2**29):
        m = Model()
        refused(
            m.finish({"x": [size]}, {"y": m.add("Relu", ["x"])}), tmp_path, InputError, "input .x.: shape .* refused"
        )


def test_cycles_doubles_and_unknown_names_are_refused(tmp_path: Path) -> None:
    m = Model()
    m.nodes.append(helper.make_node("Add", ["x", "b"], ["a"], name="one"))
    m.nodes.append(helper.make_node("Relu", ["a"], ["b"], name="two"))
    refused(m.finish({"x": [1]}, {"y": "b"}), tmp_path, InputError, r"(?s)not valid ONNX: .*\bb\b")
    m = Model()
    m.nodes += [helper.make_node("Relu", ["x"], ["a"], name=name) for name in ("one", "two")]
    refused(m.finish({"x": [1]}, {"y": "a"}), tmp_path, InputError, "not valid ONNX: .*'?a'?")


def test_an_old_opset_is_refused_with_the_way_out(tmp_path: Path) -> None:
    m = Model()
    model = m.finish({"x": [1]}, {"y": m.add("Relu", ["x"])}, opset=11)
    refused(model, tmp_path, UnsupportedError, r"opset 11; accelsim reads 13 to \d+; .*convert_version")


def test_a_function_that_calls_itself_ends(tmp_path: Path) -> None:
    body = [helper.make_node("Loop0", ["x"], ["y"], domain="own")]
    own = helper.make_function("own", "Loop0", ["x"], ["y"], body, [helper.make_opsetid("own", 1)])
    m = Model()
    m.functions.append(own)
    m.nodes.append(helper.make_node("Loop0", ["x"], ["a"], domain="own", name="call"))
    refused(m.finish({"x": [1]}, {"y": "a"}), tmp_path, InputError, "nested more than|not valid ONNX")


def test_outputs_that_are_inputs_or_constants_keep_their_names() -> None:
    m = Model()
    w = m.normal("w", 3)
    model = m.finish({"x": [3]}, {"a": "x", "b": w, "c": "x"})
    got = outputs_of(import_model(model, PATH), x=np.ones(3, np.float32))
    assert got["a"].tolist() == got["c"].tolist() == [1, 1, 1]
    assert set(got) == {"a", "b", "c"}

"""ONNX models as exporters write them: they come in whole, under their names, and compute what ONNX Runtime does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

import accelsim
from accelsim.errors import InputError
from accelsim.evaluate.load import load_model as fused_model
from accelsim.evaluate.verify import verify_model
from accelsim.frontends.catalogue import LoadedModel, load_model
from accelsim.frontends.inputs import input_options
from tests.frontends.onnx_models import Model, bert, mobilenet, resnet, saved
from tests.frontends.onnx_zoo import zoo

MODELS: dict[str, tuple[Callable[[], onnx.ModelProto], dict[str, int]]] = {
    "resnet": (resnet, {"batch": 2}),
    "mobilenet": (mobilenet, {"batch": 2}),
    "bert": (bert, {"batch": 2, "tokens": 7}),
}


def loaded(name: str, folder: Path) -> LoadedModel:
    build, shapes = MODELS[name]
    return load_model(str(saved(build(), folder)), options=input_options(shapes))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_model_equals_onnx_runtime_node_by_node(name: str, tmp_path: Path) -> None:
    found = verify_model(loaded(name, tmp_path))
    assert found.ok
    (entry,) = found.entries
    assert entry.engine == "onnxruntime"
    assert entry.max_rel_err < 1e-5
    assert entry.first_bad is None
    assert entry.nodes_compared > 10


def test_the_fused_model_that_commands_use_equals_onnx_runtime_too(tmp_path: Path) -> None:
    path = str(saved(bert(), tmp_path))
    found = verify_model(fused_model(path, options=input_options({"batch": 2, "tokens": 7})))
    assert found.ok
    assert found.entries[0].max_rel_err < 1e-5


def test_a_model_with_weights_in_a_file_of_their_own_is_verified_by_its_outputs(tmp_path: Path) -> None:
    onnx.save_model(
        resnet(), tmp_path / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=16
    )
    (entry,) = verify_model(load_model(str(tmp_path / "m.onnx"), options=input_options(batch=1))).entries
    assert entry.ok
    assert entry.max_rel_err < 1e-5


def test_inputs_that_became_constants_reach_onnx_runtime_too(tmp_path: Path) -> None:
    m = Model()
    flat = m.add("Reshape", ["x", "sizes"])
    path = saved(m.finish({"x": [4, 2], "sizes": [2]}, {"y": m.add("Relu", [flat])}, ids=["sizes"]), tmp_path)
    np.savez(tmp_path / "x.npz", sizes=np.array([1, 8]))
    found = verify_model(load_model(str(path), options=input_options(file=tmp_path / "x.npz")))
    assert found.ok


def test_reading_needs_no_torch(tmp_path: Path) -> None:
    path = saved(resnet(batch=1), tmp_path)
    code = f"""
import sys
from accelsim.evaluate.load import load_model
assert load_model({str(path)!r}).graph.nodes
assert not {{"torch", "onnxruntime", "numba"}} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_nodes_and_modules_keep_the_names_of_the_file(tmp_path: Path) -> None:
    graph = loaded("bert", tmp_path).graph
    found = [node for node in graph.nodes if node.module == "layer.1.attention.query"]
    assert any(node.op == "linear" and node.name.startswith("/layer.1/attention/query/MatMul_") for node in found)
    assert graph.inputs == ("input_ids", "token_type_ids", "attention_mask")
    assert graph.outputs == ("hidden",)
    assert "layer.1/attention/query.weight" in graph.parameters


def test_sizes_that_the_model_computes_are_constants(tmp_path: Path) -> None:
    ops = {node.op for node in loaded("mobilenet", tmp_path).graph.nodes}
    assert "gather" not in ops
    assert "concat" not in ops


def test_open_dimensions_are_listed_with_the_option_that_binds_them(tmp_path: Path) -> None:
    path = saved(bert(), tmp_path)
    with pytest.raises(InputError, match=r"open dimensions: 'batch' .*'tokens' .*--shape NAME=SIZE .*--batch N"):
        load_model(str(path))
    with pytest.raises(InputError, match=r"open dimensions: 'tokens' \(input 'input_ids', axis 1\)"):
        load_model(str(path), options=input_options(batch=1))
    with pytest.raises(InputError, match=r"no open dimension of an input is 'token'; there are: .*tokens"):
        load_model(str(path), options=input_options({"token": 3, "tokens": 3}, batch=1))


def test_a_batch_binds_first_dimensions(tmp_path: Path) -> None:
    graph = load_model(str(saved(bert(), tmp_path)), options=input_options({"tokens": 5}, batch=3)).graph
    assert graph.tensors["hidden"].shape == (3, 5, 16)


def test_a_batch_that_the_model_fixes_is_refused(tmp_path: Path) -> None:
    path = saved(resnet(batch=1), tmp_path)
    assert load_model(str(path), options=input_options(batch=1)).graph.tensors["classes"].shape == (1, 10)
    with pytest.raises(InputError, match="a batch of 4 is not possible"):
        load_model(str(path), options=input_options(batch=4))


def test_seeded_ids_lie_in_the_smallest_table_they_index(tmp_path: Path) -> None:
    one = loaded("bert", tmp_path)
    for inputs in (one.inputs, one.other_inputs):
        assert 2 < inputs["input_ids"].max() < 30
        assert inputs["token_type_ids"].max() < 2
    assert not np.array_equal(one.inputs["input_ids"], one.other_inputs["input_ids"])


def test_inputs_from_a_file_bind_shapes_and_give_values(tmp_path: Path) -> None:
    path = saved(bert(), tmp_path)
    ids = np.arange(6, dtype=np.int64).reshape(1, 6)
    np.savez(tmp_path / "x.npz", input_ids=ids, token_type_ids=0 * ids, attention_mask=0 * ids + 1)
    one = load_model(str(path), options=input_options(file=tmp_path / "x.npz"))
    assert np.array_equal(one.inputs["input_ids"], ids)
    assert one.graph.tensors["hidden"].shape == (1, 6, 16)
    np.savez(tmp_path / "y.npz", inputs_ids=ids)
    with pytest.raises(InputError, match=r"y\.npz: the model has no input 'inputs_ids'; it has: input_ids"):
        load_model(str(path), options=input_options(file=tmp_path / "y.npz"))
    (tmp_path / "z.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(InputError, match=r"z\.npz: not an \.npz file"):
        load_model(str(path), options=input_options(file=tmp_path / "z.npz"))


def test_shapes_are_refused_for_other_models() -> None:
    with pytest.raises(InputError, match="for ONNX files only"):
        load_model("m3vit-tiny", options=input_options(batch=2))


def test_a_part_takes_inputs_from_a_file_and_is_compared_with_that_part_of_the_model(tmp_path: Path) -> None:
    onnx.save_model(
        resnet(), tmp_path / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=16
    )
    np.savez(tmp_path / "x.npz", **{"/stem/MaxPool_3_output_0": np.ones((1, 8, 8, 8), np.float32)})
    options = input_options(batch=1, file=tmp_path / "x.npz", start="layer1", stop=("layer2",))
    one = fused_model(str(tmp_path / "m.onnx"), options=options)
    assert one.inputs["/stem/MaxPool_3_output_0"].min() == 1
    found = verify_model(one)
    assert found.ok
    assert found.entries[0].nodes_compared == len(one.graph.nodes)
    with pytest.raises(InputError, match="torch does not run a part of a model"):
        verify_model(one, against=["torch"])
    np.savez(tmp_path / "x.npz", y=np.ones(1, np.float32))
    with pytest.raises(InputError, match="the model has no input 'y'"):
        fused_model(str(tmp_path / "m.onnx"), options=options)


def test_a_part_inside_of_a_function_is_compared_as_exported(tmp_path: Path) -> None:
    path = saved(zoo(), tmp_path)
    found = verify_model(fused_model(str(path), options=input_options(start="/body/Twice_0/leaky")))
    assert found.ok


def test_a_part_from_python(tmp_path: Path) -> None:
    path = str(saved(resnet(), tmp_path))
    graph = accelsim.load_model(path, batch=1, start="layer1", stop=["layer1"])
    assert graph.outputs == ("/layer1/Relu_10_output_0",)
    assert set(accelsim.example_inputs(path, batch=1, start="layer1", stop="layer1")) == set(graph.inputs)


def test_a_cache_that_grows_is_said_not_to_be_supported_and_one_step_is_possible(tmp_path: Path) -> None:
    m = Model()
    keys = m.add("Concat", ["past_key_values.0.key", "x"], axis=1)
    shapes = {"past_key_values.0.key": ["batch", "past_sequence_length", 4], "x": ["batch", 1, 4]}
    path = str(saved(m.finish(shapes, {"present": keys}), tmp_path))
    with pytest.raises(InputError, match=r"'past_sequence_length' .*cache that grows .* is not supported: .* one step"):
        load_model(path, options=input_options(batch=1))
    step = load_model(path, options=input_options({"past_sequence_length": 6}, batch=1))
    assert step.graph.tensors["present"].shape == (1, 7, 4)

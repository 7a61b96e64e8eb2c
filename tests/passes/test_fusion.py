"""Small nodes put back together, and batch norm folded away: fewer nodes, the same numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accelsim.engine import compile
from accelsim.frontends.inputs import seeded_inputs
from accelsim.frontends.onnx_import import import_model
from accelsim.ir.graph import Graph, Tensor
from accelsim.ir.weights import Array
from accelsim.ops.build import GraphBuilder
from accelsim.passes.fold_batch_norm import fold_batch_norm
from accelsim.passes.fuse_patterns import fuse_patterns
from tests.frontends.onnx_models import bert, mobilenet, resnet

PATH = Path("m.onnx")


def equal(before: Graph, after: Graph, tolerance: float = 1e-5) -> None:
    for seed in range(3):
        inputs: dict[str, Array] = seeded_inputs(before, seed)
        ours, theirs = compile(after, threads=1)(inputs).outputs, compile(before, threads=1)(inputs).outputs
        for name in before.outputs:
            assert np.abs(ours[name] - theirs[name]).max() <= tolerance * np.abs(theirs[name]).max()


def count(graph: Graph, *ops: str) -> int:
    return sum(node.op in ops for node in graph.nodes)


def test_attention_gelu_and_biases_of_bert_become_single_nodes() -> None:
    before = import_model(bert(), PATH, sizes={"batch": (2,), "tokens": (5,)})
    after = fuse_patterns(before)
    assert count(after, "attention") == count(after, "gelu") == 2
    assert count(after, "softmax", "erf", "matmul", "div") == 0
    assert all(len(node.inputs) == 3 for node in after.nodes if node.op == "linear")
    assert all(len(node.inputs) == 4 for node in after.nodes if node.op == "attention")
    assert len(after.nodes) < 0.7 * len(before.nodes)
    equal(before, after)


def test_a_fused_node_tells_what_it_was_made_from() -> None:
    after = fuse_patterns(import_model(bert(layers=1), PATH, sizes={"batch": (1,), "tokens": (3,)}))
    attention = next(node for node in after.nodes if node.op == "attention")
    assert attention.module == "layer.0.attention"
    assert {origin.rsplit("/", 1)[1].split("_")[0] for origin in attention.origins} == {
        *("MatMul", "Div", "Add", "Softmax")
    }


def test_scores_that_someone_else_reads_stay() -> None:
    builder = GraphBuilder("probe")
    q, k, v = (builder.add_input(name, Tensor((1, 2, 3, 4))) for name in "qkv")
    turned = builder.add1("transpose", [k], {"perm": (0, 1, 3, 2)})
    scores = builder.add1("matmul", [q, turned])
    shares = builder.add1("softmax", [scores])
    out = builder.add1("matmul", [shares, v])
    plain = builder.finish([out])
    assert count(fuse_patterns(plain), "attention") == 1
    equal(plain, fuse_patterns(plain))
    kept = builder.finish([out, shares])
    assert count(fuse_patterns(kept), "attention") == 0


def test_a_value_times_its_sigmoid_is_silu_and_times_another_is_not() -> None:
    builder = GraphBuilder("probe")
    x, y = builder.add_input("x", Tensor((3, 4))), builder.add_input("y", Tensor((3, 4)))
    gates = [builder.add1("sigmoid", [x]) for _ in range(2)]
    graph = builder.finish([builder.add1("mul", [gates[0], x]), builder.add1("mul", [y, gates[1]])])
    after = fuse_patterns(graph)
    assert sorted(node.op for node in after.nodes) == ["mul", "sigmoid", "silu"]
    equal(graph, after)


@pytest.mark.parametrize("scale", [0.7, 1 / np.sqrt(2)])
def test_what_is_almost_gelu_stays(scale: float) -> None:
    builder = GraphBuilder("probe")
    x = builder.add_input("x", Tensor((3, 4)))
    numbers = {"scale": scale, "one": 1.0, "half": 0.5}
    for name, value in numbers.items():
        builder.add_parameter(name, np.asarray(value, np.float32), Tensor(()))
    inner = builder.add1("erf", [builder.add1("mul", [x, "scale"])])
    shifted = builder.add1("add", [inner, "one"])
    graph = builder.finish([builder.add1("mul", [builder.add1("mul", ["half", x]), shifted])])
    after = fuse_patterns(graph)
    assert count(after, "gelu") == int(scale != 0.7)
    equal(graph, after)


@pytest.mark.parametrize("build", [resnet, mobilenet], ids=["resnet", "mobilenet"])
def test_batch_norms_after_convolutions_fold_into_them(build: object) -> None:
    assert callable(build)
    before = import_model(build(), PATH, sizes={"batch": (2,)})
    after = fold_batch_norm(before)
    assert count(before, "batch_norm") > 3
    assert count(after, "batch_norm") == 0
    equal(before, after)
    assert fold_batch_norm(after) == after


def test_a_batch_norm_of_a_value_that_others_read_stays() -> None:
    before = import_model(resnet(), PATH, sizes={"batch": (1,)})
    conv = next(node for node in before.nodes if node.op == "conv2d")
    watched = replace(before, outputs=(*before.outputs, conv.outputs[0]))
    after = fold_batch_norm(watched)
    assert count(after, "batch_norm") == 1
    equal(watched, after)

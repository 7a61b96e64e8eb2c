"""Epilogues: what is tied to which product, what stays by itself, and that numbers and every tensor stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accelsim.engine import compile
from accelsim.errors import InternalError
from accelsim.frontends.inputs import seeded_inputs
from accelsim.frontends.onnx_import import import_model
from accelsim.ir import Graph, Tensor
from accelsim.ir.store import load_graph, save_graph
from accelsim.ir.text import graph_text
from accelsim.ops.build import GraphBuilder
from accelsim.ops.verified import verified
from accelsim.passes import cut, dead_code, fold_batch_norm, fuse_epilogues
from tests.engine.graphs import floats, type_of
from tests.frontends.onnx_models import bert, mobilenet, resnet


def block(*, project: bool = True) -> Graph:
    """A residual block: two convolutions with biases added apart, a shortcut by a third one, relu after the sum."""
    build = GraphBuilder("block")
    x = build.add_input("x", Tensor((2, 4, 6, 6)))

    def conv(source: str, name: str, *, side: int) -> str:
        weight = floats(4, 4, side, side, seed=len(name))
        w = build.add_parameter(f"{name}.w", weight, type_of(weight))
        pad = side // 2
        y = build.add1("conv2d", (source, w), {"padding": (pad,) * 4}, name=name)
        bias = floats(4, 1, 1, seed=len(name) + 1)
        return build.add1("add", (y, build.add_parameter(f"{name}.b", bias, type_of(bias))), name=f"{name}.biased")

    first = build.add1("relu", (conv(x, "first", side=3),), name="first.relu")
    second = conv(first, "second", side=3)
    short = conv(x, "short", side=1) if project else x
    total = build.add1("add", (second, short), name="sum")
    return build.finish([build.add1("relu", (total,), name="sum.relu")])


def hosts(graph: Graph) -> dict[str, str]:
    return {node.name: node.fused for node in graph.nodes if node.fused}


def same(before: Graph, after: Graph, tolerance: float = 1e-5) -> None:
    """All outputs, and every tensor that both graphs make."""
    inputs = seeded_inputs(before, 1)
    theirs, ours = (compile(graph, threads=1)(inputs, keep="all") for graph in (before, after))
    for name in after.tensors.keys() & before.tensors.keys() - after.parameters.keys():
        a, b = ours.kept.get(name), theirs.kept.get(name)
        assert a is not None
        assert b is not None
        assert np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1e-6), name


def test_biases_become_operands_and_the_rest_follows_its_product() -> None:
    graph = block()
    after = fuse_epilogues(graph)
    assert [node.name for node in after.nodes] == ["first", "first.relu", "second", "short", "sum", "sum.relu"]
    assert all(len(node.inputs) == 3 for node in after.nodes if node.op == "conv2d")
    # the sum needs both products, so it can only follow the later one
    assert hosts(after) == {"first.relu": "first", "sum": "short", "sum.relu": "short"}
    same(graph, after)


def test_a_plain_shortcut_is_there_before_the_product() -> None:
    after = fuse_epilogues(block(project=False))
    assert hosts(after) == {"first.relu": "first", "sum": "second", "sum.relu": "second"}
    same(block(project=False), after)


def test_results_that_others_read_have_no_epilogue() -> None:
    graph = block()
    watched = replace(graph, outputs=(*graph.outputs, "first.biased"))
    after = fuse_epilogues(watched)
    assert "first.relu" not in hosts(after)
    assert set(after.outputs) == set(watched.outputs)
    same(watched, after)


def test_epilogues_lie_over_their_hosts_and_need_no_memory_of_their_own() -> None:
    graph = fuse_epilogues(block())
    plain = replace(graph, nodes=tuple(replace(node, fused="") for node in graph.nodes))
    fused, apart = (compile(one, threads=1).plan for one in (graph, plain))
    assert fused.places["first.relu"] == fused.places["first.biased"]
    assert len(fused.slots) == len(apart.slots) - len(hosts(graph))
    assert len(fused.steps) == len(apart.steps)
    same(plain, graph, 0.0)


@pytest.mark.parametrize("build", [resnet, mobilenet, bert], ids=["resnet", "mobilenet", "bert"])
def test_numbers_of_real_models_stay(build: object) -> None:
    assert callable(build)
    sizes = {"batch": (2,), "tokens": (5,)} if build is bert else {"batch": (2,)}
    before = import_model(build(), Path("m.onnx"), sizes=sizes)
    after = fuse_epilogues(fold_batch_norm(before))
    assert len(hosts(after)) >= 4
    assert fuse_epilogues(after) is after
    inputs = seeded_inputs(before, 0)
    ours, theirs = (compile(graph, threads=2)(inputs).outputs for graph in (after, before))
    for name in before.outputs:
        assert np.abs(ours[name] - theirs[name]).max() <= 1e-5 * np.abs(theirs[name]).max()


def test_a_graph_with_epilogues_comes_back_from_disk_and_shows_them(tmp_path: Path) -> None:
    graph = fuse_epilogues(block())
    save_graph(graph, tmp_path)
    assert load_graph(tmp_path) == graph
    assert graph.digest != replace(graph, nodes=tuple(replace(node, fused="") for node in graph.nodes)).digest
    assert "sum.relu: float32[2,4,6,6] = relu(sum) in short" in graph_text(graph)


def test_an_epilogue_without_its_host_stands_by_itself() -> None:
    graph = fuse_epilogues(block())
    assert hosts(cut.cut(graph, start=["sum"])) == {}
    assert hosts(dead_code(graph)) == hosts(graph)


BROKEN = {
    "reads nothing of it": ("sum", "first"),
    "others read 'first.biased' too": ("first.relu", "first"),
    "makes another type of 'first.biased'": ("shorter", "first"),
}


@pytest.mark.parametrize("message", BROKEN)
def test_a_wrong_mark_is_found(message: str) -> None:
    graph = fuse_epilogues(block())
    name, host = BROKEN[message]
    build = GraphBuilder("broken", graph.weights)
    x = build.add_input("x", Tensor((2, 4, 6, 6)))
    w = build.add_parameter("w", floats(4, 4, 1, 1), Tensor((4, 4, 1, 1)))
    y = build.add("conv2d", (x, w), name="first")[0]
    relu = build.add1("relu", (y,), name="first.relu")
    other = build.add1("relu", (x,), name="sum")
    made = [relu, other]
    if "others" in message:
        made.append(build.add1("abs", (y,), name="reader"))
    if "another" in message:
        made = [build.add1("reduce_sum", (y,), {"axes": (1,)}, name="shorter"), other]
    plain = dead_code(build.finish(made))
    marked = tuple(replace(node, fused=host) if node.name == name else node for node in plain.nodes)
    renamed = message.replace("first.biased", "first")
    with pytest.raises(InternalError, match=renamed):
        verified(replace(plain, nodes=marked), after="test")

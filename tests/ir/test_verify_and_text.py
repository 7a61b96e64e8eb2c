"""The rules of a graph, each broken once; and the graph as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from accelsim.errors import InternalError
from accelsim.ir import FrozenMap, Graph, Node, Tensor
from accelsim.ir.text import graph_text
from accelsim.ops.build import GraphBuilder
from accelsim.ops.verified import verified


def sample() -> Graph:
    build = GraphBuilder("sample")
    x = build.add_input("x", Tensor((2, 4)))
    w = build.add_parameter("w", np.ones((3, 4), np.float32), Tensor((3, 4)))
    y = build.add1("linear", (x, w), name="first")
    return build.finish([build.add1("relu", (y,), name="second")], scope="")


def _nodes(graph: Graph, *nodes: Node) -> Graph:
    return replace(graph, nodes=nodes)


def _typed(graph: Graph, name: str, tensor: Tensor) -> Graph:
    return replace(graph, tensors=graph.tensors.with_items({name: tensor}))


BROKEN: dict[str, tuple[Callable[[Graph], Graph], str]] = {
    "order": (lambda g: _nodes(g, *reversed(g.nodes)), "'second' reads 'first', which is made only later, by 'first'"),
    "a value from nowhere": (lambda g: _nodes(g, g.nodes[1]), "reads 'first', which is made by nothing"),
    "two nodes of one name": (
        lambda g: _nodes(g, *g.nodes, replace(g.nodes[1], outputs=("third",))),
        "two nodes are named 'second'",
    ),
    "a tensor made twice": (
        lambda g: _nodes(g, *g.nodes, replace(g.nodes[1], name="third")),
        "'second' is made by node 'second' and by node 'third'",
    ),
    "a node over an input": (
        lambda g: _nodes(g, *g.nodes, replace(g.nodes[1], name="third", outputs=("x",))),
        "'x' is made by input and by node 'third'",
    ),
    "a node without a name": (lambda g: _nodes(g, replace(g.nodes[0], name=""), g.nodes[1]), "has no name"),
    "an input that is a constant too": (lambda g: replace(g, inputs=("x", "w")), "both input and parameter"),
    "a tensor without a type": (
        lambda g: _nodes(g, g.nodes[0], replace(g.nodes[1], outputs=("other",))),
        "'other' has no type",
    ),
    "an output from nowhere": (lambda g: replace(g, outputs=("third",)), "output 'third' is made by nothing"),
    "no outputs": (lambda g: replace(g, outputs=()), "there are no outputs"),
    "an idle constant": (
        lambda g: replace(_typed(g, "v", Tensor((3, 4))), parameters=g.parameters.with_items({"v": g.parameters["w"]})),
        "parameter 'v' is used by nothing",
    ),
    "a left-over type": (lambda g: _typed(g, "ghost", Tensor((1,))), "'ghost' is in the table but in no node"),
    "a constant without values": (
        lambda g: replace(g, parameters=FrozenMap({"w": "0" * 64})),
        "'w' has no array in the weights",
    ),
    "a constant of another shape": (
        lambda g: _typed(g, "w", Tensor((3, 5))),
        r"'w' is typed \(3, 5\), its array is \(3, 4\)",
    ),
    "a wrong type": (lambda g: _typed(g, "second", Tensor((2, 9))), r"typed float32\[2, 9\], but relu makes"),
    "an unknown op": (lambda g: _nodes(g, g.nodes[0], replace(g.nodes[1], op="relo")), "did you mean 'relu'"),
    "an unknown attribute": (
        lambda g: _nodes(g, g.nodes[0], replace(g.nodes[1], attrs=FrozenMap({"slope": 1.0}))),
        "relu has no attribute 'slope'",
    ),
    "a result too many": (
        lambda g: _typed(_nodes(g, g.nodes[0], replace(g.nodes[1], outputs=("second", "more"))), "more", Tensor((1,))),
        "relu makes 1 tensors, the node names 2",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_told_with_the_step_that_broke_it(rule: str) -> None:
    change, message = BROKEN[rule]
    with pytest.raises(InternalError, match=f"after spoiling: graph 'sample'.*{message}"):
        verified(change(sample()), after="spoiling")


def test_a_good_graph_passes_and_is_returned() -> None:
    graph = sample()
    assert verified(graph, after="building") is graph


def test_the_text_has_a_line_for_each_node_with_types_and_constants() -> None:
    lines = graph_text(replace(sample(), scope="part")).splitlines()
    assert lines[0].startswith("graph sample (")
    assert lines[0].endswith(", scope part)")
    assert lines[1:] == [
        "  input x: float32[2,4]",
        "  first: float32[2,3] = linear(x, %w)",
        "  second: float32[2,3] = relu(first)",
        "  return second",
        "  2 nodes, 1 constants with 12 elements",
    ]


def test_the_text_shows_attributes_and_absent_inputs() -> None:
    build = GraphBuilder("norm")
    x = build.add_input("x", Tensor((2, 4)))
    b = build.add_parameter("b", np.ones(4, np.float32), Tensor((4,)))
    graph = build.finish([build.add1("layer_norm", (x, "", b), name="norm")])
    assert "norm: float32[2,4] = layer_norm(x, _, %b) {axes=1, epsilon=1e-05}" in graph_text(graph)

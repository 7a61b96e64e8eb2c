"""Passes: what they change, what they leave alone, and that the numbers stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from accelsim.errors import UnsupportedError
from accelsim.ir import Graph, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.passes import dead_code, expand, split_projections
from tests.frontends.reference import every_tensor

Array = NDArray[np.float32]


def normal(*shape: int) -> Array:
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


def parameter(build: GraphBuilder, name: str, *shape: int) -> str:
    return build.add_parameter(name, normal(*shape), Tensor(shape))


def experts() -> Graph:
    build = GraphBuilder("experts")
    x = build.add_input("x", Tensor((2, 3, 4)))
    shapes = {"gate_w": (5, 4), "w1": (5, 6, 4), "b1": (5, 6), "w2": (5, 4, 6), "b2": (5, 4)}
    weights = [parameter(build, f"moe.{name}", *shape) for name, shape in shapes.items()]
    build.module = "block.moe"
    moe = build.add("moe", (x, *weights), {"top_k": 2}, name="block.moe")
    return build.finish([build.add1("relu", (moe[0],), name="after"), moe[1]])


def attention(
    *, heads_first: bool = False, axis_of_three: int = 2, order: tuple[int, int, int] = (0, 1, 2), bias: bool = True
) -> Graph:
    """x [1, 5, 8] -> a fused projection -> two heads of width 4."""
    build = GraphBuilder("attention")
    build.module = "attn"
    x = build.add_input("x", Tensor((1, 5, 8)))
    inputs = [x, parameter(build, "attn.qkv.weight", 24, 8)]
    if bias:
        inputs.append(parameter(build, "attn.qkv.bias", 24))
    fused = build.add1("linear", inputs, name="attn.qkv")
    shape = (1, 5, 2, 3, 4) if heads_first else (1, 5, 3, 2, 4)
    shaped = build.add1("reshape", (fused,), {"shape": shape}, name="attn.heads")
    perm = (3, 0, 2, 1, 4) if heads_first else {2: (2, 0, 3, 1, 4), 0: (0, 3, 1, 2, 4)}[axis_of_three]
    turned = build.add1("transpose", (shaped,), {"perm": perm}, name="attn.turn")
    axis = perm.index(shape.index(3))
    parts = []
    for index in order:
        cut = {"starts": (index,), "ends": (index + 1,), "axes": (axis,), "steps": (1,)}
        part = build.add1("slice", (turned,), cut, name=f"attn.cut{index}")
        parts.append(build.add1("reshape", (part,), {"shape": (1, 2, 5, 4)}, name=f"attn.part{index}"))
    return build.finish([build.add1("attention", parts, {"scale": 0.5}, name="attn.attention")])


def outputs(graph: Graph) -> list[Array]:
    values = every_tensor(graph, {name: normal(*graph.tensors[name].shape) for name in graph.inputs})
    return [values[name] for name in graph.outputs]


def close(one: Graph, other: Graph) -> None:
    assert one.outputs == other.outputs
    for a, b in zip(outputs(one), outputs(other), strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= 1e-6 * np.abs(b).max()


def test_dead_code_leaves_only_what_an_output_needs() -> None:
    build = GraphBuilder("dead")
    x = build.add_input("x", Tensor((2,)))
    idle = parameter(build, "idle", 2)
    kept = build.add1("relu", (x,), name="kept")
    build.add1("add", (build.add1("gelu", (x,), name="dead1"), idle), name="dead2")
    graph = dead_code(build.finish([kept]))
    assert [node.name for node in graph.nodes] == ["kept"]
    assert not graph.parameters
    assert set(graph.tensors) == {"x", "kept"}


def test_dead_code_keeps_a_node_of_which_one_result_is_used() -> None:
    graph = replace(experts(), outputs=("block.moe.ids",))
    assert [node.op for node in dead_code(graph).nodes] == ["moe"]


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_an_expansion_gives_equal_numbers_under_equal_names(form: str) -> None:
    graph = experts()
    written = expand(graph, "moe", form)
    assert "moe" not in {node.op for node in written.nodes}
    close(written, graph)
    made = written.producers["block.moe.ids"]
    assert made.name.startswith("block.moe.")
    assert made.module == "block.moe"
    assert made.origins[0] == "block.moe"


def test_an_unknown_expansion_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnsupportedError, match=r"'block\.moe': moe has no expansion 'lazy'; it has: dense, sparse"):
        expand(experts(), "moe", "lazy")


def test_expanding_an_op_that_is_absent_changes_nothing() -> None:
    graph = attention()
    assert expand(graph, "moe", "dense") == graph


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("axis_of_three", [2, 0])
def test_a_fused_projection_is_split_into_three(axis_of_three: int, bias: bool) -> None:
    graph = attention(axis_of_three=axis_of_three, bias=bias)
    split = split_projections(graph)
    assert [n.name for n in split.nodes if n.op == "linear"] == ["attn.qkv.q", "attn.qkv.k", "attn.qkv.v"]
    assert [n.op for n in split.nodes].count("slice") == 0
    assert "attn.qkv.weight" not in split.parameters
    assert np.array_equal(split.parameter("attn.qkv.weight.k"), graph.parameter("attn.qkv.weight")[8:16])
    close(split, graph)


def test_the_names_follow_the_use_and_not_the_place() -> None:
    graph = attention(order=(2, 0, 1))
    split = split_projections(graph)
    assert np.array_equal(split.parameter("attn.qkv.weight.q"), graph.parameter("attn.qkv.weight")[16:])
    close(split, graph)


def test_what_only_looks_like_a_fused_projection_is_left_alone() -> None:
    interleaved = attention(heads_first=True)
    fused_is_output = replace(attention(), outputs=("attn.attention", "attn.qkv"))
    for graph in (interleaved, fused_is_output, experts()):
        assert split_projections(graph) == graph


def test_a_pass_does_not_touch_the_graph_it_got() -> None:
    graph = attention()
    before = graph.digest
    split_projections(graph)
    assert graph.digest == before

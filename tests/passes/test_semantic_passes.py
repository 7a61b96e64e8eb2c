"""Passes that make semantic ops plain, fold constants and batch norms: fewer nodes or values, the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.engine import compile
from accelsim.ir import Graph, Tensor
from accelsim.ir.graph import AttrValue
from accelsim.ir.weights import SizesOnly
from accelsim.ops.build import GraphBuilder
from accelsim.passes import (
    PASSES,
    compact_kernels,
    compact_pruned,
    fold_batch_norm,
    fold_constants,
    fold_pixel_difference,
    merge_adapters,
)
from tests.contracts.case import Array, Case, floats, type_of
from tests.contracts.semantic_cases import SEMANTIC_CASES
from tests.engine.graphs import one_node, random_graph
from tests.passes.outputs import same

each_case = pytest.mark.parametrize("case", SEMANTIC_CASES, ids=str)


def built(case: Case) -> Graph:
    """One node whose operands after the first are constants."""
    return one_node(case.op, case.arrays, case.attrs, range(1, len(case.arrays)))[0]


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def stored(graph: Graph) -> int:
    return sum(graph.tensors[name].elements for name in graph.parameters)


def first_output(graph: Graph) -> Graph:
    return replace(graph, outputs=graph.outputs[:1])


def with_norm(graph: Graph) -> Graph:
    """A batch norm after the first output."""
    builder = GraphBuilder(graph.name, graph.weights)
    for name in graph.inputs:
        builder.add_input(name, graph.tensors[name])
    for name in graph.parameters:
        builder.add_parameter(name, graph.parameter(name), graph.tensors[name])
    (node,) = graph.nodes
    made = builder.add(node.op, node.inputs, node.attrs, name=node.name)
    channels = builder.tensors[made[0]].shape[1]
    statistics = {"w": 1, "b": 2, "mean": 3, "var": 4}
    for name, seed in statistics.items():
        array = floats(channels, seed=seed)
        builder.add_parameter(f"norm.{name}", np.abs(array) + 1 if name == "var" else array, Tensor((channels,)))
    normed = builder.add1("batch_norm", (made[0], *(f"norm.{name}" for name in statistics)), name="norm")
    return builder.finish([builder.add1("relu", (normed,), name="after"), *made[1:]])


@each_case
def test_every_pass_keeps_the_numbers_of_every_semantic_op(case: Case) -> None:
    graph = built(case)
    for step in PASSES.values():
        same(graph, step.run(graph))


@pytest.mark.parametrize("case", [c for c in SEMANTIC_CASES if c.op == "pixel_difference_conv2d"], ids=str)
def test_pixel_differences_become_plain_convolutions_of_the_same_size(case: Case) -> None:
    graph = built(case)
    folded = fold_pixel_difference(graph)
    assert ops(folded) == ["conv2d"]
    assert stored(folded) == stored(graph)
    computed = one_node(case.op, case.arrays, case.attrs)[0]
    assert fold_pixel_difference(computed) is computed


@pytest.mark.parametrize("case", [c for c in SEMANTIC_CASES if c.op == "adapted_linear"], ids=str)
def test_an_adapter_is_merged_into_a_plain_layer(case: Case) -> None:
    graph = built(case)
    merged = merge_adapters(graph)
    assert ops(merged) == ["linear"]
    assert merged.tensors[merged.nodes[0].inputs[1]].shape == (case.inferred()[0].shape[-1], case.types[0].shape[-1])
    same(graph, merged)


def test_compacting_stores_what_is_kept_and_leaves_the_adapter_beside_it() -> None:
    rows, columns = (next(c for c in SEMANTIC_CASES if c.label == label) for label in ("rows", "columns-alone"))
    graph, after = built(rows), compact_pruned(built(rows))
    assert ops(after) == ["adapted_linear"]
    assert len(after.nodes[0].inputs) == 5
    assert after.tensors[after.nodes[0].inputs[1]].shape == (4, 5)
    same(graph, after)
    assert compact_pruned(after) is after
    assert ops(compact_pruned(built(columns))) == ["linear"]


def _masked(share: float, *, bias: Array | None = None) -> Graph:
    mask = np.random.default_rng(2).random((6, 4, 3, 3)) < share
    kernels, static = floats(3, 6, 4, 3, 3), floats(6, 4, 3, 3, seed=2)
    branch = (floats(2, 4, seed=3), floats(3, 2, seed=4), floats(3, seed=5))
    arrays = (floats(2, 4, 5, 5), kernels, *branch, static, mask, None, bias)
    return one_node("dynamic_conv2d", arrays, {"padding": (1, 1, 1, 1)}, range(1, 9))[0]


@pytest.mark.parametrize("bias", [None, floats(6), floats(3, 6)], ids=["none", "one", "mixed"])
def test_mixed_kernels_are_stored_where_they_are_dynamic(bias: Array | None) -> None:
    graph = _masked(0.3, bias=bias)
    after = compact_kernels(graph)
    positions = int(graph.parameter("in6").sum())
    assert after.tensors[after.nodes[0].inputs[1]].shape == (3, positions)
    # three kernels, the mask and nothing else go; values and positions come
    assert stored(graph) - stored(after) == 4 * 216 - 4 * positions
    same(graph, after)


def test_a_layer_dynamic_throughout_drops_its_static_kernel_and_a_static_one_is_plain() -> None:
    graph = _masked(1.1)
    after = compact_kernels(graph)
    assert (ops(after), len(after.nodes[0].inputs)) == (["dynamic_conv2d"], 5)
    same(graph, after)
    idle = first_output(_masked(-1.0, bias=floats(6)))
    assert ops(compact_kernels(idle)) == ["conv2d"]
    same(idle, compact_kernels(idle))
    watched = _masked(-1.0)
    assert compact_kernels(watched) is watched
    mixed = first_output(_masked(-1.0, bias=floats(3, 6)))
    assert compact_kernels(mixed) is mixed


NORMED: list[tuple[str, tuple[Array | None, ...], dict[str, AttrValue]]] = [
    *((case.op, case.arrays, dict(case.attrs)) for case in SEMANTIC_CASES if case.op.endswith("conv2d")),
    ("conv_transpose2d", (floats(2, 4, 3, 4), floats(4, 3, 3, 2), floats(6)), {"groups": 2, "stride": (2, 1)}),
    ("conv2d", (floats(2, 4, 5, 5), floats(6, 4, 3, 3)), {}),
    ("linear", (floats(3, 5), floats(4, 5), floats(4)), {}),
]


@pytest.mark.parametrize(("op", "arrays", "attrs"), NORMED, ids=[f"{i}-{op}" for i, (op, *_) in enumerate(NORMED)])
def test_a_batch_norm_folds_into_whatever_is_linear_in_its_weights(
    op: str, arrays: tuple[Array | None, ...], attrs: dict[str, AttrValue]
) -> None:
    graph = with_norm(one_node(op, arrays, attrs, range(1, len(arrays)))[0])
    after = fold_batch_norm(graph)
    assert ops(after) == [op, "relu"]
    assert after.nodes[0].origins == ("node", "norm")
    same(graph, after, 2e-5)
    everything = fold_batch_norm(PASSES["compact_kernels"].run(graph))
    same(graph, everything, 2e-5)


def test_what_depends_on_constants_alone_is_computed_once() -> None:
    builder = GraphBuilder("constants")
    x = builder.add_input("x", Tensor((2, 3)))
    w = builder.add_parameter("w", floats(3, 4), Tensor((3, 4)))
    turned = builder.add1("transpose", (w,), {"perm": (1, 0)}, name="turned")
    doubled = builder.add1("add", (turned, turned), name="doubled")
    graph = builder.finish([builder.add1("linear", (x, doubled), name="y")])
    after = fold_constants(graph)
    assert ops(after) == ["linear"]
    assert list(after.parameters) == ["doubled"]
    np.testing.assert_array_equal(after.parameter("doubled"), 2 * floats(3, 4).T)
    same(graph, after)


def _spread(copies: int) -> Graph:
    builder = GraphBuilder("spread")
    x = builder.add_input("x", Tensor((1000,)))
    one = builder.add_parameter("one", floats(1), Tensor((1,)))
    wide = [builder.add1("expand", (one,), {"shape": (1000,)}, name=f"wide{i}") for i in range(copies)]
    for name in wide:
        x = builder.add1("add", (x, name))
    return builder.finish([x])


def test_folding_is_bounded_for_one_result_and_for_all_of_them() -> None:
    graph = _spread(5)
    assert ops(fold_constants(graph)).count("expand") == 0
    assert ops(fold_constants(graph, largest_bytes=3999)).count("expand") == 5
    assert ops(fold_constants(graph, growth_bytes=2 * 3996)).count("expand") == 3


def test_weights_that_have_sizes_only_are_left_alone() -> None:
    weights = SizesOnly("no values here")
    builder = GraphBuilder("sizes", weights)
    x = builder.add_input("x", Tensor((2, 4, 5, 5)))
    builder.tensors["w"] = Tensor((3, 4, 3, 3))
    builder.parameters["w"] = weights.declare("w", (3, 4, 3, 3))
    y = builder.add1("pixel_difference_conv2d", (x, "w"), {"theta": 0.5})
    graph = builder.finish([y, builder.add1("relu", ("w",))])
    for step in PASSES.values():
        assert step.run(graph).nodes == graph.nodes


@given(seed=st.integers(0, 10_000), hidden=st.booleans())
@settings(max_examples=25, deadline=None)
def test_every_pass_keeps_the_numbers_of_random_graphs(seed: int, hidden: bool) -> None:
    graph, inputs = random_graph(seed)
    if hidden:  # an input that never changes: half of the graph folds
        name = graph.inputs[0]
        digest = graph.weights.add(inputs[name])
        graph = replace(
            graph,
            inputs=graph.inputs[1:],
            parameters=graph.parameters.with_items({name: digest}),
            tensors=graph.tensors.with_items({name: type_of(inputs[name])}),
        )
    given = {name: inputs[name] for name in graph.inputs}
    expected = compile(graph, threads=1)(given).outputs
    for step in PASSES.values():
        after = step.run(graph)
        made = compile(after, threads=1)(given).outputs
        for name in graph.outputs:
            np.testing.assert_allclose(made[name], expected[name], rtol=1e-4, atol=1e-5)


def test_every_pass_has_a_line_that_says_what_it_does() -> None:
    for name, step in PASSES.items():
        assert step.name == name
        assert step.doc.endswith(".")
        assert len(step.doc) <= 120

"""What exporters write out of language models, put back together; and what only looks like it, left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accelsim.engine import compile
from accelsim.ir import Graph, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.passes import fuse_patterns
from tests.engine.graphs import floats, type_of

SHAPE = (2, 3, 8)


class Writer(GraphBuilder):
    """Nodes with numbers as constants, as exporters write them."""

    def __init__(self) -> None:
        super().__init__("written")
        self.x = self.add_input("x", Tensor(SHAPE))

    def constant(self, value: float | np.ndarray) -> str:
        array = np.asarray(value, np.float32)
        return self.add_parameter(f"c{len(self.parameters)}", array, type_of(array))

    def apply(self, op: str, *inputs: str | float, **attrs: object) -> str:
        names = [name if isinstance(name, str) else self.constant(name) for name in inputs]
        return self.add1(op, names, attrs)  # type: ignore[arg-type]


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def same(before: Graph, after: Graph) -> None:
    inputs = {name: floats(*before.tensors[name].shape, seed=i) for i, name in enumerate(before.inputs)}
    theirs, ours = (compile(graph, threads=1)(inputs).outputs for graph in (before, after))
    for name in before.outputs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-5)


def gelu(*, cubic: float = 0.044715, by_power: bool = True, exponent: float = 3.0) -> Graph:
    w = Writer()
    cube = w.apply("pow", w.x, exponent) if by_power else w.apply("mul", w.apply("mul", w.x, w.x), w.x)
    total = w.apply("add", w.x, w.apply("mul", cube, cubic))
    tanh = w.apply("tanh", w.apply("mul", total, float(np.sqrt(2 / np.pi))))
    return w.finish([w.apply("mul", w.apply("mul", w.x, 0.5), w.apply("add", tanh, 1.0))])


@pytest.mark.parametrize("by_power", [True, False])
def test_the_tanh_form_of_gelu_becomes_one_node(by_power: bool) -> None:
    graph = gelu(by_power=by_power)
    after = fuse_patterns(graph)
    assert [(node.op, node.attrs["approximate"]) for node in after.nodes] == [("gelu", "tanh")]
    same(graph, after)


def test_another_cubic_term_is_another_function() -> None:
    for graph in (gelu(cubic=0.05), gelu(exponent=2.0)):
        assert "gelu" not in ops(fuse_patterns(graph))


ROOTS = ("reciprocal", "rsqrt", "div")


def rms(root: str, *, weights: int = 8, axis: int = 2, first: bool = True) -> Graph:
    w = Writer()
    mean = w.apply("reduce_mean", w.apply("pow", w.x, 2.0), axes=(axis,), keepdims=True)
    shifted = w.apply("add", mean, 1e-6)
    if root == "div":
        normed = w.apply("div", w.x, w.apply("sqrt", shifted))
    else:
        inverse = w.apply("rsqrt", shifted) if root == "rsqrt" else w.apply("reciprocal", w.apply("sqrt", shifted))
        normed = w.apply("mul", w.x, inverse)
    if not weights:
        return w.finish([w.apply("relu", normed)])
    scale = w.constant(floats(weights))
    return w.finish([w.apply("mul", *((scale, normed) if first else (normed, scale)))])


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("first", [True, False])
def test_a_norm_by_the_root_of_the_mean_square_becomes_one_node(root: str, first: bool) -> None:
    graph = rms(root, first=first)
    after = fuse_patterns(graph)
    assert ops(after) == ["rms_norm"]
    assert len(after.nodes[0].inputs) == 2
    assert after.nodes[0].attrs["epsilon"] == pytest.approx(1e-6)
    same(graph, after)


@pytest.mark.parametrize("root", ROOTS)
def test_a_norm_without_weights_is_one_too(root: str) -> None:
    graph = rms(root, weights=0)
    after = fuse_patterns(graph)
    assert ops(after) == ["rms_norm", "relu"]
    assert len(after.nodes[0].inputs) == 1
    same(graph, after)


def test_a_mean_over_another_axis_is_no_norm_of_rows() -> None:
    assert "rms_norm" not in ops(fuse_patterns(rms("rsqrt", axis=1)))
    scalar = fuse_patterns(rms("rsqrt", weights=1))
    assert ops(scalar) == ["rms_norm", "mul"]


def rotary(*, equal_halves: bool = True, swapped: bool = False, watched: bool = False) -> Graph:
    w = Writer()
    cos, sin = (np.cos(floats(3, 4, seed=s)) for s in (1, 2))
    other = cos if equal_halves else sin
    size = SHAPE[-1]
    low, high = (
        w.apply("slice", w.x, starts=(first,), ends=(first + size // 2,), axes=(2,), steps=(1,))
        for first in (0, size // 2)
    )
    turned = w.apply("concat", *((low, w.apply("neg", high)) if swapped else (w.apply("neg", high), low)), axis=-1)
    straight = w.apply("mul", w.x, w.constant(np.concatenate([cos, other], -1)))
    crossed = w.apply("mul", turned, w.constant(np.concatenate([sin, sin], -1)))
    return w.finish([w.apply("add", straight, crossed), *([turned] if watched else [])])


def test_a_rotary_embedding_with_constant_angles_becomes_one_node() -> None:
    graph = rotary()
    after = fuse_patterns(graph)
    assert ops(after) == ["rotary_embedding"]
    assert [after.tensors[name].shape for name in after.nodes[0].inputs[1:]] == [(3, 4), (3, 4)]
    same(graph, after)


@pytest.mark.parametrize("change", [{"equal_halves": False}, {"swapped": True}, {"watched": True}], ids=str)
def test_what_only_looks_like_a_rotary_embedding_stays(change: dict[str, bool]) -> None:
    graph = rotary(**change)
    assert ops(fuse_patterns(graph)) == ops(graph)


def grouped(*, interleaved: bool = False, keys_only: bool = False) -> Graph:
    """4 query heads over 2 heads of keys and values that are copied; interleaved: head by head in turn."""
    build = GraphBuilder("grouped")
    q = build.add_input("q", Tensor((1, 4, 3, 5)))
    k, v = (build.add_input(name, Tensor((1, 2, 6, 5))) for name in "kv")
    if keys_only:
        v = build.add1("concat", (v, v), {"axis": 1})

    def copied(name: str) -> str:
        apart = (1, 1, 2, 6, 5) if interleaved else (1, 2, 1, 6, 5)
        one = build.add1("reshape", (name,), {"shape": apart})
        wide = build.add1("expand", (one,), {"shape": (1, 2, 2, 6, 5)})
        return build.add1("reshape", (wide,), {"shape": (1, 4, 6, 5)})

    operands = (q, copied(k), v if keys_only else copied(v))
    return build.finish([build.add1("attention", operands, {"scale": 0.5})])


def test_copies_of_shared_heads_are_not_made() -> None:
    graph = grouped()
    after = fuse_patterns(graph)
    assert ops(after) == ["attention"]
    assert after.nodes[0].inputs == ("q", "k", "v")
    same(graph, after)


@pytest.mark.parametrize("change", [{"interleaved": True}, {"keys_only": True}], ids=str)
def test_heads_in_another_order_or_shared_on_one_side_stay(change: dict[str, bool]) -> None:
    graph = grouped(**change)
    assert ops(fuse_patterns(graph)) == ops(graph)


def test_results_that_others_read_stay() -> None:
    graph = gelu()
    tanh = next(node for node in graph.nodes if node.op == "tanh")
    watched = replace(graph, outputs=(*graph.outputs, *tanh.outputs))
    assert "tanh" in ops(fuse_patterns(watched))

"""Precisions: whole numbers are exact sums of whole numbers, fixed point is on its grid, and more bits are closer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.engine import compile
from accelsim.errors import InputError
from accelsim.ir import Graph, Tensor
from accelsim.ir.dtype import INT64
from accelsim.ops.build import GraphBuilder
from accelsim.passes.precision import Precision, deployed, parse_precision, precision_name
from tests.contracts.case import Case
from tests.contracts.op_cases import CASES

SEMANTIC = {"moe", "dynamic_conv2d", "pixel_difference_conv2d", "adapted_linear", "cross_task_attention"}
Values = NDArray[np.float32]


def random(*shape: int, seed: int = 0) -> Values:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def run(graph: Graph, x: Values, keep: tuple[str, ...] = ()) -> tuple[Values, dict[str, Values]]:
    done = compile(graph, threads=1)({graph.inputs[0]: x}, keep=keep)
    return done.outputs[graph.outputs[0]], done.kept


def at(precision: str, graph: Graph, x: Values) -> Graph:
    """The graph at a precision, calibrated on x."""
    chosen, bare = parse_precision(precision), deployed(graph)
    watched = chosen.observed(bare)
    kept = run(bare, x, watched)[1] if watched else {}
    return chosen.rounded(bare, {name: float(np.abs(array).max()) for name, array in kept.items()})


def layer(op: str, x: Values, w: Values, b: Values | None = None, **attrs: object) -> Graph:
    to = GraphBuilder("layer")
    names = [to.add_input("x", Tensor(x.shape))]
    names += [to.add_parameter(n, a, Tensor(a.shape)) for n, a in (("w", w), ("b", b)) if a is not None]
    return to.finish([to.add1(op, names, attrs, name="y")])


def network(x: Values) -> Graph:
    """Convolution, batch norm, GELU, softmax of a linear layer, and a product of two activations."""
    to = GraphBuilder("network")
    name = to.add_input("x", Tensor(x.shape))

    def constant(label: str, array: Values) -> str:
        return to.add_parameter(label, array, Tensor(array.shape))

    channels = x.shape[1]
    name = to.add1(
        "conv2d", (name, constant("w", 0.2 * random(6, channels, 3, 3, seed=1))), {"padding": (1,) * 4}, name="conv"
    )
    norm = [constant(f"norm{i}", np.abs(random(6, seed=2 + i)) + 0.5) for i in range(4)]
    name = to.add1("batch_norm", (name, *norm), name="norm")
    name = to.add1("gelu", (name,), name="gelu")
    name = to.add1("reshape", (name,), {"shape": (x.shape[0], 6, x.shape[2] * x.shape[3])}, name="rows")
    linear = (constant("v", 0.1 * random(5, x.shape[2] * x.shape[3], seed=7)), constant("c", random(5)))
    name = to.add1("linear", (name, *linear), name="fc")
    shares = to.add1("softmax", (name,), name="shares")
    turned = to.add1("transpose", (name,), {"perm": (0, 2, 1)}, name="turned")
    return to.finish([to.add1("matmul", (shares, turned), name="mixed")])


def whole(values: Values, bits: int, axes: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The definition, in integers: values over the largest magnitude along `axes`, rounded half to even."""
    exact = values.astype(np.float64)
    scale = np.abs(exact).max(axis=axes, keepdims=True) / (2 ** (bits - 1) - 1)
    return np.rint(exact / scale).astype(np.int64), scale


@settings(deadline=None, max_examples=25)
@given(reduce=st.integers(1, 1040), rows=st.integers(1, 5), bits=st.sampled_from([4, 8]), seed=st.integers(0, 99))
def test_an_int8_linear_layer_is_the_product_of_its_integers(reduce: int, rows: int, bits: int, seed: int) -> None:
    x, w, b = random(rows, reduce, seed=seed), random(3, reduce, seed=seed + 1), random(3, seed=seed + 2)
    y, _ = run(at(f"int{bits}", layer("linear", x, w, b), x), x)
    (qx, sx), (qw, sw) = whole(x, bits, (0, 1)), whole(w, bits, (1,))
    scale = sx * sw.T
    sums = qx @ qw.T + np.rint(b / scale[0]).astype(np.int64)
    assert np.abs(sums).max() < 2**24
    np.testing.assert_allclose(y, sums * scale, rtol=3e-7)


@pytest.mark.parametrize(("op", "shape", "axes", "attrs"), [
    ("conv2d", (6, 2, 3, 3), (1, 2, 3), {"groups": 2}),
    ("conv_transpose2d", (4, 3, 2, 2), (0, 2, 3), {"groups": 2, "stride": (2, 2)}),
])  # fmt: skip
def test_convolutions_have_a_scale_for_each_output_channel(
    op: str, shape: tuple[int, ...], axes: tuple[int, ...], attrs: dict[str, object]
) -> None:
    x, w = random(2, 4, 6, 6), random(*shape, seed=1) * np.float32(10.0)
    w[0] *= 0.01  # a channel that one scale for all would wipe out
    b = random(6, seed=2)
    graph = layer(op, x, w, b, **attrs)
    (qx, sx), (qw, sw) = whole(x, 8, (0, 1, 2, 3)), whole(w, 8, axes)
    channels = np.tile(sw.reshape(-1), 6 // sw.size) * sx.item()
    exact = layer(op, x, qw.astype(np.float32), np.rint(b / channels).astype(np.float32), **attrs)
    sums, _ = run(exact, qx.astype(np.float32))
    y, _ = run(at("int8", graph, x), x)
    np.testing.assert_allclose(y, sums * channels[:, None, None], rtol=3e-7)


def test_rows_of_a_group_take_the_scales_of_their_group() -> None:
    x, w, b = random(7, 16), random(3, 5, 16, seed=1), random(3, 5, seed=2)
    w[1] *= 100
    to = GraphBuilder("grouped")
    groups = np.array([0, 1, 2, 1, 0, 2, 1])
    names = (
        to.add_input("x", Tensor(x.shape)),
        to.add_parameter("groups", groups, Tensor(groups.shape, INT64)),
        to.add_parameter("w", w, Tensor(w.shape)),
        to.add_parameter("b", b, Tensor(b.shape)),
    )
    graph = to.finish([to.add1("grouped_linear", names, name="y")])
    y, _ = run(at("int8", graph, x), x)
    (qx, sx), (qw, sw) = whole(x, 8, (0, 1)), whole(w, 8, (2,))
    scale = (sx * sw)[:, :, 0]
    sums = np.einsum("ri,roi->ro", qx, qw[groups]) + np.rint(b / scale)[groups]
    np.testing.assert_allclose(y, sums * scale[groups], rtol=3e-7)


def test_values_beyond_the_calibrated_range_saturate() -> None:
    x, w = np.array([[1.0, -1.0, 0.5]], np.float32), np.eye(3, dtype=np.float32)
    graph = at("int8", layer("linear", x, w), x)
    y, _ = run(graph, np.array([[5.0, -5.0, 0.5]], np.float32))
    np.testing.assert_allclose(y, [[1.0, -128 / 127, 64 / 127]], rtol=1e-6)


def test_more_bits_are_closer_to_float32() -> None:
    x = random(2, 3, 8, 8)
    graph = network(x)
    exact, _ = run(graph, x)

    def error(precision: str) -> float:
        return float(np.abs(run(at(precision, graph, x), x)[0] - exact).mean())

    assert error("int16") < error("int8") / 10
    assert error("int8") < error("int8/int4") < error("int4")
    assert error("fixed<24,8>") < error("fixed<16,8>") / 10 < error("fixed<12,8>")
    assert error("fixed<16,8,AP_RND,AP_SAT>") < error("fixed<16,8>")
    assert error("fixed<24,8>/fixed<12,4>") > error("fixed<24,8>")


def test_everything_that_fixed_point_stores_is_on_its_grid() -> None:
    x = random(2, 3, 8, 8)
    graph = at("fixed<16,8>/fixed<10,4>", network(x), x)
    y, kept = run(graph, x, tuple(name for node in graph.nodes for name in node.outputs if not name.endswith(".exact")))
    for values in (y, *kept.values()):
        stored = values.astype(np.float64) * 2**8
        assert np.array_equal(stored, np.round(stored))
        assert np.abs(stored).max() <= 2**15
    for name in graph.parameters:
        stored = graph.parameter(name).astype(np.float64) * 2**6
        assert np.array_equal(stored, np.round(stored))
        assert np.abs(stored).max() <= 2**9


def test_a_range_too_small_wraps_by_default_and_saturates_where_it_is_told_to() -> None:
    x, w = np.full((1, 4), 3.0, np.float32), np.full((1, 4), 1.0, np.float32)
    graph = layer("linear", x, w)
    assert run(at("fixed<16,4>", graph, x), x)[0].item() == 12.0 - 16.0
    assert run(at("fixed<16,4,AP_TRN,AP_SAT>", graph, x), x)[0].item() == 8.0 - 2.0**-12


@pytest.mark.parametrize(
    ("text", "name"), [("int8/int8", "int8"), ("fixed<16, 6> / fixed<16,2>", "fixed<16,6>/fixed<16,2>")]
)
def test_a_precision_has_one_name(text: str, name: str) -> None:
    assert precision_name(text) == precision_name(name) == name
    assert parse_precision(text) == parse_precision(name)


@pytest.mark.parametrize(
    "text", ["int8", "int8/int4", "fixed<16,6>", "fixed<16, 6>", "ufixed<8,0>", "fixed<16,6>/fixed<16,2>"]
)
def test_names_of_hardware_files_are_understood(text: str) -> None:
    precision: Precision = parse_precision(text)
    assert precision == parse_precision(text)


@pytest.mark.parametrize(
    "text", ["int1", "int64", "fixed<16>", "fixed<16,6,AP_UP>", "int8/fixed<16,6>", "bfloat16", ""]
)
def test_other_names_are_refused_with_examples(text: str) -> None:
    with pytest.raises(InputError, match="not a precision; examples"):
        parse_precision(text)


def graph_of(case: Case) -> Graph:
    """The op with its first operand as the input and the others as constants."""
    to = GraphBuilder(case.op)
    names = []
    for index, (array, tensor) in enumerate(zip(case.arrays, case.types, strict=True)):
        if array is None or tensor is None:
            names.append("")
        elif index == 0:
            names.append(to.add_input("x", tensor))
        else:
            names.append(to.add_parameter(f"in{index}", array, tensor))
    return to.finish(to.add(case.op, names, case.attrs, name="y")[:1])


@pytest.mark.parametrize("case", [one for one in CASES if one.op in SEMANTIC], ids=str)
def test_ops_of_the_systems_are_rounded_inside_too(case: Case) -> None:
    x = case.arrays[0]
    assert x is not None
    exact, _ = run(graph_of(case), x)
    largest = np.abs(exact).max()
    graph = at("int16", graph_of(case), x)
    assert not {node.op for node in graph.nodes} & SEMANTIC
    assert np.abs(run(graph, x)[0] - exact).max() <= 2e-3 * largest
    assert np.abs(run(at("int8/int4", graph_of(case), x), x)[0] - exact).max() > 0
    wide = at("fixed<24,12,AP_RND,AP_SAT>", graph_of(case), x)
    assert np.abs(run(wide, x)[0] - exact).max() <= 2e-2 * max(1.0, float(largest))

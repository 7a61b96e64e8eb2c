"""Contract: whatever kernel the engine has for an op computes what the op's NumPy reference defines.

Tolerance everywhere: max|a-b| <= 5e-6 max|b| for float32, equality for integers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import engine
from accelsim.engine.arena import Arena
from accelsim.engine.compare import compare_tensor
from accelsim.engine.table import KERNELS
from accelsim.ir.graph import AttrValue
from tests.contracts.case import Case
from tests.contracts.op_cases import CASES
from tests.engine.graphs import Array, floats, interpret, moe_weights, one_node

TOLERANCE = 5e-6

sizes = st.integers(1, 9)
seeds = st.integers(0, 1000)


def assert_kernel_equals_reference(
    op: str,
    arrays: Sequence[Array | None],
    attrs: Mapping[str, AttrValue] | None = None,
    *,
    constants: Collection[int] = (),
    fallback: bool = False,
) -> None:
    graph, inputs = one_node(op, arrays, attrs, constants)
    executable = engine.compile(graph)
    assert executable.plan.fallbacks == (("node",) if fallback else ())
    expected = interpret(graph, inputs)
    outputs = executable(inputs).outputs
    for name in graph.outputs:
        difference = compare_tensor(name, outputs[name], expected[name], TOLERANCE)
        assert difference.ok, difference
        assert outputs[name].dtype == expected[name].dtype


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("constant_parameters", [True, False])
def test_every_sample_of_every_op_runs_as_its_reference(case: Case, constant_parameters: bool) -> None:
    constants = range(1, len(case.arrays)) if constant_parameters else ()
    graph, inputs = one_node(case.op, case.arrays, case.attrs, constants)
    outputs = engine.compile(graph)(inputs).outputs
    expected = interpret(graph, inputs)
    for name in graph.outputs:
        difference = compare_tensor(name, outputs[name], expected[name], TOLERANCE)
        assert difference.ok, difference


def test_every_kernel_belongs_to_an_op_and_is_met_by_a_sample() -> None:
    assert set(KERNELS) <= {case.op for case in CASES}


@given(sizes, sizes, sizes, st.booleans(), seeds)
@settings(deadline=None, max_examples=30)
def test_linear_equals_its_reference(rows: int, inner: int, outer: int, bias: bool, seed: int) -> None:
    arrays = (floats(2, rows, inner, seed=seed), floats(outer, inner), floats(outer) if bias else None)
    assert_kernel_equals_reference("linear", arrays, constants=(1, 2))


@given(sizes, sizes, sizes, st.sampled_from([0.125, 1.0, -0.5]), seeds)
@settings(deadline=None, max_examples=30)
def test_attention_equals_its_reference(queries: int, keys: int, channels: int, scale: float, seed: int) -> None:
    arrays = (
        floats(2, 3, queries, 4, seed=seed),
        floats(2, 3, keys, 4, seed=seed + 1),
        floats(2, 3, keys, channels),
    )
    assert_kernel_equals_reference("attention", arrays, {"scale": scale})


@given(
    st.tuples(sizes, sizes), st.sampled_from([1, 2, 4]), st.booleans(), st.sampled_from(["none", "bool", "real"]), seeds
)
@settings(deadline=None, max_examples=40)
def test_masked_attention_equals_its_reference(
    size: tuple[int, int], shared: int, causal: bool, mask: str, seed: int
) -> None:
    """Some rows of the bool masks see nothing."""
    queries, keys = size
    added = floats(queries, keys, seed=seed + 3)
    arrays = (
        floats(2, 4, queries, 3, seed=seed),
        floats(2, shared, keys, 3, seed=seed + 1),
        floats(2, shared, keys, 5, seed=seed + 2),
        {"none": None, "bool": added > 0, "real": added}[mask],
    )
    assert_kernel_equals_reference("attention", arrays, {"scale": 0.7, "causal": causal})


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_depthwise_conv2d_equals_its_reference(data: st.DataObject) -> None:
    channels, share = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    kernel = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    image = data.draw(st.tuples(st.integers(4, 9), st.integers(4, 9)))
    attrs: dict[str, AttrValue] = {
        "stride": data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "dilation": data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": data.draw(st.tuples(*(st.integers(5, 8),) * 4)),
        "groups": channels,
    }
    bias = floats(channels * share) if data.draw(st.booleans()) else None
    arrays = (floats(2, channels, *image), floats(channels * share, 1, *kernel), bias)
    assert_kernel_equals_reference("conv2d", arrays, attrs)


@given(st.data(), st.sampled_from(["max_pool2d", "avg_pool2d"]))
@settings(deadline=None, max_examples=80)
def test_pooling_equals_its_reference(data: st.DataObject, op: str) -> None:
    kernel = data.draw(st.tuples(st.integers(2, 4), st.integers(2, 4)))
    attrs: dict[str, AttrValue] = {
        "kernel": kernel,
        "stride": data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        "dilation": data.draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        "padding": data.draw(st.tuples(*(st.integers(0, kernel[axis] - 1) for axis in (0, 1, 0, 1)))),
        "ceil_mode": data.draw(st.booleans()),
    }
    if op == "avg_pool2d":
        attrs["count_include_pad"] = data.draw(st.booleans())
    x = floats(2, 3, data.draw(st.integers(7, 12)), data.draw(st.integers(7, 12)))
    assert_kernel_equals_reference(op, (x,), attrs)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_conv2d_equals_its_reference(data: st.DataObject) -> None:
    groups = data.draw(st.integers(1, 3))
    channels, outputs = groups * data.draw(st.integers(1, 3)), groups * data.draw(st.integers(1, 3))
    kernel = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = data.draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = data.draw(st.tuples(*[st.integers(0, 2)] * 4))
    image = [data.draw(st.integers(dilation[axis] * (kernel[axis] - 1) + 1, 9)) for axis in (0, 1)]
    arrays = (
        floats(data.draw(st.integers(1, 2)), channels, *image),
        floats(outputs, channels // groups, *kernel),
        floats(outputs) if data.draw(st.booleans()) else None,
    )
    attrs: dict[str, AttrValue] = {
        "stride": data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    assert_kernel_equals_reference("conv2d", arrays, attrs, constants=(1, 2))


def test_conv2d_in_several_bands_of_rows_equals_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.engine.convolution.PATCH_BYTES", 4 * 27 * 11 * 3)
    arrays = (floats(1, 3, 10, 11), floats(4, 3, 3, 3), floats(4))
    assert_kernel_equals_reference("conv2d", arrays, {"padding": (1, 1, 1, 1)}, constants=(1, 2))


@given(sizes, st.integers(1, 70), st.booleans(), st.booleans(), seeds)
@settings(deadline=None, max_examples=30)
def test_layer_norm_equals_its_reference(rows: int, features: int, weight: bool, bias: bool, seed: int) -> None:
    arrays = (
        floats(rows, features, seed=seed) * 3 + 1,
        floats(features) if weight else None,
        floats(features, seed=2) if bias else None,
    )
    # A row of one or two features can lie within rounding of its mean; 1e-3 keeps the root away from zero.
    assert_kernel_equals_reference("layer_norm", arrays, {"epsilon": 1e-3}, constants=(1, 2))


@given(sizes, st.integers(1, 70), st.floats(0.01, 50), seeds)
@settings(deadline=None, max_examples=30)
def test_softmax_equals_its_reference(rows: int, columns: int, spread: float, seed: int) -> None:
    x = floats(rows, columns, seed=seed) * np.float32(spread)
    assert_kernel_equals_reference("softmax", (x,))


def test_softmax_along_another_axis_keeps_its_reference() -> None:
    assert_kernel_equals_reference("softmax", (floats(3, 4, 5),), {"axis": 1}, fallback=True)


@given(sizes, sizes, sizes, sizes, st.sampled_from(["half_pixel", "align_corners", "asymmetric"]))
@settings(deadline=None, max_examples=40)
def test_bilinear_resize_equals_its_reference(h: int, w: int, to_h: int, to_w: int, coordinates: str) -> None:
    attrs: dict[str, AttrValue] = {"size": (to_h, to_w), "coordinates": coordinates}
    assert_kernel_equals_reference("resize", (floats(2, 3, h, w),), attrs)


@given(sizes, sizes, sizes, seeds)
@settings(deadline=None, max_examples=20)
def test_batch_norm_equals_its_reference(batch: int, channels: int, size: int, seed: int) -> None:
    arrays = (
        floats(batch, channels, size, 3, seed=seed),
        floats(channels),
        floats(channels, seed=2),
        floats(channels, seed=3),
        np.abs(floats(channels, seed=4)) + 0.1,
    )
    assert_kernel_equals_reference("batch_norm", arrays, constants=range(1, 5))


def test_a_norm_whose_statistics_are_computed_keeps_its_reference() -> None:
    arrays = (floats(2, 3, 4), floats(3), floats(3), floats(3), np.abs(floats(3)) + 1)
    assert_kernel_equals_reference("batch_norm", arrays, fallback=True)


@given(sizes, st.integers(1, 7), sizes, sizes, st.data())
@settings(deadline=None, max_examples=50)
def test_moe_equals_its_reference(tokens: int, experts: int, width: int, hidden: int, data: st.DataObject) -> None:
    attrs: dict[str, AttrValue] = {
        "top_k": data.draw(st.integers(1, experts)),
        "activation": data.draw(st.sampled_from(["gelu", "relu"])),
        "renormalise": data.draw(st.booleans()),
    }
    x = floats(tokens, width, seed=data.draw(seeds))
    assert_kernel_equals_reference("moe", (x, *moe_weights(width, experts, hidden)), attrs, constants=range(1, 6))


@given(sizes, st.integers(2, 5), sizes, sizes, st.data())
@settings(deadline=None, max_examples=30)
def test_moe_of_one_layer_equals_its_reference(
    tokens: int, experts: int, width: int, outputs: int, data: st.DataObject
) -> None:
    seed = data.draw(seeds)
    gate_w, w1, b1 = moe_weights(width, experts, outputs)[:3]
    arrays: tuple[np.ndarray | None, ...] = (floats(tokens, width, seed=seed), gate_w, w1, b1)
    if data.draw(st.booleans()):
        positions = np.random.default_rng(seed).permutation(width * outputs)[: max(1, width * outputs // 2)]
        values = w1.reshape(experts, -1)[:, : len(positions)].copy()
        arrays = (*arrays[:2], values, b1, None, None, None, positions.astype(np.int64))
    assert_kernel_equals_reference("moe", arrays, {"top_k": 2, "renormalise": True}, constants=(1, 2, 3, 7))


def test_moe_with_all_tokens_at_one_expert_equals_its_reference() -> None:
    gate_w, *rest = moe_weights(4, 6, 5)
    gate_w[:] = 0
    gate_w[3] = 5
    x = np.abs(floats(9, 4))
    graph, inputs = one_node("moe", (x, gate_w, *rest), {"top_k": 1}, range(1, 6))
    run = engine.compile(graph)(inputs)
    assert run.activity.routings["node"].queues == (0, 0, 0, 9, 0, 0)
    assert compare_tensor("y", run.outputs["node.y"], interpret(graph, inputs)["node.y"], TOLERANCE).ok


def test_moe_breaks_ties_by_the_lower_expert() -> None:
    gate_w, *rest = moe_weights(4, 6, 5)
    gate_w[:] = 0
    gate_w[4] = gate_w[2] = 1
    x = np.abs(floats(5, 4))
    graph, inputs = one_node("moe", (x, gate_w, *rest), {"top_k": 3}, range(1, 6))
    ids = engine.compile(graph)(inputs).outputs["node.ids"]
    assert ids.tolist() == [[2, 4, 0]] * 5
    assert (ids == interpret(graph, inputs)["node.ids"]).all()


def test_moe_serves_forced_ids_that_name_an_expert_more_often_than_there_are_tokens() -> None:
    forced = np.zeros((2, 3), np.int64)
    arrays = (floats(2, 4), *moe_weights(4, 3, 5), forced)
    assert_kernel_equals_reference("moe", arrays, {"top_k": 3}, constants=range(1, 6))


@given(st.sampled_from(["add", "sub", "mul", "div"]), st.sampled_from([(3, 1), (4,), (1, 1), (2, 3, 4), ()]))
@settings(deadline=None, max_examples=20)
def test_arithmetic_broadcasts_as_its_reference(op: str, shape: tuple[int, ...]) -> None:
    assert_kernel_equals_reference(op, (floats(2, 3, 4), floats(*shape, seed=9)))


def test_empty_tensors_keep_their_reference() -> None:
    assert_kernel_equals_reference("softmax", (np.zeros((0, 4), np.float32),), fallback=True)


@pytest.mark.parametrize("op", ["gelu", "relu", "softmax", "layer_norm"])
def test_a_nan_made_on_the_way_stays_a_nan(op: str) -> None:
    x = floats(3, 40)
    graph, _ = one_node(op, (x,))
    executable = engine.compile(graph)
    x[1, 7] = np.nan
    arena = Arena(executable.plan)
    np.copyto(arena.arrays["in0"], x)
    for step in arena:
        step.run()
    assert np.isnan(arena.arrays["node"][1, 7])
    assert np.isfinite(arena.arrays["node"][0]).all()


SEMANTIC = [case for case in CASES if case.spec.expansions]


@pytest.mark.parametrize("case", SEMANTIC, ids=str)
@pytest.mark.parametrize("constant_parameters", [True, False])
def test_semantic_ops_run_on_kernels_and_never_on_their_reference(case: Case, constant_parameters: bool) -> None:
    graph, _ = one_node(case.op, case.arrays, case.attrs, range(1, len(case.arrays)) if constant_parameters else ())
    assert engine.compile(graph).plan.fallbacks == ()


_NEW: dict[str, dict[str, AttrValue]] = {
    **{op: {} for op in ("sigmoid", "silu", "hard_swish", "hard_sigmoid", "leaky_relu", "erf")},
    "clip": {"low": -0.5, "high": 1.0},
    "gelu": {"approximate": "tanh"},
}


@pytest.mark.parametrize("op", _NEW)
def test_functions_of_one_element_run_on_kernels_at_every_size_of_number(op: str) -> None:
    x = np.concatenate([np.linspace(-120, 120, 100_001), [0.0, -0.0, 1e-30, -1e-30, 3e4, -3e4]]).astype(np.float32)
    assert_kernel_equals_reference(op, (x,), _NEW[op])


@given(seed=seeds, axes=st.sets(st.integers(0, 3), min_size=1), op=st.sampled_from(["mean", "sum", "max", "min"]))
@settings(max_examples=30, deadline=None)
def test_reductions_over_any_axes(seed: int, axes: set[int], op: str) -> None:
    attrs: dict[str, AttrValue] = {"axes": tuple(axes), "keepdims": bool(seed % 2)}
    assert_kernel_equals_reference(f"reduce_{op}", (floats(2, 3, 4, 5, seed=seed),), attrs)


@pytest.mark.parametrize("exponent", [2.0, 0.5, -1.0, 1.0, 3.0])
def test_powers_with_a_constant_exponent(exponent: float) -> None:
    x = np.abs(floats(3, 4)) + np.float32(0.1)
    assert_kernel_equals_reference("pow", (x, np.array(exponent, np.float32)), constants=(1,))
    assert_kernel_equals_reference("pow", (x[0], np.full((2, 1), exponent, np.float32)), constants=(1,))


@given(
    queries=st.integers(1, 70),
    keys=st.integers(1, 5000),
    causal=st.booleans(),
    kind=st.sampled_from(["none", "bool", "added"]),
    seed=seeds,
)
@settings(max_examples=25, deadline=None)
def test_attention_in_blocks_of_queries_is_attention(
    queries: int, keys: int, causal: bool, kind: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    q, k, v = floats(1, 2, queries, 3, seed=seed), floats(1, 1, keys, 3, seed=seed), floats(1, 1, keys, 2, seed=seed)
    masks = {"bool": rng.random((2, queries, keys)) < 0.5, "added": floats(queries, keys, seed=seed)}
    mask = () if kind == "none" else (masks[kind],)
    assert_kernel_equals_reference("attention", (q, k, v, *mask), {"scale": 0.7, "causal": causal})


_SIDES = st.fixed_dictionaries(
    {
        "kernel": st.sampled_from([(1, 1), (3, 3), (5, 5), (3, 1), (2, 4)]),
        "image": st.tuples(st.integers(1, 12), st.integers(1, 12)),
    }
)
_GEOMETRY = st.fixed_dictionaries(
    {
        "stride": st.sampled_from([(1, 1), (2, 2), (3, 1), (1, 2), (4, 4)]),
        "dilation": st.sampled_from([(1, 1), (2, 1), (2, 3)]),
        "padding": st.tuples(*[st.integers(0, 9)] * 4),
        "groups": st.just(3),
    }
)


@given(sides=_SIDES, attrs=_GEOMETRY, share=st.integers(1, 2))
@settings(max_examples=80, deadline=None)
def test_depthwise_convolution_at_every_geometry(
    sides: dict[str, tuple[int, int]], attrs: dict[str, tuple[int, ...]], share: int
) -> None:
    kernel, image, pads = sides["kernel"], sides["image"], attrs["padding"]
    spans = [step * (size - 1) + 1 for step, size in zip(attrs["dilation"], kernel, strict=True)]
    if any(image[axis] + pads[axis] + pads[axis + 2] < spans[axis] for axis in (0, 1)):
        return
    x, w, b = floats(2, 3, *image), floats(3 * share, 1, *kernel, seed=2), floats(3 * share)
    assert_kernel_equals_reference("conv2d", (x, w, b), attrs)

"""Passes that put several convolutions in the place of one: fewer operations, the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accelsim.ir import Graph, Tensor
from accelsim.ir.dtype import FLOAT32
from accelsim.ir.graph import AttrValue
from accelsim.ops.build import GraphBuilder
from accelsim.ops.conv_geometry import Geometry
from accelsim.passes import shrink_upsampled_conv, skip_padding
from accelsim.passes.skip_padding import MOST_LIVE, live_share
from tests.passes.outputs import same

EXACT = 3e-5
"""float32 sums in another order."""


def weight(builder: GraphBuilder, name: str, *shape: int) -> str:
    values = np.random.default_rng(len(builder.parameters)).normal(size=shape).astype(np.float32)
    return builder.add_parameter(name, values, Tensor(shape, FLOAT32))


def macs(graph: Graph) -> int:
    """Products of all convolutions."""
    found = 0
    for node in graph.nodes:
        if node.op == "conv2d":
            found += graph.tensors[node.outputs[0]].elements * int(np.prod(graph.tensors[node.inputs[1]].shape[1:]))
    return found


def decoder(
    low: tuple[int, int], widths: tuple[int, int, int], *, first: bool, bias: bool, **resize: AttrValue
) -> Graph:
    """A small image doubled, beside one of full size or none, padded by reflection, and a 3x3."""
    (height, width), (doubled, skip, outputs) = low, widths
    full = (2 * height, 2 * width)
    builder = GraphBuilder("decoder")
    x = builder.add_input("x", Tensor((2, doubled, *low), FLOAT32))
    x = builder.add1("resize", (x,), {"size": full, "mode": "nearest", "coordinates": "asymmetric", **resize})
    if skip:
        other = builder.add_input("skip", Tensor((2, skip, *full), FLOAT32))
        x = builder.add1("concat", (x, other) if first else (other, x), {"axis": 1})
    x = builder.add1("pad", (x,), {"pads": (0, 0, 1, 1, 0, 0, 1, 1), "mode": "reflect"})
    operands = (x, weight(builder, "w", outputs, doubled + skip, 3, 3))
    y = builder.add1("conv2d", (*operands, weight(builder, "b", outputs)) if bias else operands, name="y")
    return builder.finish((builder.add1("elu", (y,)),))


@settings(max_examples=60, deadline=None)
@given(
    low=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    widths=st.tuples(st.integers(1, 5), st.integers(0, 4), st.integers(1, 5)),
    first=st.booleans(),
    bias=st.booleans(),
)
def test_a_convolution_of_a_doubled_image_runs_before_the_doubling(
    low: tuple[int, int], widths: tuple[int, int, int], first: bool, bias: bool
) -> None:
    before = decoder(low, widths, first=first, bias=bias)
    after = shrink_upsampled_conv(before)
    assert [node.op for node in after.nodes].count("conv2d") == 4 + (widths[1] > 0)
    doubled, skip, outputs = widths
    pixels = 2 * 4 * low[0] * low[1]
    assert macs(after) == pixels * outputs * (4 * doubled + 9 * skip)
    same(before, after, EXACT)


@pytest.mark.parametrize("other", [{"mode": "bilinear"}, {"nearest": "ceil"}, {"size": (6, 9)}])
def test_other_resizes_stay(other: dict[str, AttrValue]) -> None:
    size = other.get("size", (6, 8))
    builder = GraphBuilder("decoder")
    x = builder.add_input("x", Tensor((1, 3, 3, 4), FLOAT32))
    how: dict[str, AttrValue] = {"size": size, "mode": "nearest", "coordinates": "asymmetric"}
    x = builder.add1("resize", (x,), {**how, **other})
    x = builder.add1("pad", (x,), {"pads": (0, 0, 1, 1, 0, 0, 1, 1), "mode": "reflect"})
    graph = builder.finish((builder.add1("conv2d", (x, weight(builder, "w", 2, 3, 3, 3))),))
    assert shrink_upsampled_conv(graph) is graph


def atrous(image: tuple[int, int], kernel: tuple[int, int], geometry: Geometry) -> Graph:
    builder = GraphBuilder("atrous")
    x = builder.add_input("x", Tensor((2, 4, *image), FLOAT32))
    operands = (x, weight(builder, "w", 6, 4 // geometry.groups, *kernel), weight(builder, "b", 6))
    return builder.finish((builder.add1("conv2d", operands, geometry.attrs, name="y"),))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int], Geometry]:
    """Image, kernel and geometry with at least the padding that keeps the size."""
    image = draw(st.tuples(st.integers(3, 12), st.integers(3, 12)))
    kernel = draw(st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 2, 3])))
    rate = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    reach = [step * (taps - 1) // 2 for step, taps in zip(rate, kernel, strict=True)]
    top, left, bottom, right = (least + draw(st.integers(0, 2)) for least in (*reach, *reach))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    geometry = Geometry(stride, (top, left, bottom, right), rate, draw(st.sampled_from([1, 2])))
    assume(min(geometry.size(image, kernel)) >= 1)
    return image, kernel, geometry


@settings(max_examples=80, deadline=None)
@given(convolutions())
def test_taps_in_padding_are_left_out(given_one: tuple[tuple[int, int], tuple[int, int], Geometry]) -> None:
    image, kernel, geometry = given_one
    before = atrous(image, kernel, geometry)
    after = skip_padding(before)
    if after is not before:
        assert live_share(geometry, image, kernel) <= MOST_LIVE
        assert macs(after) == round(macs(before) * live_share(geometry, image, kernel))
        same(before, after, EXACT)


@pytest.mark.parametrize(("rate", "percent", "of_heads"), [(6, 82.0, 75.0), (12, 65.6, 52.5), (18, 50.8, 32.5)])
def test_the_live_shares_of_atrous_pyramids(rate: int, percent: float, of_heads: float) -> None:
    """Counted for DenseMTL's images: 32 x 64 and 20 x 64 positions."""
    geometry = Geometry((1, 1), (rate,) * 4, (rate, rate), 1)
    for image, wanted in (((32, 64), percent), ((20, 64), of_heads)):
        assert round(100 * live_share(geometry, image, (3, 3)), 1) == wanted
        graph = atrous(image, (3, 3), geometry)
        assert len([node for node in skip_padding(graph).nodes if node.op == "conv2d"]) >= 4


def test_a_plain_border_is_not_worth_it() -> None:
    graph = atrous((32, 32), (3, 3), Geometry((1, 1), (1, 1, 1, 1), (1, 1), 1))
    assert skip_padding(graph) is graph

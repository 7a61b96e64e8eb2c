"""Spatial arrays: loops along sides against brute force, Eyeriss against its measurements, and bounds."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import DoesNotFitError, InputError, UnsupportedError
from accelsim.hw.load import load_hardware
from accelsim.hw.mapping import Tiles
from accelsim.hw.schema import Hardware
from accelsim.ir import FrozenMap, Graph, Tensor
from accelsim.mapping.dataflows.unrolling import best_factors
from accelsim.ops.build import GraphBuilder
from accelsim.sim.timing import Frame, Timing, time_frames
from tests.mapping.conftest import attention_graph, linear_graph, parameter

EYERISS = """
name: eyeriss-test
title: Eyeriss's array, its buffer split in three
sources: [test]
board: zcu102
clocks: {core: {frequency: {value: 200 MHz, sourced: test}}}
precision: {activation: int16, weight: int16}
memories:
  ddr: {kind: dram, sourced: test, bandwidth: 100 GB/s, efficiency: 1.0}
  images: {kind: buffer, sourced: test, words: 3584, width: 64 bit, copies: 2, technology: bram}
  filters: {kind: buffer, sourced: test, words: 2000, width: 64 bit, copies: 2, technology: bram}
  sums: {kind: buffer, sourced: test, words: 12500, width: 64 bit, technology: bram}
links:
  dram: {sourced: test, memory: ddr, width: 64 bit, port_width: 64 bit, carries: ["*"]}
units:
  pes:
    kind: spatial
    sourced: test
    sides: {rows: 12, cols: 14}
    unroll:
      rows: {kh: 12, oh: 2, ic: 4, oc: 4, reduce: 12}
      cols: {oh: 14, oc: 14, outputs: 14, queries: 14, keys: 14, channels: 14}
    holds: {inputs: images, weights: filters, outputs: sums}
    private: {weights: 224, inputs: 12, outputs: 24}
    accumulator: 16 bit
    load_words: 4
    multiplier: [16 bit, 16 bit]
  vector: {kind: vector, sourced: test, lanes: 4, fill: 2 cycles}
placement: {conv2d: pes, linear: pes, attention.scores: pes, attention.context: pes, "*": vector}
schedule: {prefetch: all, experts: {order: expert-major}, softmax: single-pass}
energy: fpga-16nm
"""

# Layer: images, channels, padded size, filters, kernel, stride, groups; then what was measured at 200 MHz, batch 4:
# processing ms, total ms, active PEs (Eyeriss, JSSC 2017, table V).
ALEXNET = {
    "CONV1": ((4, 3, 227, 96, 11, 4, 1), (16.5, 20.9, 154)),
    "CONV2": ((4, 96, 31, 256, 5, 1, 2), (39.2, 41.9, 135)),
    "CONV3": ((4, 256, 15, 384, 3, 1, 1), (21.8, 23.6, 156)),
    "CONV4": ((4, 384, 15, 384, 3, 1, 2), (16.0, 18.4, 156)),
    "CONV5": ((4, 384, 15, 256, 3, 1, 2), (10.0, 10.5, 156)),
}


@pytest.fixture(scope="module")
def eyeriss(tmp_path_factory: pytest.TempPathFactory) -> Hardware:
    path: Path = tmp_path_factory.mktemp("hw") / "eyeriss.yaml"
    path.write_text(EYERISS, encoding="utf-8")
    return load_hardware(path)


def conv_graph(*shape: int) -> Graph:
    """Images, channels, size with padding, filters, kernel, stride, groups."""
    images, channels, size, filters, kernel, stride, groups = shape
    builder = GraphBuilder("conv")
    builder.add_input("x", Tensor((images, channels, size, size)))
    weight = parameter(builder, "w", filters, channels // groups, kernel, kernel)
    attrs = {"stride": (stride, stride), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": groups}
    return builder.finish([builder.add("conv2d", ["x", weight], attrs, name="conv")[0]])


def _timed(graph: Graph, hardware: Hardware) -> Timing:
    return time_frames([Frame("", graph)], hardware)


def _brute(sizes: dict[str, int], sides: list[tuple[int, dict[str, int]]]) -> int:
    """The fewest steps over all factors; along a side the first loop takes the most it can use."""
    best = [math.prod(sizes.values())]

    def go(left: list[tuple[int, dict[str, int]]], remaining: dict[str, int]) -> None:
        if not left:
            best.append(math.prod(remaining.values()))
            return
        length, most = left[0]
        present = [loop for loop in most if remaining.get(loop, 1) > 1]
        if not present:
            go(left[1:], remaining)
            return
        first = min(most[present[0]], length, remaining[present[0]])
        first = -(-remaining[present[0]] // -(-remaining[present[0]] // first))
        ranges = [[first], *(range(1, most[loop] + 1) for loop in present[1:])]
        for factors in itertools.product(*ranges):
            if math.prod(factors) <= length:
                after = dict(remaining)
                for loop, factor in zip(present, factors, strict=True):
                    after[loop] = -(-after[loop] // factor)
                go(left[1:], after)

    go(sides, dict(sizes))
    return min(best)


def test_factors_take_as_few_steps_as_any() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        sizes = {loop: int(rng.integers(1, 30)) for loop in "abcd"}
        sides = [
            (
                int(rng.integers(1, 15)),
                {str(loop): int(rng.integers(1, 9)) for loop in rng.permutation(list("abcdz"))[: rng.integers(1, 4)]},
            )
            for _ in range(2)
        ]
        found = best_factors(FrozenMap(sizes), tuple((length, FrozenMap(most)) for length, most in sides))
        steps = {math.prod(-(-sizes[loop] // f.get(loop, 1)) for loop in sizes) for f in found}
        assert steps == {_brute(sizes, sides)}
        for factors in found:
            assert math.prod(factors.values()) <= math.prod(length for length, _ in sides)


@pytest.mark.parametrize("layer", ALEXNET)
def test_eyeriss_takes_the_time_that_was_measured(eyeriss: Hardware, layer: str) -> None:
    shape, (processing, total, _) = ALEXNET[layer]
    timing = _timed(conv_graph(*shape), eyeriss)
    compute = sum(stage.compute_cycles for stage in timing.stages) / 2e5
    assert 0.82 * processing <= compute <= 1.03 * processing
    assert timing.cycles / 2e5 == pytest.approx(total, rel=0.10)


def test_eyeriss_as_a_whole_is_within_six_percent_on_alexnet(eyeriss: Hardware) -> None:
    total = sum(_timed(conv_graph(*shape), eyeriss).cycles for shape, _ in ALEXNET.values())
    assert total / 2e5 == pytest.approx(115.3, rel=0.06)


@pytest.mark.parametrize("layer", ALEXNET)
def test_as_many_places_work_as_are_published(eyeriss: Hardware, layer: str) -> None:
    """CONV2 lays 27 rows on 28 columns: 140 places, of which 135 have work in every step."""
    shape, (_, _, active) = ALEXNET[layer]
    stages = _timed(conv_graph(*shape), eyeriss).stages
    used = [int(part.split(" x")[1]) for part in stages[0].cut.dataflow.split(", ")[1:]]
    assert math.prod(used) == (140 if layer == "CONV2" else active)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("groups", [1, 2, 8])
def test_work_and_traffic_never_fall_below_what_is_there(eyeriss: Hardware, size: int, groups: int) -> None:
    for images, channels, filters, image in itertools.product((1, 3), (8, 24), (8, 40), (5, 16)):
        graph = conv_graph(images, channels, image, filters, size, 1, groups)
        timing = _timed(graph, eyeriss)
        macs = sum(stage.macs for stage in timing.stages)
        out = image - size + 1
        assert macs == images * filters * out * out * channels // groups * size * size
        assert sum(stage.compute_cycles for stage in timing.stages) >= macs / 168
        read, written = timing.row_bytes.sum(axis=0)
        assert written == pytest.approx(2 * images * filters * out * out, abs=2)
        touched = 2 * (images * channels * image * image + filters * channels // groups * size * size)
        assert read >= touched - 2
        assert timing.cycles >= macs / 168


def test_other_products_run_too_and_any_batch_is_more_rows(eyeriss: Hardware) -> None:
    for graph, macs in ((linear_graph(20, 48, 30), 20 * 48 * 30), (attention_graph(3, 9, 16), 2 * 3 * 9 * 9 * 16)):
        timing = _timed(graph, eyeriss)
        assert sum(stage.macs for stage in timing.stages) == macs
        assert timing.row_causes.sum() == timing.cycles
    one, eight = (_timed(conv_graph(n, 16, 12, 16, 3, 1, 1), eyeriss) for n in (1, 8))
    compute = [sum(s.tiles * s.tile_cycles for s in timing.stages) for timing in (one, eight)]
    assert compute[1] == 8 * compute[0]


def test_a_place_too_small_for_a_window_says_so(eyeriss: Hardware) -> None:
    small = eyeriss.with_values({"units.pes.private.inputs": 2})
    with pytest.raises(
        DoesNotFitError, match=r"inputs of the smallest tile: needs 3 words, has 2 words -- would help: raise"
    ):
        _timed(conv_graph(1, 8, 12, 8, 3, 1, 1), small)


def test_where_the_fewest_steps_do_not_fit_fewer_places_are_used(eyeriss: Hardware) -> None:
    """Rows of a wide image: 14 output rows at once need more of the buffer than there is, fewer do not."""
    graph, words = conv_graph(1, 8, 64, 8, 3, 1, 1), {"memories.images.words": 50}
    whole, tight = _timed(graph, eyeriss), _timed(graph, eyeriss.with_values(words))
    assert tight.cycles > whole.cycles
    assert sum(s.macs for s in tight.stages) == sum(s.macs for s in whole.stages)
    room = 50 * 8
    assert all(size <= room for s in tight.stages for name, size, _ in s.cut.buffers.values() if name == "images")


def test_a_buffer_too_small_for_any_tile_says_so(eyeriss: Hardware) -> None:
    with pytest.raises(
        DoesNotFitError, match=r"inputs in buffer 'images': needs .* bytes, has 8 bytes -- would help: raise"
    ):
        _timed(conv_graph(1, 8, 12, 8, 3, 1, 1), eyeriss.with_values({"memories.images.words": 1}))


def test_what_is_no_product_is_refused(eyeriss: Hardware) -> None:
    placement = eyeriss.placement.with_items({"*": "pes"})
    builder = GraphBuilder("add")
    for name in "ab":
        builder.add_input(name, Tensor((1, 4)))
    graph = builder.finish([builder.add("add", ["a", "b"], name="sum")[0]])
    with pytest.raises(UnsupportedError, match=r"multiplies and adds, it cannot run 'add.main'"):
        _timed(graph, eyeriss.model_copy(update={"placement": placement}))


def test_tiles_of_a_spatial_array_cannot_be_fixed(eyeriss: Hardware) -> None:
    fixed = eyeriss.model_copy(update={"mapping": FrozenMap({"conv": FrozenMap({"main": Tiles()})})})
    with pytest.raises(InputError, match="fix its 'unroll' instead"):
        _timed(conv_graph(1, 8, 12, 8, 3, 1, 1), fixed)

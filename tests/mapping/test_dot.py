"""Dot arrays: tile counts, cycles and bytes worked out by hand."""

from __future__ import annotations

import pytest

from accelsim.errors import DoesNotFitError, UnsupportedError
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Tensor
from accelsim.mapping.lower import lower
from accelsim.mapping.stage import Stage
from accelsim.mapping.view import Workload
from accelsim.ops.build import GraphBuilder
from tests.mapping.conftest import attention_graph, linear_graph, parameter


def _stages(graph, hardware: Hardware) -> tuple[Stage, ...]:
    return lower(Workload(graph), hardware).stages


def test_a_linear_layer_streams_rows_past_weights_that_are_loaded_once(small: Hardware) -> None:
    (stage,) = _stages(linear_graph(rows=5, reduce=10, outputs=6), small)
    assert (stage.outer, stage.inner, stage.tail) == (1, 5, 0)
    assert stage.tile_cycles == 2 * 3  # ceil(6 / 4) x ceil(10 / 4)
    assert [(t.link, t.size_bytes, t.beats) for t in stage.held] == [("weights", 60, 8)]
    assert [(t.link, t.write, t.size_bytes) for t in stage.streams] == [("data", False, 10), ("data", True, 6)]
    assert stage.macs == 5 * 10 * 6
    assert stage.ideal_cycles == -(-300 // 16)


def test_weights_beyond_the_buffer_are_cut_into_passes_that_read_the_input_again(small: Hardware) -> None:
    stages = _stages(linear_graph(rows=5, reduce=64, outputs=18), small)  # 512 B hold 8 columns of 64
    assert [(s.outer, s.inner) for s in stages] == [(2, 5), (1, 5)]
    assert [sum(t.size_bytes for t in s.held) for s in stages] == [8 * 64, 2 * 64]
    assert sum(s.macs for s in stages) == 5 * 64 * 18
    read = sum(t.size_bytes * s.tiles for s in stages for t in s.streams if not t.write)
    written = sum(t.size_bytes * s.tiles for s in stages for t in s.streams if t.write)
    assert (read, written) == (3 * 5 * 64, 5 * 18)


def test_columns_that_fit_at_no_width_are_a_failure_with_demand_and_lever(small: Hardware) -> None:
    with pytest.raises(
        DoesNotFitError, match=r"'fc' .* needs 4,000 bytes, has 512 bytes -- would help: raise memories.wbuf.words"
    ):
        _stages(linear_graph(rows=2, reduce=1000, outputs=4), small)


def test_gelu_after_a_linear_layer_runs_in_its_epilogue_at_the_speed_of_its_lanes(small: Hardware) -> None:
    lowered = lower(Workload(linear_graph(rows=5, reduce=4, outputs=16, gelu=True)), small)
    (stage,) = lowered.stages
    assert lowered.fused == {"fc": ("act",)}
    assert dict(stage.functions) == {"mac": 5 * 4 * 16, "gelu": 5 * 16}
    assert stage.tile_cycles == 4  # 16 outputs / 4 lanes, as long as the 4 x 1 steps of the products
    slow = small.with_values({"units.array.epilogue.gelu.ii": 3})
    assert _stages(linear_graph(rows=5, reduce=4, outputs=16, gelu=True), slow)[0].tile_cycles == 12


def test_each_group_of_a_convolution_loads_its_own_weights(small_file) -> None:
    builder = GraphBuilder("grouped")
    builder.add_input("x", Tensor((1, 8, 4, 4)))
    out = builder.add("conv2d", ["x", parameter(builder, "w", 6, 4, 1, 1)], {"groups": 2}, name="conv")[0]
    hardware = load_hardware(small_file, {"placement": {"conv2d": "array"}})
    (stage,) = _stages(builder.finish([out]), hardware)
    assert (stage.outer, stage.inner) == (2, 16)
    assert sum(t.size_bytes for t in stage.held) == 3 * 4
    assert stage.moved_bytes(write=False) == 6 * 4 + 8 * 16
    assert stage.macs == 2 * 16 * 3 * 4
    assert stage.tile_cycles == 1


def test_bytes_are_exact_though_a_tile_moves_a_fraction_of_one(small: Hardware) -> None:
    scores, context = _stages(attention_graph(heads=1, queries=5, channels=4), small)
    queries = sum(t.size_bytes for t in scores.streams if t.tensor_class == "attention.q")
    assert queries * scores.tiles == pytest.approx(5 * 4)
    assert context.moved_bytes(write=True) == 5 * 4


def test_biases_travel_with_the_weights(small: Hardware) -> None:
    (stage,) = _stages(linear_graph(rows=5, reduce=10, outputs=6, bias=True), small)
    assert [t.size_bytes for t in stage.held] == [60, 6]
    assert stage.constants == ("fc.weight", "fc.bias")


@pytest.mark.parametrize(("queries", "groups", "tail"), [(5, 3, 0), (6, 3, 1), (1, 1, 0)])
def test_skewed_attention_streams_each_key_once_for_a_group_of_rows(
    small: Hardware, queries: int, groups: int, tail: int
) -> None:
    scores, context = _stages(attention_graph(heads=3, queries=queries, channels=8), small)
    for stage in (scores, context):
        assert (stage.outer, stage.inner, stage.tail) == (groups, queries, tail)
        assert stage.tile_cycles == 3 * 2  # heads x 8 / 4 lanes
        assert stage.macs == 3 * queries * queries * 8
    keys = next(t for t in scores.streams if t.tensor_class == "attention.k")
    assert keys.size_bytes == 3 * 8


def test_without_skew_a_partial_group_costs_a_whole_one(small_file) -> None:
    plain = load_hardware(small_file, {"units.scores.skew": False})
    scores = _stages(attention_graph(heads=1, queries=6, channels=4), plain)[0]
    assert (scores.outer, scores.inner, scores.tail) == (3, 6, 0)
    assert sum(t.size_bytes for t in scores.held) == 2 * 4  # the query rows of a group, before its keys


def test_a_second_stage_slower_than_the_array_sets_the_pace(small_file) -> None:
    slow = load_hardware(small_file, {"units.scores.stages": {"exp": {"ii": {"value": "5 cycles", "sourced": "test"}}}})
    scores = _stages(attention_graph(heads=1, queries=6, channels=4), slow)[0]
    assert scores.tile_cycles == 5 * 2  # interval x rows of the group


def test_a_dot_unit_without_a_buffer_for_weights_says_what_to_add(small_file) -> None:
    bare = load_hardware(small_file, {"placement.linear": "scores"})
    with pytest.raises(UnsupportedError, match=r"add units.scores.holds.w: <memory>"):
        _stages(linear_graph(rows=2, reduce=4, outputs=4), bare)

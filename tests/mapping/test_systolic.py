"""Systolic arrays: tiles fit, every product and byte is there, and the numbers are those of walking all tiles."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelsim.errors import DoesNotFitError, UnsupportedError
from accelsim.hw.document import ConfigError
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, Axis, FrozenMap, Graph, Routing, Tensor
from accelsim.mapping.dataflows.folds import SIDES, Array
from accelsim.mapping.dataflows.tiling import (
    AXES,
    INNER,
    LOOPS,
    Plan,
    Problem,
    passes,
)
from accelsim.mapping.lower import lower
from accelsim.mapping.stage import Stage
from accelsim.mapping.view import Workload
from accelsim.ops.build import GraphBuilder
from accelsim.sim.timing import Frame, time_frames
from tests.mapping.conftest import attention_graph, linear_graph, moe_graph, parameter
from tests.mapping.plan_boxes import boxes, reduce_boxes, stream_cycles

PLAIN = """
name: plain
title: a small systolic array for tests
sources: [tests]
board: zcu102
clocks: {pl: {frequency: {value: 100 MHz, sourced: test}}}
precision: {activation: int8, weight: int8}
memories:
  ddr: {kind: dram, sourced: test, bandwidth: 100 GB/s, efficiency: 1.0}
  abuf: {kind: buffer, sourced: test, words: 32, width: 64 bit, copies: 2, technology: bram}
  wbuf: {kind: buffer, sourced: test, words: 32, width: 64 bit, copies: 2, technology: bram}
  obuf: {kind: buffer, sourced: test, words: 64, width: 64 bit, copies: 2, technology: bram}
links:
  weights: {sourced: test, memory: ddr, width: 8 bit, port_width: 8 bit, latency: 10 cycles, carries: [parameter]}
  data: {sourced: test, memory: ddr, width: 8 bit, port_width: 8 bit, latency: 0 cycles, carries: ["*"]}
units:
  array: {kind: systolic, sourced: test, rows: 4, cols: 4, dataflow: weight-stationary, fold_overlap: none,
          holds: {inputs: abuf, weights: wbuf, outputs: obuf}, accumulator: 32 bit, multiplier: [8 bit, 8 bit],
          epilogue: {mul: {lanes: 4}}}
  vector: {kind: vector, sourced: test, lanes: 4, fill: 2 cycles}
placement: {linear: array, matmul: array, conv2d: array, attention: vector, attention.scores: array,
            attention.context: array, gelu: vector, moe: vector, moe.gate: array, moe.fc1: array, moe.fc2: array}
schedule: {prefetch: all, experts: {order: expert-major}, softmax: single-pass}
energy: fpga-16nm
"""
DATAFLOWS = tuple(SIDES)


@pytest.fixture(scope="module")
def plain_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hw") / "plain.yaml"
    path.write_text(PLAIN, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def arrays(plain_file: Path) -> dict[str, Hardware]:
    return {name: load_hardware(plain_file, {"units.array.dataflow": name}) for name in DATAFLOWS}


def _stages(graph: Graph, hardware: Hardware, activity: Activity | None = None) -> tuple[Stage, ...]:
    return lower(Workload(graph, activity), hardware).stages


def _moved(stages: tuple[Stage, ...], *, write: bool) -> int:
    return sum(stage.moved_bytes(write=write) for stage in stages)


def _walk(problem: Problem, plan: Plan) -> tuple[int, dict[str, int], int]:
    """Every tile one by one: cycles, elements over the link by role (psums as outputs), and products."""
    array, sides = problem.array, SIDES[problem.array.dataflow]
    cycles = products = 0
    moved = {"inputs": 0, "weights": 0, "outputs": 0, "read back": 0}
    starts = {axis: range(0, problem.units(axis), plan.tile[axis]) for axis in LOOPS}

    def span(axis: Axis, start: int) -> tuple[int, int]:
        units = min(plan.tile[axis], problem.units(axis) - start)
        return units, min(problem.size[axis], (start + units) * problem.unit(axis)) - start * problem.unit(axis)

    order = [axis for axis in (Axis.REDUCE, Axis.ROW, Axis.OUTPUT) if axis != INNER[plan.held]] + [INNER[plan.held]]
    # Boxes first: all whole tiles of an axis before its rest, K outermost.
    kinds = [[(axis, whole) for whole in (True, False)] for axis in (Axis.REDUCE, Axis.ROW, Axis.OUTPUT)]
    for kind in itertools.product(*kinds):
        chosen = {
            axis: [s for s in starts[axis] if (span(axis, s)[0] == plan.tile[axis]) is whole] for axis, whole in kind
        }
        last = None
        for place in itertools.product(*(chosen[axis] for axis in order)):
            at = dict(zip(order, place, strict=True))
            units = {axis: span(axis, at[axis])[0] for axis in LOOPS}
            size = {axis: span(axis, at[axis])[1] for axis in LOOPS}
            assert all(size[a] * size[b] * problem.bits[r] <= problem.capacity_bits[r] for r, (a, b) in AXES.items())
            fold = array.interval_cycles(units[sides.stream])
            cycles += units[sides.rows] * units[sides.columns] * fold
            products += math.prod(size.values())
            held = tuple(at[axis] for axis in AXES[plan.held])
            for role, (a, b) in AXES.items():
                if role == plan.held and held == last:
                    continue
                moved[role] += size[a] * size[b]
                box_start = role == "outputs" and plan.held == "outputs" and at[Axis.REDUCE] == chosen[Axis.REDUCE][0]
                if role == "outputs" and at[Axis.REDUCE] > 0 and (plan.held != "outputs" or box_start):
                    moved["read back"] += size[a] * size[b]
            last = held
    return problem.batch * cycles, {role: problem.batch * count for role, count in moved.items()}, products


small = st.integers(1, 14)


@settings(max_examples=400, deadline=None)
@given(
    size=st.tuples(small, small, small),
    tile=st.tuples(small, small, small),
    array=st.builds(Array, st.integers(1, 4), st.integers(1, 4), st.sampled_from(DATAFLOWS)),
    held=st.sampled_from(tuple(AXES)),
    batch=st.integers(1, 3),
)
def test_cycles_and_traffic_of_a_plan_are_those_of_walking_its_tiles(size, tile, array: Array, held, batch) -> None:
    bits, room = (FrozenMap(dict.fromkeys(AXES, value)) for value in (8, 10**9))
    problem = Problem(array, batch, FrozenMap(zip(LOOPS, size, strict=True)), bits, room)
    plan = Plan({a: min(t, problem.units(a)) for a, t in zip(LOOPS, tile, strict=True)}, held)
    cycles, moved, products = _walk(problem, plan)
    crossings = passes(problem, plan)
    assert products == math.prod(size)
    assert cycles == stream_cycles(problem, plan)
    for role, (a, b) in AXES.items():
        assert moved[role] == crossings[role] * batch * problem.size[a] * problem.size[b], role
    results = batch * problem.size[Axis.ROW] * problem.size[Axis.OUTPUT]
    assert moved["read back"] == (crossings["outputs"] - 1) * results
    parts = {Axis.REDUCE: reduce_boxes(problem, plan)}
    parts |= {axis: boxes(problem, axis, plan.tile[axis]) for axis in (Axis.ROW, Axis.OUTPUT)}
    for axis, found in parts.items():
        assert sum(box.elements for box in found) == problem.size[axis]
        assert sum(box.count * box.units for box in found) == problem.units(axis)
    assert [box.final for box in parts[Axis.REDUCE]].count(True) == 1
    assert not parts[Axis.REDUCE][0].reads


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.tuples(st.integers(1, 50), st.integers(1, 90), st.integers(1, 60)),
    dataflow=st.sampled_from(DATAFLOWS),
    bias=st.booleans(),
)
def test_stages_hold_all_products_fit_the_buffers_and_keep_the_bounds(
    arrays: dict[str, Hardware], size: tuple[int, int, int], dataflow: str, bias: bool
) -> None:
    hardware, (rows, reduce, outputs) = arrays[dataflow], size
    graph = linear_graph(rows=rows, reduce=reduce, outputs=outputs, bias=bias)
    stages = _stages(graph, hardware)
    macs = rows * reduce * outputs
    assert sum(stage.macs for stage in stages) == macs
    assert all(stage.memory_bytes <= hardware.memories[stage.memory].copy_bytes for stage in stages)
    assert _moved(stages, write=False) >= rows * reduce + reduce * outputs + bias * outputs
    assert _moved(stages, write=True) >= rows * outputs
    weights = sum(
        t.size_bytes * n
        for s in stages
        for ts, n in ((s.held, s.rounds), (s.streams, s.tiles))
        for t in ts
        if t.link == "weights"
    )
    assert weights == pytest.approx(sum(stage.loaded_constant_bytes for stage in stages))
    timing = time_frames([Frame("", graph)], hardware)
    assert timing.cycles * 16 >= macs
    assert timing.cycles >= timing.row_bytes[:, 1].sum()  # a byte a cycle and direction of the port
    assert timing.row_causes.sum() == timing.cycles
    faster = hardware.with_values({"links.data.port_width": 16, "links.data.width": 16, "units.array.fill": 0})
    fixed = [(s.outer, s.inner, s.tile_cycles) for s in stages]
    if fixed == [(s.outer, s.inner, s.tile_cycles) for s in _stages(graph, faster)]:
        assert time_frames([Frame("", graph)], faster).cycles <= timing.cycles


def _wide(plain_file: Path, **settings: object) -> Hardware:
    """The array behind links that are never the limit."""
    wide = {f"links.{name}.{key}": 4096 for name in ("data", "weights") for key in ("width", "port_width")}
    overrides = {path: {"value": f"{bits} bit", "sourced": "test"} for path, bits in wide.items()}
    return load_hardware(plain_file, {**overrides, **settings})


def test_a_layer_that_fits_costs_its_folds(plain_file: Path) -> None:
    stages = _stages(linear_graph(rows=6, reduce=8, outputs=12), _wide(plain_file))
    assert sum(stage.compute_cycles for stage in stages) == 2 * 3 * (6 + 2 * 4 + 4 - 2)
    assert all(stage.fill_cycles == 0 for stage in stages)
    assert _moved(stages, write=True) == 6 * 12


def test_overlapped_folds_pay_their_skew_once_a_stage(plain_file: Path) -> None:
    graph = linear_graph(rows=6, reduce=8, outputs=12)
    for overlap, interval in (("preload", 6 + 4 + 4 - 2), ("full", 6)):
        stages = _stages(graph, _wide(plain_file, **{"units.array.fold_overlap": overlap}))
        assert sum(stage.compute_cycles for stage in stages) == 6 * interval
        assert {stage.fill_cycles for stage in stages} == {(6 + 2 * 4 + 4 - 2) - interval}


def test_a_cut_reduction_spills_sums_at_the_width_of_the_accumulator(plain_file: Path) -> None:
    tiny = {"memories.obuf.words": 8, "memories.abuf.words": 2, "memories.wbuf.words": 2}  # 64, 16 and 16 bytes
    hardware = load_hardware(plain_file, {path: {"value": n, "sourced": "test"} for path, n in tiny.items()})
    stages = _stages(linear_graph(rows=4, reduce=12, outputs=4), hardware)
    written, read = _moved(stages, write=True), _moved(stages, write=False)
    spilled = written - 4 * 4
    assert spilled % (4 * 4 * 4) == 0
    if any(stage.stores for stage in stages):
        assert spilled == 0  # the sums stay where they are
    else:
        assert spilled == 2 * 4 * 4 * 4
        assert read >= spilled + 4 * 12 + 12 * 4


def test_attention_repeats_its_products_for_each_head_and_never_loads_keys_early(arrays: dict[str, Hardware]) -> None:
    for hardware in arrays.values():
        stages = [s for s in _stages(attention_graph(heads=3, queries=10, channels=8), hardware) if s.unit == "array"]
        assert {s.part for s in stages} == {"scores", "context"}
        assert sum(s.macs for s in stages) == 2 * 3 * 10 * 10 * 8
        assert all(s.group in ("", f"{s.memory}:attn:{s.part}") for s in stages)
        assert all(not s.early for s in stages if s.held)


def test_a_convolution_is_unrolled_and_reads_each_element_of_its_input_once_a_pass(plain_file: Path) -> None:
    builder = GraphBuilder("conv")
    builder.add_input("x", Tensor((1, 2, 6, 6)))
    inputs = ["x", parameter(builder, "w", 4, 2, 3, 3)]
    graph = builder.finish([builder.add("conv2d", inputs, {"stride": (1, 1)}, name="conv")[0]])
    big = {f"memories.{name}.words": {"value": 4096, "sourced": "test"} for name in ("abuf", "wbuf", "obuf")}
    (stage,) = _stages(graph, load_hardware(plain_file, big))
    assert stage.macs == 16 * 4 * 18
    assert _moved((stage,), write=False) == 2 * 6 * 6 + 4 * 18
    assert _moved((stage,), write=True) == 4 * 16


def test_grouped_convolutions_repeat_and_a_batch_adds_rows(arrays: dict[str, Hardware]) -> None:
    builder = GraphBuilder("conv")
    builder.add_input("x", Tensor((2, 4, 4, 4)))
    inputs = ["x", parameter(builder, "w", 4, 1, 3, 3)]
    attrs = {"stride": (1, 1), "groups": 4}
    graph = builder.finish([builder.add("conv2d", inputs, attrs, name="conv")[0]])
    stages = _stages(graph, arrays["output-stationary"])
    assert sum(s.macs for s in stages) == 2 * 4 * 4 * 9
    folds = 4 * 2  # groups x row folds of 2 samples of 2 x 2 pixels
    assert sum(s.compute_cycles for s in stages) == folds * (9 + 4 + 4 - 2)


def _routed(hardware: Hardware) -> tuple[Stage, ...]:
    ids = ((0, 1), (0, 1), (3, 0), (0, 3), (1, 0), (3, 1))
    return _stages(moe_graph(), hardware, Activity("test", FrozenMap({"moe": Routing.from_ids(ids, 4)})))


def test_experts_run_in_order_and_add_to_their_results(arrays: dict[str, Hardware]) -> None:
    for hardware in arrays.values():
        stages = [stage for stage in _routed(hardware) if stage.part.startswith("expert") and stage.unit == "array"]
        parts = list(dict.fromkeys(stage.part for stage in stages))
        assert parts == [f"expert{e}.{fc}" for e in (0, 1, 3) for fc in ("fc1", "fc2")]
        second = [stage for stage in stages if stage.part == "expert0.fc2"]
        assert sum(stage.macs for stage in second) == 5 * 8 * 8
        assert _moved(tuple(second), write=False) >= 8 * 8 + 8 + 2 * 5 * 8 + 5  # weights, bias, hidden, sums, gates
        assert sum(dict(stage.functions).get("mul", 0) for stage in second) == 5 * 8


def test_token_order_holds_weights_so_that_a_cache_saves_their_loads(plain_file: Path) -> None:
    settings = {
        "units.array.dataflow": "output-stationary",
        "schedule.experts": {
            "order": "token-major",
            "cache": {"policy": "lru", "experts": {"value": 4, "sourced": "t"}},
        },
    }
    stages = [stage for stage in _routed(load_hardware(plain_file, settings)) if stage.part.startswith("expert")]
    first = [stage for stage in stages if stage.part.endswith("expert0.fc1")]
    assert all(stage.memory == "wbuf" for stage in stages if stage.unit == "array")
    visits, parts = 5, len(first) // 5
    assert len(first) == visits * parts
    assert [bool(stage.held) for stage in first] == [True] * parts + [False] * (len(first) - parts)


def test_a_tile_that_fits_at_no_size_is_a_failure_with_demand_and_lever(plain_file: Path) -> None:
    hardware = load_hardware(plain_file, {"memories.wbuf.words": {"value": 1, "sourced": "test"}})
    with pytest.raises(
        DoesNotFitError, match=r"its weights in buffer 'wbuf': needs 16 bytes, has 8 bytes -- would help: raise mem"
    ):
        _stages(linear_graph(rows=5, reduce=8, outputs=8), hardware)


def test_work_that_is_no_product_is_refused_with_a_place_for_it(plain_file: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"cannot run 'gelu.main' of node 'act'; place it on vector: "):
        _stages(linear_graph(2, 4, 4, gelu=True), load_hardware(plain_file, {"placement.gelu": "array"}))


def test_a_buffer_that_is_missing_or_resident_is_an_error_of_the_file(plain_file: Path) -> None:
    with pytest.raises(ConfigError, match="'wbuff' is not a memory of this file -- did you mean 'wbuf'"):
        load_hardware(plain_file, {"units.array.holds.weights": "wbuff"})
    with pytest.raises(ConfigError, match="'wbuf' is resident; tiles of a systolic array come and go"):
        load_hardware(plain_file, {"memories.wbuf.resident": True})

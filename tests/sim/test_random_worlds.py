"""What holds for every graph on every hardware (design: the simulator's properties), on random small ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import DoesNotFitError, UnsupportedError
from accelsim.hw.schema import Hardware
from accelsim.ir import Access, Graph
from accelsim.mapping.context import Context
from accelsim.mapping.view import Workload
from accelsim.sim.simulate import simulate
from accelsim.sim.timing import Frame, Timing, retimed, time_frames
from tests.sim.random_worlds import KINDS, peak_products, random_graph, random_hardware


def _worlds(kind: str, folder: Path, designs: int, graphs: int) -> Iterator[tuple[Timing, Graph, Hardware]]:
    """Timings of random graphs on random designs; those that do not fit, and say so, are left out."""
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(designs):
        hardware = random_hardware(rng, kind, folder)
        for _ in range(graphs):
            graph = random_graph(rng)
            try:
                yield time_frames([Frame("", graph)], hardware), graph, hardware
            except DoesNotFitError as error:
                assert "needs" in str(error)  # noqa: PT017
            except UnsupportedError:
                assert kind == "rate"  # a rate is one of products only


def _compulsory_bytes(graph: Graph, hardware: Hardware, timing: Timing) -> float:
    """What must cross the links: each input, parameter and result of the model once."""
    workload = Workload(graph)
    context = Context(workload, hardware)
    touched: dict[tuple[str, bool], float] = {}
    fused = {member for low in timing.lowered for members in low.fused.values() for member in members}
    for node in graph.nodes:
        if node.name in fused or any(s.unit == "array" and s.cause == "host" for s in timing.stages):
            continue
        for nest in workload.nests(node):
            for operand in nest.operands:
                outside = operand.tensor in graph.parameters or operand.tensor in graph.inputs
                if operand.tensor and outside and operand.access is Access.READ:
                    size = operand.elements * context.stored_bits(node.op, operand) / 8
                    key = (operand.tensor, False)
                    touched[key] = max(touched.get(key, 0.0), size)
    return sum(touched.values())


def _check(timing: Timing, graph: Graph, hardware: Hardware) -> None:
    timeline, base = timing.timeline, timing.base
    assert timing.row_credit.sum() == timing.cycles
    assert (timing.row_causes >= 0).all()
    assert np.array_equal(timeline.causes.sum(axis=1), timeline.end - timeline.start)
    assert timeline.total >= timeline.channel_busy.max(initial=0)
    assert timeline.total >= timeline.memory_busy.max(initial=0)
    for unit in hardware.units:
        own = [stage for stage in timing.stages if stage.unit == unit]
        assert timeline.total >= sum(s.compute_cycles for s in own) * base.unit_ticks(unit)
        macs = sum(stage.macs for stage in own)
        if macs:
            assert timing.cycles / hardware.clock_hz >= macs / peak_products(hardware, unit)
    workload = Workload(graph)
    assert sum(s.macs for s in timing.stages) == sum(n.macs for node in graph.nodes for n in workload.nests(node))
    moved = timing.row_bytes.sum()
    rate = hardware.memories["dram"].bytes_per_s
    seconds = timeline.total / base.tick_hz
    assert seconds >= moved / rate * (1 - 1e-9) - 1e-9
    compulsory = _compulsory_bytes(graph, hardware, timing)
    assert moved >= compulsory * (1 - 1e-9) - 2 * len(graph.nodes)
    assert seconds >= (compulsory - 2 * len(graph.nodes)) / rate


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_and_sums_hold(kind: str, tmp_path: Path) -> None:
    seen = 0
    for world in _worlds(kind, tmp_path, 4, 8):
        _check(*world)
        seen += 1
    assert seen > 8


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_and_sums_hold_in_many_worlds(kind: str, tmp_path: Path) -> None:
    seen = 0
    for world in _worlds(kind, tmp_path, 40, 12):
        _check(*world)
        seen += 1
    assert seen > 200


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_more_bandwidth_and_a_faster_clock_are_never_slower(kind: str, tmp_path: Path) -> None:
    """For fixed tiles and order of service: row after row. Another clock is another tick, to which all is rounded."""
    compared = 0
    for timing, _, hardware in _worlds(kind, tmp_path, 14, 6):
        if hardware.schedule.branches == "concurrent":
            continue
        seconds = timing.timeline.total / timing.base.tick_hz
        changes = (
            {"memories.dram.bandwidth": 2.0},
            {"memories.dram.bandwidth": 1.37},
            {"memories.dram.efficiency": 1.25},
            {"clocks.ddr.frequency": 2.0},
            {"clocks.pl.frequency": 2.0, "clocks.ddr.frequency": 2.0},
        )
        numbers = dict(hardware.quantities())
        for change in changes:
            faster = retimed(timing, hardware.with_values({p: numbers[p].value * f for p, f in change.items()}))
            ticks = 0 if faster.base.tick_hz == timing.base.tick_hz else 2 * len(timing.stages)
            allowed = seconds + ticks / timing.base.tick_hz
            assert faster.timeline.total / faster.base.tick_hz <= allowed * (1 + 1e-12), change
            compared += 1
    assert compared > 100


@pytest.mark.slow
def test_branches_and_kept_tensors_are_never_slower_than_without(tmp_path: Path) -> None:
    compared = 0
    for timing, graph, hardware in _worlds("dot", tmp_path, 20, 8):
        schedule = hardware.schedule.model_copy(update={"branches": "sequential"})
        apart = time_frames([Frame("", graph)], hardware.model_copy(update={"schedule": schedule}))
        assert timing.timeline.total <= apart.timeline.total
        compared += timing.timeline.total < apart.timeline.total
    assert compared > 0


@pytest.mark.parametrize("kind", ["dot", "spatial"])
def test_a_larger_buffer_never_makes_a_node_move_more(kind: str, tmp_path: Path) -> None:
    """These units have one plan, or search them all; traffic is then the least, up to what time weighs against it."""
    rng = np.random.default_rng(9)
    for _ in range(4):
        hardware = random_hardware(rng, kind, tmp_path)
        graph = random_graph(rng)
        moved = []
        for words in (64, 256, 1024, 8192):
            sized = hardware.with_values({f"memories.{name}.words": words for name in "abc"})
            try:
                result = simulate(graph, sized)
            except DoesNotFitError:
                continue
            moved.append(result.dram_bytes)
        if kind == "dot":
            assert moved == sorted(moved, reverse=True)
        elif moved:
            assert moved[-1] == min(moved)

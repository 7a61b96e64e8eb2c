"""Branches side by side: what may overlap, that nothing gains more than there is, and a sum of causes that holds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from accelsim.hw.schema import Hardware
from accelsim.ir import FrozenMap, Graph, Tensor
from accelsim.mapping.stage import Stage, Transfer
from accelsim.ops.build import GraphBuilder
from accelsim.sim.assemble import assemble
from accelsim.sim.branches import Region, dependencies, regions, run_branches, unit_lanes
from accelsim.sim.simulate import simulate
from accelsim.sim.timeline import Timeline, run_program
from accelsim.sim.timing import Frame, time_frames
from tests.mapping.conftest import parameter, small, small_file
from tests.sim.random_programs import random_program

__all__ = ["small", "small_file"]


def _ancestors(after: list[tuple[int, ...]]) -> list[set[int]]:
    found: list[set[int]] = []
    for before in after:
        found.append(set(before).union(*(found[row] for row in before)))
    return found


def _random_after(rng: np.random.Generator) -> list[tuple[int, ...]]:
    count = int(rng.integers(1, 14))
    density = rng.choice([0.05, 0.3, 0.8])
    return [
        tuple(k for k in range(row) if rng.random() < density or (k == row - 1 and rng.random() < 0.6))
        for row in range(count)
    ]


def test_regions_are_exactly_where_no_cut_orders_all_rows() -> None:
    """Against the definition: a cut is where every later row comes after every earlier one."""
    rng = np.random.default_rng(3)
    several = 0
    for _ in range(3_000):
        after = _random_after(rng)
        known = _ancestors(after)
        cuts = [r for r in range(len(after) + 1) if all(set(range(r)) <= known[k] for k in range(r, len(after)))]
        expected = [(a, b) for a, b in itertools.pairwise(cuts) if b - a > 1]
        found = regions(after)
        assert [(one.first, one.last) for one in found] == expected
        for one in found:
            assert one.after == tuple(
                tuple(k for k in after[row] if k >= one.first) for row in range(one.first, one.last)
            )
        several += len(found) > 1
    assert several > 100


def test_a_chain_has_no_region() -> None:
    assert regions([(), (0,), (1,), (2,)]) == ()
    assert regions([(), (), (0, 1)]) == (Region(0, 2, ((), ())),)


@pytest.mark.parametrize("programs", [200, pytest.param(4_000, marks=pytest.mark.slow)])
def test_credit_sums_to_the_total_and_never_exceeds_a_rows_own_causes(programs: int) -> None:
    hidden = partly = 0
    for seed in range(programs):
        timeline = run_program(random_program(seed, max_rows=8, max_outer=6, max_inner=8, branches=True))
        own = timeline.end - timeline.start
        assert np.array_equal(timeline.causes.sum(axis=1), own)
        assert (timeline.credit >= 0).all()
        assert (timeline.credit <= timeline.causes).all()
        assert timeline.credit.sum() == timeline.total == timeline.end.max()
        credited = timeline.credit.sum(axis=1)
        assert np.array_equal(credited, np.diff(timeline.makespan, prepend=0))
        hidden += bool(((credited == 0) & (own > 0)).any())
        partly += bool(((credited > 0) & (credited < own)).any())
    assert hidden > programs // 8
    assert partly > programs // 8


def _wide(small: Hardware, branches: str, **values: float) -> Hardware:
    schedule = small.schedule.model_copy(update={"branches": branches})
    return small.with_values(values).model_copy(update={"schedule": schedule})


def _forked(rows: int = 64, chain: int = 1) -> Graph:
    """linear beside layer_norm, joined by an addition."""
    builder = GraphBuilder("forked")
    builder.add_input("x", Tensor((1, rows, 16)))
    start = builder.add("linear", ["x", parameter(builder, "w0", 16, 16)], name="stem")[0]
    left = right = start
    for k in range(chain):
        left = builder.add("linear", [left, parameter(builder, f"w{k + 1}", 16, 16)], name=f"left{k}")[0]
        weight, bias = parameter(builder, f"s{k}", 16), parameter(builder, f"b{k}", 16)
        right = builder.add("layer_norm", [right, weight, bias], name=f"right{k}")[0]
    return builder.finish([builder.add("add", [left, right], name="join")[0]])


def test_a_branch_hides_behind_a_longer_one_on_another_unit(small: Hardware) -> None:
    graph = _forked()
    apart = simulate(graph, _wide(small, "sequential"))
    beside = simulate(graph, _wide(small, "concurrent"))
    nodes = {node.name: node for node in beside.nodes}
    alone = {node.name: node for node in apart.nodes}
    assert nodes["left0"].start_cycle == nodes["right0"].start_cycle == nodes["stem"].cycles
    longest = max(nodes["left0"].cycles, nodes["right0"].cycles)
    assert nodes["join"].start_cycle == nodes["stem"].cycles + longest
    assert beside.cycles == nodes["stem"].cycles + longest + nodes["join"].cycles
    # DRAM and links are far from their limits: each branch takes about what it takes alone.
    assert longest <= 1.1 * max(alone["left0"].cycles, alone["right0"].cycles)
    assert apart.cycles - beside.cycles > 0.8 * min(alone["left0"].cycles, alone["right0"].cycles)
    for result in (apart, beside):
        assert sum(result.stalls.values()) == result.cycles
        assert all(sum(node.stalls.values()) == node.cycles for node in result.nodes)
    assert sum(node.energy_j for node in beside.nodes) == pytest.approx(beside.energy_j)


def test_branches_are_dealt_to_equal_arrays(small: Hardware) -> None:
    """Two branches of linears, `array` and a twin with a buffer of its own to run them."""
    builder = GraphBuilder("two")
    builder.add_input("x", Tensor((1, 64, 16)))
    ends = []
    for side in "ab":
        out = "x"
        for k in range(3):
            out = builder.add("linear", [out, parameter(builder, f"{side}{k}", 16, 16)], name=f"{side}{k}")[0]
        ends.append(out)
    graph = builder.finish([builder.add("add", ends, name="join")[0]])
    array = small.units["array"]
    twin = array.model_copy(update={"holds": FrozenMap({"w": "twin_w"})})
    hardware = small.model_copy(
        update={
            "units": small.units.with_items({"twin": twin}),
            "memories": small.memories.with_items({"twin_w": small.memories["wbuf"]}),
            "placement": small.placement.with_items({"linear": ("array", "twin")}),
        }
    )
    apart, beside = (simulate(graph, _wide(hardware, way)) for way in ("sequential", "concurrent"))
    assert {node.unit for node in apart.nodes if node.op == "linear"} == {"array"}
    assert {node.name[0]: node.unit for node in beside.nodes if node.op == "linear"} == {"a": "array", "b": "twin"}
    linears = sum(node.cycles for node in apart.nodes if node.op == "linear")
    assert apart.cycles - beside.cycles > 0.45 * linears


def test_a_shared_dram_that_limits_both_branches_leaves_nothing_to_gain(small: Hardware) -> None:
    graph = _forked()
    slow = {"memories.ddr.bandwidth": 2e7}
    apart, beside = (time_frames([Frame("", graph)], _wide(small, way, **slow)) for way in ("sequential", "concurrent"))
    busy = int(beside.timeline.memory_busy.max())
    assert busy <= beside.timeline.total <= apart.timeline.total
    assert beside.timeline.total >= 0.98 * apart.timeline.total


def test_a_chain_is_timed_alike_under_both_schedules(small: Hardware) -> None:
    builder = GraphBuilder("chain")
    builder.add_input("x", Tensor((1, 8, 16)))
    first = builder.add("linear", ["x", parameter(builder, "w0", 16, 16)], name="a")[0]
    graph = builder.finish([builder.add("linear", [first, parameter(builder, "w1", 16, 16)], name="b")[0]])
    apart, beside = (simulate(graph, _wide(small, way)) for way in ("sequential", "concurrent"))
    assert apart.cycles == beside.cycles
    assert apart.nodes == beside.nodes


def test_units_that_share_a_buffer_take_turns(small: Hardware) -> None:
    lanes = unit_lanes(small)
    assert len(set(lanes.values())) == len(small.units)
    holder = small.units["scores"].model_copy(update={"holds": small.units["array"].holds})
    shared = small.model_copy(update={"units": small.units.with_items({"scores": holder})})
    assert unit_lanes(shared)["scores"] == unit_lanes(shared)["array"]
    assert len(set(unit_lanes(shared).values())) == len(small.units) - 1


def test_frames_follow_each_other_even_where_they_need_nothing(small: Hardware) -> None:
    graph = _forked()
    one = time_frames([Frame("", graph)], _wide(small, "concurrent"))
    two = time_frames([Frame("", graph)] * 2, _wide(small, "concurrent"))
    second = two.frame_of.index(1)
    assert two.timeline.start[second:].min() >= two.timeline.end[:second].max()
    assert two.timeline.total <= 2 * one.timeline.total


def _random_stages(rng: np.random.Generator, hardware: Hardware) -> tuple[list[Stage], dict[str, tuple[str, ...]]]:
    units = list(hardware.units)
    count = int(rng.integers(2, 9))
    stages, needs = [], {}
    for index in range(count):
        name = f"n{index}"
        needs[name] = tuple(f"n{k}" for k in range(index) if rng.random() < 0.35)
        unit = str(rng.choice(units))

        def moved(scale: int, write: bool) -> tuple[Transfer, ...]:
            beats = int(rng.integers(0, scale + 1))
            link = str(rng.choice(["weights", "data"]))
            return (Transfer(link, write, beats * 8.0, beats, "x"),) if beats else ()

        stages.extend(
            Stage(
                node=name,
                part=str(part),
                unit=unit,
                cause="compute",
                outer=int(rng.integers(1, 5)),
                inner=int(rng.integers(0, 9)),
                tile_cycles=int(rng.integers(0, 30)),
                fill_cycles=int(rng.integers(0, 9)),
                depth=int(rng.integers(1, 4)),
                streams=(*moved(40, False), *moved(40, True)),
                held=moved(200, False),
                stores=moved(50, True),
                group=str(rng.choice(["", "g", unit])),
                slots=2,
            )
            for part in range(int(rng.integers(1, 3)))
        )
    return stages, needs


def _loads(timeline: Timeline, program: object) -> bool:
    return bool((timeline.channel_busy <= timeline.total).all() and (timeline.memory_busy <= timeline.total).all())


@pytest.mark.slow
def test_random_branches_respect_order_units_channels_and_memories(small: Hardware) -> None:
    rng = np.random.default_rng(11)
    lanes = unit_lanes(small)
    faster = 0
    for _ in range(1_500):
        stages, needs = _random_stages(rng, small)
        values = {"memories.ddr.bandwidth": float(rng.choice([2e8, 8e8, 1e10])), "memories.ddr.efficiency": 0.7}
        hardware = small.with_values(values)
        program = assemble(stages, hardware)
        frames = [0] * len(stages)
        apart = run_program(program)
        chosen, timeline = run_branches(program, stages, frames, [needs], hardware)
        assert timeline.total <= apart.total
        assert _loads(timeline, chosen)
        assert timeline.credit.sum() == timeline.total
        for row, before in enumerate(dependencies(stages, frames, [needs], lanes)):
            assert all(timeline.start[row] >= timeline.end[k] for k in before)
        stepped = run_program(chosen, step_every_tile=True)
        assert np.array_equal(timeline.causes, stepped.causes)
        assert np.array_equal(timeline.end, stepped.end)
        if chosen.lanes is not None:
            faster += timeline.total < apart.total
            moments = np.unique(timeline.start)
            for moment in moments.tolist():
                running = (timeline.start <= moment) & (timeline.end > moment)
                assert len(set(chosen.lanes.lane[running])) == running.sum()
                used = np.concatenate([program.channel_ticks, program.memory_ticks], axis=1)[running] > 0
                assert ((used / chosen.lanes.stretch[running]).sum(axis=0) <= 1 + 1e-9).all()
    assert faster > 100


@pytest.mark.slow
def test_a_faster_memory_is_never_slower_for_branches_side_by_side(small: Hardware) -> None:
    rng = np.random.default_rng(12)
    for _ in range(600):
        stages, needs = _random_stages(rng, small)
        stages = [replace(stage, group="") for stage in stages]
        bandwidth = float(rng.uniform(1e8, 5e9))
        totals = []
        for factor in (1.0, 1.3, 4.0):
            hardware = small.with_values({"memories.ddr.bandwidth": bandwidth * factor})
            program = assemble(stages, hardware)
            totals.append(run_branches(program, stages, [0] * len(stages), [needs], hardware)[1].total)
        assert totals == sorted(totals, reverse=True)

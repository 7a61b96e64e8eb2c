"""Physical bounds on the real model and hardware, over random settings of the hardware."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelsim.evaluate.models import load_activity
from accelsim.frontends.catalogue import load_model
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph
from accelsim.results.causes import CAUSES
from accelsim.sim.assumption import activity_for, concentrated, skewed, uniform
from accelsim.sim.simulate import simulate, simulate_frames
from accelsim.sim.timing import Frame, Timing, time_frames

SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

values = st.fixed_dictionaries(
    {
        "memories.ddr.bandwidth": st.floats(1e9, 1e11),
        "memories.ddr.efficiency": st.floats(0.2, 1.0),
        "links.weights.port_width": st.sampled_from([32, 64, 128, 256]),
        "links.inout3.port_width": st.sampled_from([32, 64, 128, 256]),
        "links.weights.latency": st.integers(0, 500),
        "units.linear.inputs": st.sampled_from([1, 7, 16, 64]),
        "units.linear.outputs": st.sampled_from([1, 16, 48]),
        "units.linear.ii": st.integers(1, 3),
        "units.scores.rows": st.integers(1, 9),
        "units.context.rows": st.integers(1, 9),
        "units.norm.row_latency": st.integers(1, 400),
        "units.linear.stream_depth": st.integers(1, 4),
    }
)


@pytest.fixture(scope="module")
def edge_moe() -> Hardware:
    return load_hardware("edge-moe-zcu102")


@pytest.fixture(scope="module")
def frame() -> Frame:
    graph = load_model("m3vit-tiny", task="semseg").graph
    return Frame("semseg", graph, activity_for(graph, "skewed"))


def _assert_bounds(timing: Timing) -> None:
    timeline, program = timing.timeline, timing.program
    total = timeline.total
    assert total >= sum(s.compute_cycles * timing.base.unit_ticks(s.unit) for s in timing.stages)
    assert (timeline.channel_busy <= total).all()
    assert (timeline.memory_busy <= total).all()
    assert (timing.row_causes >= 0).all()
    assert int(timing.row_causes.sum()) == timing.cycles
    assert (timeline.causes.sum(axis=1) == timeline.end - timeline.start).all()
    lower_bound = np.maximum(program.channel_ticks, 0).max(axis=0)
    assert (lower_bound <= total).all()


@SETTINGS
@given(values=values, prefetch=st.sampled_from(["none", "experts", "all"]))
def test_no_frame_beats_its_compute_its_links_or_its_dram(
    edge_moe: Hardware, frame: Frame, values: dict[str, float], prefetch: str
) -> None:
    schedule = edge_moe.schedule.model_copy(update={"prefetch": prefetch})
    hardware = edge_moe.with_values(values).model_copy(update={"schedule": schedule})
    timing = time_frames([frame], hardware)
    _assert_bounds(timing)
    multipliers = {name: getattr(unit, "macs_per_step", None) for name, unit in hardware.units.items()}
    ideal = sum(s.macs / multipliers[s.unit] for s in timing.stages if s.macs)
    assert timing.cycles >= ideal


@SETTINGS
@given(values=values, faster=st.floats(1.0, 4.0))
def test_more_bandwidth_is_never_slower(
    edge_moe: Hardware, frame: Frame, values: dict[str, float], faster: float
) -> None:
    slow = edge_moe.with_values(values)
    fast = slow.with_values({"memories.ddr.bandwidth": values["memories.ddr.bandwidth"] * faster})
    assert time_frames([frame], fast).timeline.total <= time_frames([frame], slow).timeline.total


@pytest.mark.parametrize("link", ["weights", "inout1", "inout2", "inout3", "inout4"])
def test_a_wider_port_is_never_slower(edge_moe: Hardware, frame: Frame, link: str) -> None:
    totals = [
        time_frames([frame], edge_moe.with_values({f"links.{link}.port_width": width})).cycles
        for width in (32, 64, 128, 256)
    ]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > totals[-1]


@pytest.mark.parametrize("estimate", ["units.norm.row_latency", "units.gating.row_latency", "units.linear.fill"])
def test_a_longer_latency_is_never_faster(edge_moe: Hardware, frame: Frame, estimate: str) -> None:
    totals = [time_frames([frame], edge_moe.with_values({estimate: cycles})).cycles for cycles in (1, 100, 300, 900)]
    assert totals == sorted(totals)


def test_a_frame_again_gives_the_same_result_bit_for_bit(edge_moe: Hardware, frame: Frame) -> None:
    first, second = (simulate(frame.graph, edge_moe, activity=frame.activity) for _ in range(2))
    assert first.dumps() == second.dumps()


def test_nodes_sum_to_the_frame(edge_moe: Hardware, frame: Frame) -> None:
    result = simulate(frame.graph, edge_moe, activity=frame.activity)
    assert sum(node.cycles for node in result.nodes) == result.cycles
    assert sum(result.stalls.values()) == result.cycles
    for node in result.nodes:
        assert sum(node.stalls.values()) == node.cycles
        assert sum(stage.cycles for stage in node.split()) == node.cycles
        assert node.cycles >= node.ideal_cycles
        assert 0.0 <= node.utilisation <= 1.0
    assert sum(node.energy_j for node in result.nodes) == pytest.approx(result.energy_j)
    assert result.macs == sum(node.macs for node in result.nodes)
    assert set(result.stalls) == set(CAUSES)


def test_each_unit_of_the_trace_does_one_thing_at_a_time(edge_moe: Hardware, frame: Frame) -> None:
    result = simulate_frames([frame], edge_moe, trace=True)
    last: dict[str, int] = {}
    for event in result.events:
        assert 0 <= event.start_cycle <= event.end_cycle <= result.cycles
        if event.track.startswith("unit"):
            assert event.start_cycle >= last.get(event.track, 0)
            last[event.track] = event.end_cycle


def test_two_clock_domains_keep_whole_cycles_and_all_sums(edge_moe: Hardware, frame: Frame) -> None:
    clock = edge_moe.clocks["pl"]
    slow = clock.model_copy(update={"frequency": clock.frequency.with_value(200e6)})
    links = {name: link.model_copy(update={"clock": "axi"}) for name, link in edge_moe.links.items()}
    clocks = edge_moe.clocks.with_items({"axi": slow})
    primary = clocks.with_items({"pl": clock.model_copy(update={"frequency": clock.frequency.with_value(300e6)})})
    hardware = edge_moe.model_copy(update={"clocks": primary, "links": edge_moe.links.with_items(links)})
    timing = time_frames([frame], hardware)
    _assert_bounds(timing)
    assert timing.base.ticks_per_cycle % 2 == 0
    result = simulate(frame.graph, hardware, activity=frame.activity)
    assert sum(node.cycles for node in result.nodes) == result.cycles
    assert result.cycles > time_frames([frame], edge_moe).cycles


def _sequence(edge_moe: Hardware, *tasks: str) -> tuple[list[Frame], object]:
    frames = {}
    for task in tasks:
        graph: Graph = load_model("m3vit-tiny", task=task).graph
        frames[task] = Frame(task, graph, load_activity("uniform", graph))
    return [frames[task] for task in tasks], simulate_frames([frames[task] for task in tasks], edge_moe)


def test_a_task_switch_brings_new_gates_and_costs_no_time_on_edge_moe(edge_moe: Hardware) -> None:
    """As published: gates are read from DRAM in every layer of every frame anyway."""
    _, result = _sequence(edge_moe, "semseg", "depth", "depth", "semseg")
    assert [frame.task for frame in result.frames] == ["semseg", "depth", "depth", "semseg"]
    assert [frame.reload_bytes for frame in result.frames] == [0, 36_864, 0, 36_864]
    assert [frame.reload_cycles for frame in result.frames] == [0, 0, 0, 0]
    cycles = [frame.cycles for frame in result.frames]
    assert max(cycles) - min(cycles) <= 1  # frames do not start on whole cycles
    assert sum(frame.cycles for frame in result.frames) == result.cycles


def test_resident_parameters_that_differ_between_tasks_are_loaded_at_the_switch(edge_moe: Hardware) -> None:
    memory = edge_moe.memories["gate_weights"].model_copy(update={"resident": True})
    hardware = edge_moe.model_copy(update={"memories": edge_moe.memories.with_items({"gate_weights": memory})})
    frames, result = _sequence(hardware, "semseg", "depth", "depth")
    assert [frame.reload_bytes for frame in result.frames] == [0, 36_864, 0]
    assert result.frames[1].reload_cycles == 6 * (192 * 2 + 150)  # beats at two cycles each, and the start-up
    assert result.frames[2].reload_cycles == 0
    assert result.frames[1].cycles > result.frames[2].cycles
    assert result.cycles == sum(frame.cycles for frame in result.frames)
    assert frames[0].task == "semseg"


@pytest.mark.parametrize("assume", [uniform, skewed, concentrated])
@pytest.mark.parametrize("shape", [(129, 2, 16), (1025, 4, 16), (7, 3, 5), (1, 1, 4), (3, 2, 2)])
def test_assumed_routings_send_each_token_to_k_different_experts(assume, shape: tuple[int, int, int]) -> None:
    tokens, top_k, _ = shape
    routing = assume(*shape)
    assert (routing.tokens, routing.top_k, routing.experts) == shape
    assert sum(routing.queues) == tokens * top_k
    assert all(len(set(row)) == top_k for row in routing.ids)


@pytest.mark.slow
def test_no_random_routing_is_slower_than_the_worst_case_of_expert_major_order(
    edge_moe: Hardware, frame: Frame
) -> None:
    from accelsim.ir import Activity, FrozenMap, Routing

    worst = replace(frame, activity=activity_for(frame.graph, "concentrated"))
    bound = time_frames([worst], edge_moe).cycles
    random = np.random.default_rng(7)
    names = list(worst.activity.routings)
    heavy = [concentrated(129, 2, 16), uniform(129, 2, 16), skewed(129, 2, 16)]
    for routing in heavy:
        for shift in range(16):
            ids = [tuple((expert + shift) % 16 for expert in row) for row in routing.ids]
            turned = Activity("turned", FrozenMap({name: Routing.from_ids(ids, 16) for name in names}))
            assert time_frames([replace(frame, activity=turned)], edge_moe).cycles <= bound
    for _ in range(30):
        skew = random.dirichlet(np.full(16, random.uniform(0.05, 3.0)))
        ids = [
            tuple(random.choice(16, size=2, replace=False, p=(skew + 1e-6) / (skew + 1e-6).sum())) for _ in range(129)
        ]
        activity = Activity("random", FrozenMap({name: Routing.from_ids(ids, 16) for name in names}))
        assert time_frames([replace(frame, activity=activity)], edge_moe).cycles <= bound

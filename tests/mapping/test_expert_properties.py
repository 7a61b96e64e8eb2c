"""Expert policies on random routings: what is loaded, against a plain simulation of each policy."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, FrozenMap, Routing
from accelsim.mapping.lower import Lowered, lower
from accelsim.mapping.view import Workload
from accelsim.sim.simulate import simulate, simulate_frames
from accelsim.sim.timing import Frame, time_frames
from tests.mapping.conftest import moe_graph

CASES = 60


def draw(generator: np.random.Generator, *, tokens: int, experts: int, top_k: int) -> Routing:
    """Distinct experts for each token, some more popular than others."""
    popularity = generator.random(experts) ** 3 + 1e-3
    rows = [
        tuple(int(e) for e in generator.choice(experts, top_k, replace=False, p=popularity / popularity.sum()))
        for _ in range(tokens)
    ]
    return Routing.from_ids(rows, experts)


def lowered(hardware: Hardware, routing: Routing) -> Lowered:
    graph = moe_graph(tokens=routing.tokens, experts=routing.experts, top_k=routing.top_k)
    return lower(Workload(graph, Activity("test", FrozenMap({"moe": routing}))), hardware)


def loads(found: Lowered) -> list[int]:
    """Experts in the order in which their first layer is loaded."""
    return [int(s.part[6:].split(".")[0]) for s in found.stages if s.part.endswith("fc1") and s.held]


def lru_misses(routing: Routing, capacity: int) -> list[int]:
    """A cache of a few entries, the least recently used one leaving: as a list that is searched."""
    assert routing.ids is not None
    cache: list[int] = []
    missed = []
    for row in routing.ids:
        for expert in row:
            if expert in cache:
                cache.remove(expert)
            else:
                missed.append(expert)
            cache.append(expert)
            del cache[:-capacity]
    return missed


@pytest.mark.parametrize("capacity", [1, 2, 3, 5])
def test_an_lru_cache_misses_what_a_plain_list_misses(small_file: Path, capacity: int) -> None:
    cache = {"policy": "lru", "experts": {"value": capacity, "sourced": "test"}}
    hardware = load_hardware(small_file, {"schedule.experts.order": "token-major", "schedule.experts.cache": cache})
    generator = np.random.default_rng(capacity)
    for _ in range(CASES):
        experts = int(generator.integers(3, 9))
        routing = draw(generator, tokens=int(generator.integers(1, 12)), experts=experts, top_k=2)
        assert loads(lowered(hardware, routing)) == lru_misses(routing, capacity)


def test_a_larger_cache_never_loads_more_and_one_of_all_experts_loads_each_once(small_file: Path) -> None:
    def loaded(routing: Routing, capacity: int) -> int:
        cache = {"policy": "lru", "experts": {"value": capacity, "sourced": "test"}}
        changes = {"schedule.experts.order": "token-major", "schedule.experts.cache": cache}
        return len(loads(lowered(load_hardware(small_file, changes), routing)))

    generator = np.random.default_rng(9)
    for _ in range(12):
        routing = draw(generator, tokens=10, experts=6, top_k=2)
        counts = [loaded(routing, capacity) for capacity in range(1, 7)]
        assert counts == sorted(counts, reverse=True)
        assert counts[-1] == routing.active


def test_orders_that_load_experts_once_load_the_active_ones_and_do_the_same_products(small_file: Path) -> None:
    generator = np.random.default_rng(10)
    orders = [load_hardware(small_file, {"schedule.experts.order": o}) for o in ("expert-major", "resident")]
    visits = load_hardware(small_file, {"schedule.experts.order": "token-major"})
    for _ in range(CASES):
        routing = draw(generator, tokens=int(generator.integers(1, 14)), experts=5, top_k=2)
        active = [expert for expert, length in enumerate(routing.queues) if length]
        for hardware in orders:
            assert loads(lowered(hardware, routing)) == active
        every = lowered(visits, routing)
        assert sorted(loads(every)) == sorted(expert for row in routing.ids or () for expert in row)
        macs = {sum(stage.macs for stage in lowered(one, routing).stages) for one in (*orders, visits)}
        assert len(macs) == 1


def test_expected_hits_load_no_more_than_every_visit_and_one_cold_expert(small_file: Path) -> None:
    """Time is not compared: a visit of its own is prefetched, the loads of expected misses come one after the other."""
    generator = np.random.default_rng(11)
    expert_bytes = 2 * (8 * 8 + 8)

    def timing(routing: Routing, kept: int) -> tuple[float, int]:
        cache = {"policy": "expected-hit", "experts": {"value": kept, "sourced": "test"}}
        changes = {"schedule.experts.order": "token-major", "schedule.experts.cache": cache}
        hardware = load_hardware(small_file, changes)
        moved = sum(s.loaded_constant_bytes for s in lowered(hardware, routing).stages if s.part.startswith("expert"))
        graph = moe_graph(tokens=routing.tokens, experts=routing.experts, top_k=2)
        activity = Activity("test", FrozenMap({"moe": routing}))
        return moved, time_frames([Frame("", graph, activity)], hardware).cycles

    for _ in range(10):
        routing = draw(generator, tokens=10, experts=6, top_k=2)
        found = [timing(routing, kept) for kept in range(1, 7)]
        assert found == sorted(found, reverse=True)
        for kept, (moved, _) in enumerate(found, 1):
            assert moved == pytest.approx(expert_bytes * (math.ceil(20 * (1 - kept / 6)) + 1))


@pytest.mark.parametrize(("words", "fits"), [(64, True), (31, False)])
def test_resident_experts_are_checked_against_their_buffer(small_file: Path, words: int, fits: bool) -> None:
    """Four experts of two layers of 8 x 8 bytes: 512 bytes; the buffer has 2 x words x 8."""
    changes = {"schedule.experts.order": "resident", "memories.wbuf.words": {"value": words, "sourced": "test"}}
    routing = Routing.from_ids(((0, 1), (2, 3), (0, 2)), 4)
    graph = moe_graph(tokens=3)
    activity = Activity("test", FrozenMap({"moe": routing}))
    result = simulate(graph, load_hardware(small_file, changes), activity=activity)
    kept = [failure for failure in result.misfits if "wbuf" in failure.what]
    assert not kept if fits else kept[0].demand == 512


def test_each_task_of_a_sequence_runs_with_its_own_activity(small: Hardware) -> None:
    graph = moe_graph(tokens=6)
    few = Activity("few", FrozenMap({"moe": Routing.from_ids(((0, 1),) * 6, 4)}))
    many = Activity("many", FrozenMap({"moe": Routing.from_ids(((0, 1), (2, 3)) * 3, 4)}))
    frames = [Frame("a", graph, few), Frame("b", graph, many), Frame("a", graph, few)]
    timing = time_frames(frames, small)
    parts = [
        {s.part for s, frame in zip(timing.stages, timing.frame_of, strict=True) if frame == index and s.held}
        for index in range(3)
    ]
    assert {p for p in parts[0] if p.startswith("expert")} == {f"expert{e}.fc{i}" for e in (0, 1) for i in (1, 2)}
    assert {p for p in parts[1] if p.startswith("expert")} == {f"expert{e}.fc{i}" for e in range(4) for i in (1, 2)}
    assert parts[2] == parts[0]
    result = simulate_frames(frames, small)
    assert dict(result.scenario.active_experts) == {"a: moe": (2, 4), "b: moe": (4, 4)}
    detail = next(node.detail for node in result.nodes if node.name == "moe")
    assert "2 of 4 experts active" in detail
    assert "4 of 4 experts active" in detail


@pytest.mark.slow
def test_no_random_routing_is_slower_than_the_assumed_worst_case(small: Hardware) -> None:
    from accelsim.sim.assumption import concentrated

    generator = np.random.default_rng(12)

    def cycles(routing: Routing) -> int:
        graph = moe_graph(tokens=routing.tokens, experts=routing.experts, top_k=routing.top_k)
        return time_frames([Frame("", graph, Activity("t", FrozenMap({"moe": routing})))], small).cycles

    for _ in range(8):
        tokens, experts = int(generator.integers(4, 16)), int(generator.integers(3, 7))
        worst = cycles(concentrated(tokens, 2, experts))
        for _ in range(15):
            assert cycles(draw(generator, tokens=tokens, experts=experts, top_k=2)) <= worst

"""The bound over all routings: no routing that is tried exceeds it, whatever the design and the order of experts."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from accelsim.cli.main import main
from accelsim.errors import UnsupportedError
from accelsim.frontends.catalogue import load_model
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, FrozenMap, Graph, Routing
from accelsim.sim.assumption import concentrated, routed_nodes, skewed, uniform
from accelsim.sim.timing import Frame, time_frames
from accelsim.sim.worst_case import with_queues, worst_case
from tests.mapping.conftest import SMALL, moe_graph

ORDERS: tuple[dict[str, object], ...] = (
    {"order": "expert-major"},
    {"order": "resident"},
    {"order": "token-major"},
    {"order": "token-major", "cache": {"policy": "lru", "experts": 2}},
    {"order": "token-major", "cache": {"policy": "expected-hit", "experts": 1}},
)


def drawn(random: np.random.Generator, shape: tuple[int, int, int]) -> Routing:
    """Experts of very different popularity, most of the time."""
    tokens, top_k, experts = shape
    popularity = random.dirichlet(np.full(experts, random.choice([0.05, 0.5, 5.0]))) + 1e-6
    popularity /= popularity.sum()
    return Routing.from_ids(
        [random.choice(experts, top_k, replace=False, p=popularity).tolist() for _ in range(tokens)], experts
    )


def routed(graph: Graph, random: np.random.Generator, make: object = drawn) -> Frame:
    found = {}
    for name, shape in routed_nodes(graph).items():
        found[name] = drawn(random, shape) if make is drawn else make(*shape)
    return Frame("", graph, Activity("test", FrozenMap(found)))


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hw") / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def random_design(small_file: Path, random: np.random.Generator) -> Hardware:
    cache = random.choice(len(ORDERS))
    experts = {**ORDERS[cache]}
    if "cache" in experts:
        kept = {"value": experts["cache"]["experts"], "sourced": "test"}
        experts["cache"] = {**experts["cache"], "experts": kept}
    return load_hardware(
        small_file,
        {
            "schedule.experts": experts,
            "schedule.prefetch": str(random.choice(["none", "experts", "all"])),
            "memories.ddr.bandwidth": f"{random.choice([0.2, 1, 5, 100])} GB/s",
            "memories.wbuf.copies": {"value": int(random.choice([1, 2])), "sourced": "test"},
            "links.weights.latency": f"{random.choice([0, 10, 200])} cycles",
            "links.data.port_width": f"{random.choice([8, 32, 64])} bit",
        },
    )


@pytest.mark.slow
def test_no_random_routing_exceeds_the_bound(small_file: Path) -> None:
    random = np.random.default_rng(20)
    tried = 0
    for _ in range(80):
        hardware = random_design(small_file, random)
        experts = int(random.integers(2, 7))
        top_k = int(random.integers(1, min(experts, 3) + 1))
        tokens, hidden = int(random.integers(1, 12)), int(random.choice([4, 8, 24]))
        graph = moe_graph(tokens=tokens, experts=experts, top_k=top_k, hidden=hidden)
        count = int(random.integers(1, 3))
        bound = worst_case([Frame("", graph)] * count, hardware)
        assert time_frames(bound.frames, hardware).cycles <= bound.cycles
        makes = [uniform, skewed, concentrated, *(drawn,) * 12]
        for make in makes:
            frames = [routed(graph, random, make) for _ in range(count)]
            assert time_frames(frames, hardware).cycles <= bound.cycles, (hardware.schedule, make)
            tried += 1
    assert tried == 1200


def test_of_all_routings_of_a_small_layer_the_slowest_is_near_the_bound(small_file: Path) -> None:
    hardware = load_hardware(small_file)
    graph = moe_graph(tokens=4, experts=3, top_k=1)
    bound = worst_case([Frame("", graph)], hardware)
    slowest = 0
    for ids in itertools.product(range(3), repeat=4):
        activity = Activity("test", FrozenMap({"moe": Routing.from_ids([(expert,) for expert in ids], 3)}))
        slowest = max(slowest, time_frames([Frame("", graph, activity)], hardware).cycles)
    assert slowest <= bound.cycles <= 1.1 * slowest
    assert time_frames(bound.frames, hardware).cycles == slowest


@pytest.mark.slow
def test_the_bound_of_m3vit_on_edge_moe_is_attained_but_for_a_thousandth() -> None:
    graph, hardware = load_model("m3vit-tiny", task="semseg").graph, load_hardware("edge-moe-zcu102")
    bound = worst_case([Frame("", graph)], hardware)
    random = np.random.default_rng(3)
    for _ in range(20):
        assert time_frames([routed(graph, random)], hardware).cycles <= bound.cycles
    assert time_frames(bound.frames, hardware).cycles >= 0.999 * bound.cycles


def test_queues_of_a_routing_are_those_asked_for() -> None:
    random = np.random.default_rng(4)
    for _ in range(200):
        tokens, experts = int(random.integers(1, 20)), int(random.integers(1, 9))
        routing = drawn(random, (tokens, int(random.integers(1, experts + 1)), experts))
        again = with_queues(routing.queues, tokens, routing.top_k)
        assert again.queues == routing.queues
        assert all(len(set(row)) == routing.top_k for row in again.ids)


def test_designs_whose_rows_run_side_by_side_are_refused(small_file: Path) -> None:
    hardware = load_hardware(small_file, {"instances": {"value": 2, "sourced": "test"}})
    with pytest.raises(UnsupportedError, match="one instance"):
        worst_case([Frame("", moe_graph())] * 2, hardware)


def test_simulate_prints_the_bound_beside_the_routing_that_comes_near_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "m3vit-tiny", "edge-moe-zcu102", "--activity", "worst-case"]) == 0
    text = capsys.readouterr().out
    assert "bound: no routing takes longer" in text
    assert "the routing whose bound is the largest" in text

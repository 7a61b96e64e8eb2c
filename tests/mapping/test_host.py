"""The host: what it costs to start and to serve, and nodes that it runs itself."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph, Tensor
from accelsim.mapping.lower import lower
from accelsim.mapping.view import Workload
from accelsim.ops.build import GraphBuilder
from accelsim.sim.assumption import activity_for
from accelsim.sim.simulate import simulate
from tests.mapping.conftest import SMALL, moe_graph, parameter

HOST = """units:
  cpu: {kind: host, sourced: test, launch: 3 us, dispatch: 500 ns, handover: 2 us, macs: 1 G/s, others: 100 M/s,
        functions: {exp: 10 M/s}}
"""


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Hardware:
    path: Path = tmp_path_factory.mktemp("hw") / "hosted.yaml"
    text = SMALL.replace("units:\n", HOST).replace("placement: {", "placement: {softmax: cpu, matmul: cpu, ")
    path.write_text(text, encoding="utf-8")
    return load_hardware(path)


def _graph() -> Graph:
    builder = GraphBuilder("g")
    builder.add_input("x", Tensor((1, 8, 16)))
    first = builder.add("linear", ["x", parameter(builder, "w0", 16, 16)], name="a")[0]
    middle = builder.add("softmax", [first], name="s")[0]
    return builder.finish([builder.add("linear", [middle, parameter(builder, "w1", 16, 16)], name="b")[0]])


def test_each_service_of_the_host_takes_its_time_and_has_its_cause(hosted: Hardware) -> None:
    stages = lower(Workload(_graph()), hosted).stages
    assert [(s.node, s.part, s.unit) for s in stages] == [
        ("a", "launch", "cpu"),
        ("a", "dispatch", "cpu"),
        ("a", "main", "array"),
        ("s", "main", "cpu"),
        ("b", "dispatch", "cpu"),
        ("b", "main", "array"),
    ]
    # 100 MHz: 10 ns a cycle. The softmax of 8 x 16: 128 points of exp at 10 M/s, all others at 100 M/s.
    assert [s.tile_cycles for s in stages if s.part in ("launch", "dispatch")] == [300, 50, 50]
    others = sum(n for f, n in stages[3].functions if f != "exp")
    exps = sum(n for f, n in stages[3].functions if f == "exp")
    assert exps == 128
    assert stages[3].tile_cycles == math.ceil(200 + exps * 10 + others)
    assert all(not s.streams and not s.held for s in stages if s.unit == "cpu")


def test_causes_of_the_host_are_all_of_its_time(hosted: Hardware, small: Hardware) -> None:
    result = simulate(_graph(), hosted)
    stages = lower(Workload(_graph()), hosted).stages
    assert result.stalls["host"] == sum(s.tile_cycles for s in stages if s.unit == "cpu")
    assert sum(result.stalls.values()) == result.cycles
    assert {s.unit for s in result.nodes[1].split()} == {"cpu"}
    assert "units.cpu" not in " ".join(result.assumptions)


def test_products_run_at_the_rate_of_products(hosted: Hardware) -> None:
    builder = GraphBuilder("m")
    builder.add_input("a", Tensor((1, 6, 10)))
    builder.add_input("b", Tensor((1, 10, 7)))
    graph = builder.finish([builder.add("matmul", ["a", "b"], name="mm")[0]])
    stages = lower(Workload(graph), hosted).stages
    assert [(s.part, s.tile_cycles, s.macs) for s in stages] == [("launch", 300, 0), ("main", 200 + 42, 420)]


def test_a_routed_node_is_dispatched_once(hosted: Hardware) -> None:
    graph = moe_graph()
    stages = lower(Workload(graph, activity_for(graph, "uniform")), hosted).stages
    assert sum(stage.part == "dispatch" for stage in stages) == 1


def test_without_a_host_nothing_is_added(small: Hardware) -> None:
    graph = moe_graph()
    stages = lower(Workload(graph, activity_for(graph, "uniform")), small).stages
    assert all(stage.cause != "host" for stage in stages)

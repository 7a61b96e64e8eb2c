"""The Python calls that explain."""

from __future__ import annotations

import accelsim as ac
from accelsim.hw.schema import Hardware
from tests.mapping.conftest import linear_graph


def test_an_explained_result_is_the_simulated_one_with_more(small: Hardware) -> None:
    graph = linear_graph(16, 16, 16)
    plain, explained = ac.simulate(graph, small), ac.explain(graph, small)
    assert explained.cycles == plain.cycles
    assert explained.nodes == plain.nodes
    assert explained.levers
    assert explained.stops
    assert explained.sensitivities
    assert explained.ranges["latency_s"].low <= explained.latency_s <= explained.ranges["latency_s"].high
    assert type(explained).from_json(explained.to_json()) == explained


def test_a_plan_has_the_cycles_of_the_simulation(small: Hardware) -> None:
    graph = linear_graph(16, 16, 16)
    assert ac.plan(graph, small).cycles == ac.simulate(graph, small).cycles

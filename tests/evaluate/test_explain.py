"""The Python calls that explain."""

from __future__ import annotations

import accelsim as ac
from accelsim.evaluate.simulate import about_model, simulate_spec
from accelsim.frontends.modelspec import find_model
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


def test_what_the_catalogue_says_of_a_model_stands_with_its_result() -> None:
    result = simulate_spec("resnet18", "systolic-16")
    assert result.assumptions[: 1 + len(find_model("resnet18").notes)] == about_model(find_model("resnet18"))
    assert "101 of 144 heads" in about_model(find_model("pruning-adapter-bert-base"))[0]
    assert any("reconstruct" in line.lower() for line in about_model(find_model("pdcnet-resnet101")))

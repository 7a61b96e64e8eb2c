"""One simulation of a shipped model, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelsim.evaluate.load import load_model
from accelsim.evaluate.simulate import activity_of, hardware_for
from accelsim.ir import Graph
from accelsim.results import Result
from accelsim.sim.simulate import simulate


def graph_of(model: str, *, task: str | None = None, weights: bool = False, **arguments: Any) -> Graph:
    """The graph of a shipped model; `arguments` go to its builder. Without `weights` they have sizes only."""
    return load_model(model, task=task, arguments=arguments, weights=weights).graph


def run(
    graph: Graph, hardware: str, overrides: Mapping[str, object] | None = None, *, activity: str = "uniform"
) -> Result:
    """One frame of a graph on a hardware, some of whose values may be replaced."""
    return simulate(graph, hardware_for(hardware, overrides), activity=activity_of(graph, activity))


def share(result: Result, op: str) -> float:
    """Part of the cycles that the nodes of an op take."""
    return sum(node.cycles for node in result.nodes if node.op == op) / sum(node.cycles for node in result.nodes)

"""A graph run by the references of its ops, one node after the other."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.ir import Graph
from accelsim.ops.registry import op_spec
from tests.contracts.case import Array


def interpret(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The values of the graph's outputs."""
    values: dict[str, Array] = {**inputs, **{name: graph.parameter(name) for name in graph.parameters}}
    for node in graph.nodes:
        arrays = tuple(values[name] if name else None for name in node.inputs)
        values.update(zip(node.outputs, op_spec(node.op).reference(arrays, node.attrs), strict=True))
    return {name: values[name] for name in graph.outputs}

"""A graph run by the references of its ops, with every tensor kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from accelsim.ir import Graph
from accelsim.ops.registry import op_spec


def every_tensor(graph: Graph, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    values = {**inputs, **{name: graph.parameter(name) for name in graph.parameters}}
    for node in graph.nodes:
        arrays = tuple(values[name] if name else None for name in node.inputs)
        values.update(zip(node.outputs, op_spec(node.op).reference(arrays, node.attrs), strict=True))
    return values

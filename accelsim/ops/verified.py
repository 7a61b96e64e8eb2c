"""Checking a whole graph against the registered ops."""

from __future__ import annotations

from accelsim.ir.graph import Graph, Node, Tensor
from accelsim.ir.verify import verify_graph
from accelsim.ops.registry import op_spec


def infer_node(node: Node, types: tuple[Tensor | None, ...]) -> tuple[Tensor, ...]:
    """Output types of a node from its input types. Raises an AccelsimError where they do not fit the op."""
    spec = op_spec(node.op)
    return spec.infer(types, spec.bind(node.name, node.attrs))


def verified(graph: Graph, *, after: str) -> Graph:
    """The same graph, checked; an error names `after`, the step that made it."""
    verify_graph(graph, infer_node, after=after)
    return graph

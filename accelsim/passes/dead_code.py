"""Leaving out nodes whose results nobody reads."""

from __future__ import annotations

from accelsim.ir.graph import Graph
from accelsim.ops.verified import verified


def dead_code(graph: Graph) -> Graph:
    """The graph without nodes that no output depends on; its inputs stay."""
    live = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if live.intersection(node.outputs):
            kept.append(node)
            live.update(node.inputs)
    return verified(graph.with_nodes(tuple(reversed(kept))), after="dead_code")

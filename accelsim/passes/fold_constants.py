"""What depends on constants alone, computed once."""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import Graph, Node
from accelsim.ops.registry import op_spec
from accelsim.passes.constants import Constants

LARGEST_BYTES = 64 << 20
GROWTH_BYTES = 256 << 20


def fold_constants(graph: Graph, *, largest_bytes: int = LARGEST_BYTES, growth_bytes: int = GROWTH_BYTES) -> Graph:
    """Each node of which all operands are constant replaced by its results, computed by its reference.

    A result larger than `largest_bytes` is left to be computed when it is needed, and so is every further one once
    the results that are larger than their operands come to `growth_bytes`. Nodes that route tokens stay, because a run
    records what they do; so do those that make an output of the graph, which no constant can be.
    """
    constants = Constants(graph)
    kept: list[Node] = []
    grown = 0
    for node in graph.nodes:
        growth = _growth(graph, node)
        fits = growth <= growth_bytes - grown and _largest(graph, node) <= largest_bytes
        if not fits or not _foldable(constants, node):
            kept.append(node)
            continue
        with np.errstate(all="ignore"):  # as when it runs
            results = op_spec(node.op).reference(constants.values(node.inputs), node.attrs)
        for name, result in zip(node.outputs, results, strict=True):
            array = np.array(result, order="C").reshape(graph.tensors[name].shape)
            constants.parameters[name] = graph.weights.add(array)
        grown += max(growth, 0)
    return graph if len(kept) == len(graph.nodes) else constants.graph_of(kept, after="fold_constants")


def _foldable(constants: Constants, node: Node) -> bool:
    spec = op_spec(node.op)
    given = [name for name in node.inputs if name]
    is_output = any(name in constants.graph.outputs for name in node.outputs)
    return bool(given) and not (spec.routed or spec.shares or is_output) and constants.known(*given)


def _largest(graph: Graph, node: Node) -> int:
    return max(graph.tensors[name].size_bytes for name in node.outputs)


def _growth(graph: Graph, node: Node) -> int:
    """Bytes of the results less those of the operands."""
    made = sum(graph.tensors[name].size_bytes for name in node.outputs)
    return made - sum(graph.tensors[name].size_bytes for name in set(node.inputs) if name)

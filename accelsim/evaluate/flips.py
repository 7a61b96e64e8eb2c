"""Tokens that took another expert in another engine, and by how little our engine preferred its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.compare import routing_flips
from accelsim.ir.activity import Activity, Routing
from accelsim.ir.graph import Graph, Node
from accelsim.ir.weights import Array
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import types_of


def told_routings(graph: Graph, tensors: Mapping[str, Array]) -> dict[str, Routing]:
    """What the tokens took in another engine, for each routed node of which it tells ids and gates."""
    found: dict[str, Routing] = {}
    for node in graph.nodes:
        spec = op_spec(node.op)
        if spec.routing_shape is None:
            continue
        made = {role: tensors.get(name) for role, name in zip(spec.outputs, node.outputs, strict=True)}
        ids, gates = made.get("ids"), made.get("gates")
        if ids is not None and gates is not None:
            _, top_k, experts = spec.routing_shape(types_of(graph, node), node.attrs)
            rows = (array.reshape(-1, top_k).tolist() for array in (ids, gates))
            found[node.name] = Routing.from_ids(next(rows), experts, next(rows))
    return found


def routing_tensors(graph: Graph) -> tuple[str, ...]:
    """What another engine must tell for `told_routings`: ids and gates of every routed node."""
    return tuple(
        name
        for node in graph.nodes
        for role, name in zip(op_spec(node.op).outputs, node.outputs, strict=True)
        if op_spec(node.op).routed and role in ("ids", "gates")
    )


def router_inputs(graph: Graph) -> tuple[str, ...]:
    """What `flip_margins` needs of our run: what the gates of routed nodes read."""
    read = (name for node in graph.nodes if op_spec(node.op).routed for name in node.inputs)
    return tuple(dict.fromkeys(name for name in read if name and name not in graph.parameters))


def flip_margins(
    graph: Graph, ours: Activity, theirs: Mapping[str, Routing], forced: Mapping[str, Array]
) -> tuple[float, ...]:
    """For each expert exchanged: our probability of the expert we took minus that of the one they took.

    `forced` holds the tensors of our run under their routing, so that both engines chose from the same input. A
    margin near zero is a tie that rounding broke; a clearly positive one is a disagreement; a negative one says
    that the exchange only followed from an earlier one. NaN where the op tells no probabilities.
    """
    nodes = {node.name: node for node in graph.nodes}
    margins: list[float] = []
    for name, routing in theirs.items():
        flips = routing_flips(ours.routings[name], routing, node=name)
        likely = _probabilities(graph, nodes[name], forced) if flips else None
        for flip in flips:
            gap = np.nan if likely is None else likely[flip.token, flip.ours] - likely[flip.token, flip.theirs]
            margins.append(float(gap))
    return tuple(margins)


def _probabilities(graph: Graph, node: Node, tensors: Mapping[str, Array]) -> NDArray[np.float64] | None:
    """softmax(x gate_w^T + gate_b) over all experts, [tokens, experts]; None for an op without these operands."""
    named = dict(zip((role.rstrip("?*") for role in op_spec(node.op).inputs), node.inputs, strict=False))
    if not {"x", "gate_w"} <= set(named):
        return None

    def value(role: str) -> NDArray[np.float64]:
        name = named[role]
        return np.asarray(graph.parameter(name) if name in graph.parameters else tensors[name], np.float64)

    x, gate = value("x"), value("gate_w")
    scores = x.reshape(-1, x.shape[-1]) @ gate.T + (value("gate_b") if named.get("gate_b") else 0.0)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)

"""Nodes that choose experts: recording what they chose, and making them choose what another run did.

Nodes that mix kernels are recorded too; their shares follow from the input and cannot be forced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from accelsim.engine.kernel import Array
from accelsim.engine.plan import Plan
from accelsim.errors import InputError, InternalError, UnsupportedError, did_you_mean
from accelsim.ir import Activity, Routing
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import types_of


@dataclass(frozen=True)
class RoutedNode:
    """A node whose op routes. `ids` and `gates` name the outputs that hold its choice, best expert first."""

    name: str
    tokens: int
    top_k: int
    experts: int
    ids: str
    gates: str
    forcible: bool

    def copies(self, arrays: Mapping[str, Array]) -> tuple[Array, Array]:
        """The choice that stands in `arrays` now, as [tokens, top_k] matrices of ids and gates."""
        shape = (self.tokens, self.top_k)
        return arrays[self.ids].reshape(shape).copy(), arrays[self.gates].reshape(shape).copy()

    def routing(self, ids: Array, gates: Array) -> Routing:
        return Routing.from_ids(ids.tolist(), self.experts, gates.tolist())


def routed_nodes(plan: Plan) -> dict[str, RoutedNode]:
    """The routed nodes of a plan by name. Their ops have outputs called `ids` and `gates`."""
    found: dict[str, RoutedNode] = {}
    for step in plan.steps:
        node, spec = step.node, op_spec(step.node.op)
        if spec.routing_shape is None:
            continue
        if not {"ids", "gates"} <= set(spec.outputs):
            raise InternalError(f"op '{node.op}' routes, so it needs outputs named 'ids' and 'gates'")
        tokens, top_k, experts = spec.routing_shape(types_of(plan.graph, node), node.attrs)
        ids, gates = (node.outputs[spec.outputs.index(name)] for name in ("ids", "gates"))
        found[node.name] = RoutedNode(node.name, tokens, top_k, experts, ids, gates, step.kernel.forcible)
    return found


def mixing_nodes(plan: Plan) -> dict[str, str]:
    """By node that mixes kernels, the output that holds the shares [samples, K] of each."""
    found: dict[str, str] = {}
    for step in plan.steps:
        spec = op_spec(step.node.op)
        if spec.shares:
            found[step.node.name] = step.node.outputs[spec.outputs.index(spec.shares)]
    return found


def forced_ids(nodes: Mapping[str, RoutedNode], activity: Activity) -> dict[str, Array]:
    """Expert ids [tokens, top_k] for every routed node. InputError where `activity` does not fit them."""
    for name in activity.routings:
        if name not in nodes:
            raise InputError(f"routing of '{name}': no node of that name routes{did_you_mean(name, nodes)}")
    return {name: _ids(node, activity.routings.get(name)) for name, node in nodes.items()}


def _ids(node: RoutedNode, routing: Routing | None) -> Array:
    if not node.forcible:
        raise UnsupportedError(f"node '{node.name}' has no kernel, so its routing cannot be forced")
    if routing is None:
        raise InputError(f"node '{node.name}' routes, but the activity has no routing for it")
    if routing.ids is None:
        raise InputError(f"routing of '{node.name}' has queue lengths only; forcing it needs the ids of each token")
    found = (routing.tokens, routing.top_k, routing.experts)
    if found != (node.tokens, node.top_k, node.experts):
        raise InputError(
            f"routing of '{node.name}' is for {found[0]} tokens, top-{found[1]} of {found[2]} experts; "
            f"the graph has {node.tokens} tokens, top-{node.top_k} of {node.experts}"
        )
    ids = np.array(routing.ids, np.int64).reshape(node.tokens, node.top_k)
    outside = ids[(ids < 0) | (ids >= node.experts)]
    if outside.size:
        raise InputError(f"routing of '{node.name}' names expert {outside[0]}, experts are 0 to {node.experts - 1}")
    ordered = np.sort(ids, axis=1)
    twice = np.nonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))[0]
    if twice.size:
        raise InputError(f"routing of '{node.name}' gives token {twice[0]} the same expert twice")
    return ids

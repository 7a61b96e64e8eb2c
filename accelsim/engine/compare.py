"""Comparing what two engines computed. Pure NumPy; the second argument is always the reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.ir import Activity, Graph, Routing
from accelsim.ops.registry import op_spec

Array = NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """One tensor in two engines. `max_rel_err` is max|a-b| / max|b|, and max|a-b| where b is zero throughout.

    `reason` tells why the values could not be compared (errors are then infinite); it is empty otherwise.
    """

    name: str
    max_abs_err: float
    max_rel_err: float
    ok: bool
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """Several tensors in two engines, each named by either of them; never empty."""

    tensors: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        return all(difference.ok for difference in self.tensors)

    @property
    def max_abs_err(self) -> float:
        return max(difference.max_abs_err for difference in self.tensors)

    @property
    def max_rel_err(self) -> float:
        return max(difference.max_rel_err for difference in self.tensors)


@dataclass(frozen=True)
class BadNode:
    """A node with a tensor outside the tolerance. `module` is its place in the user's model."""

    node: str
    op: str
    module: str
    difference: Difference


@dataclass(frozen=True)
class NodeComparison:
    """Tensors of nodes that both engines told, in graph order; `untold` counts those that one did not."""

    differences: tuple[Difference, ...]
    untold: int
    first_bad: BadNode | None

    @property
    def worst(self) -> tuple[Difference, ...]:
        """Differences, the largest relative one first."""
        return tuple(sorted(self.differences, key=lambda d: (-d.max_rel_err, d.name)))


@dataclass(frozen=True)
class RoutingFlip:
    """A token that took another expert in the reference.

    `margin` is the probability of our expert minus that of the reference's, each as its own engine computed
    it: a margin near the rounding error means a tie that rounding broke. None where gates are unknown.
    `order_only` says that both took the same experts in another order, which leaves the layer's output alone.
    """

    node: str
    token: int
    ours: int
    theirs: int
    margin: float | None
    order_only: bool


def compare_tensor(name: str, ours: Array, theirs: Array, tolerance: float) -> Difference:
    """Floats by `tolerance`, integers and booleans exactly. Another shape, NaN or infinity is a failure."""
    if ours.shape != theirs.shape:
        return _failure(name, f"shape {list(ours.shape)}, the reference has {list(theirs.shape)}")
    exact = ours.dtype.kind in "iub" and theirs.dtype.kind in "iub"
    if (ours.dtype.kind in "iub") != (theirs.dtype.kind in "iub"):
        return _failure(name, f"{ours.dtype}, the reference has {theirs.dtype}")
    a, b = (array.astype(np.float64) for array in (ours, theirs))
    for side, array in (("", a), ("the reference has ", b)):
        bad = array.size - int(np.isfinite(array).sum())
        if bad:
            return _failure(name, f"{side}{bad} of {array.size} values infinite or NaN")
    if not a.size:
        return Difference(name, 0.0, 0.0, ok=True)
    largest = float(np.abs(b).max())
    max_abs_err = float(np.abs(a - b).max())
    max_rel_err = max_abs_err / largest if largest else max_abs_err
    return Difference(name, max_abs_err, max_rel_err, ok=max_rel_err <= (0.0 if exact else tolerance))


def compare_outputs(ours: Mapping[str, Array], theirs: Mapping[str, Array], tolerance: float) -> Comparison:
    """Every tensor that either side has; one that is missing on the other side is a failure."""
    names = [*theirs, *(name for name in ours if name not in theirs)]
    if not names:
        raise InputError("there are no outputs to compare")
    return Comparison(tuple(_either(name, ours, theirs, tolerance) for name in names))


def compare_nodes(
    graph: Graph, ours: Mapping[str, Array], theirs: Mapping[str, Array], tolerance: float
) -> NodeComparison:
    """Compare node by node. Expert ids of routed nodes are left to `routing_flips`.

    Raises InputError where no tensor is told by both sides.
    """
    differences: list[Difference] = []
    first_bad: BadNode | None = None
    untold = 0
    for node in graph.nodes:
        for name in node.outputs:
            if op_spec(node.op).routed and not graph.tensors[name].dtype.is_float:
                continue
            if name not in ours or name not in theirs:
                untold += 1
                continue
            difference = compare_tensor(name, ours[name], theirs[name], tolerance)
            differences.append(difference)
            if first_bad is None and not difference.ok:
                first_bad = BadNode(node.name, node.op, node.module, difference)
    if not differences:
        raise InputError(f"graph '{graph.name}': the two engines tell no node's result under the same name")
    return NodeComparison(tuple(differences), untold, first_bad)


def first_bad_node(
    graph: Graph, ours: Mapping[str, Array], theirs: Mapping[str, Array], tolerance: float
) -> BadNode | None:
    """The first node in graph order that leaves the tolerance, None if all stay within."""
    return compare_nodes(graph, ours, theirs, tolerance).first_bad


def routing_flips(ours: Routing, theirs: Routing, *, node: str = "") -> tuple[RoutingFlip, ...]:
    """Tokens whose experts differ, an entry for each expert exchanged, best-ranked first.

    Raises InputError where the routings are of different sizes or tell only the lengths of queues.
    """
    sizes = [(r.tokens, r.top_k, r.experts) for r in (ours, theirs)]
    if sizes[0] != sizes[1]:
        raise InputError(f"routings of '{node}' differ in (tokens, top-k, experts): {sizes[0]} and {sizes[1]}")
    if ours.ids is None or theirs.ids is None:
        raise InputError(f"routing of '{node}' has queue lengths only; comparing needs the ids of each token")
    for ids in (*ours.ids, *theirs.ids):
        if len(set(ids)) < len(ids):
            raise InputError(f"routing of '{node}' gives a token the same expert twice: {ids}")
    flips: list[RoutingFlip] = []
    for token, (mine, other) in enumerate(zip(ours.ids, theirs.ids, strict=True)):
        if mine == other:
            continue
        gone = [expert for expert in mine if expert not in other]
        come = [expert for expert in other if expert not in mine]
        order_only = not gone
        if order_only:
            pairs = [(a, b) for a, b in zip(mine, other, strict=True) if a != b]
        else:
            pairs = list(zip(gone, come, strict=True))
        for a, b in pairs:
            margin = None
            if ours.gates is not None and theirs.gates is not None:
                margin = ours.gates[token][mine.index(a)] - theirs.gates[token][other.index(b)]
            flips.append(RoutingFlip(node, token, a, b, margin, order_only))
    return tuple(flips)


def activity_flips(ours: Activity, theirs: Activity) -> tuple[RoutingFlip, ...]:
    """`routing_flips` of every node of two activities, which must cover the same nodes."""
    if set(ours.routings) != set(theirs.routings):
        odd = ", ".join(sorted(set(ours.routings) ^ set(theirs.routings)))
        raise InputError(f"only one of the two activities has a routing for: {odd}")
    return tuple(
        flip
        for name, routing in ours.routings.items()
        for flip in routing_flips(routing, theirs.routings[name], node=name)
    )


def _either(name: str, ours: Mapping[str, Array], theirs: Mapping[str, Array], tolerance: float) -> Difference:
    if name not in ours:
        return _failure(name, "only the reference has it")
    if name not in theirs:
        return _failure(name, "the reference does not have it")
    return compare_tensor(name, ours[name], theirs[name], tolerance)


def _failure(name: str, reason: str) -> Difference:
    return Difference(name, math.inf, math.inf, ok=False, reason=reason)

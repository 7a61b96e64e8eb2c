"""Constants of a graph while a pass makes new ones, and passes that look at one node at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.ir.dtype import DType
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph, Node, Tensor
from accelsim.ir.weights import is_declared
from accelsim.ops.verified import verified

Array = NDArray[Any]


class Constants:
    """The constants of a graph, and those a pass adds. Weights that have sizes and no values are none."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.parameters = dict(graph.parameters)
        self.tensors = dict(graph.tensors)

    def known(self, *names: str) -> bool:
        """Whether the values of all tensors are constant and at hand; an absent operand is."""
        return all(not name or (name in self.parameters and not is_declared(self.parameters[name])) for name in names)

    def value(self, name: str) -> Array:
        """The values of a constant. Read-only."""
        return self.graph.weights[self.parameters[name]]

    def values(self, names: Sequence[str]) -> list[Array | None]:
        """The values of several constants, None for an absent operand."""
        return [self.value(name) if name else None for name in names]

    def kind(self, name: str) -> DType:
        """The format of a tensor."""
        return self.tensors[name].dtype

    def add(self, name: str, array: Array, kind: DType) -> str:
        """A new constant in the format `kind`; a name that is taken gets a number. Its name."""
        unique, number = name, 1
        while unique in self.tensors:
            number += 1
            unique = f"{name}_{number}"
        held = np.asarray(array, order="C")
        self.parameters[unique] = self.graph.weights.add(held)
        self.tensors[unique] = Tensor(held.shape, kind)
        return unique

    def graph_of(self, nodes: Sequence[Node], *, after: str) -> Graph:
        """The graph with other nodes and the constants they use, verified."""
        wider = replace(self.graph, parameters=FrozenMap(self.parameters))
        return verified(wider.with_nodes(tuple(nodes), self.tensors), after=after)


def each_node(graph: Graph, change: Callable[[Constants, Node], Node | None], *, after: str) -> Graph:
    """The graph with each node replaced by what `change` makes of it; None keeps it.

    A new node makes the outputs of the old one, or the first of them where nobody reads the others.
    """
    constants = Constants(graph)
    nodes = [change(constants, node) or node for node in graph.nodes]
    if all(new is old for new, old in zip(nodes, graph.nodes, strict=True)):
        return graph
    return constants.graph_of(nodes, after=after)


def operand(node: Node, index: int) -> str:
    """The name of an input, empty where it is absent."""
    return node.inputs[index] if index < len(node.inputs) else ""


def trimmed(*inputs: str) -> tuple[str, ...]:
    """Operands without the absent ones at the end."""
    names = list(inputs)
    while names and not names[-1]:
        names.pop()
    return tuple(names)

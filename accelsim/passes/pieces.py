"""Several nodes in the place of one: how a pass that takes an op apart makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import AttrValue, Graph, Node
from accelsim.passes.constants import Array, Constants
from accelsim.passes.dead_code import dead_code
from accelsim.passes.patterns import View, typed


class Pieces:
    """The nodes in the place of `node`, in order; each is named after it."""

    def __init__(self, constants: Constants, node: Node) -> None:
        self.constants, self.node, self.nodes = constants, node, list[Node]()

    def add(self, name: str, op: str, inputs: tuple[str, ...], attrs: dict[str, AttrValue] | None = None) -> str:
        """A node `<name of the node>.<name>`, and the name of its result."""
        unique = f"{self.node.name}.{name}"
        origins = tuple(dict.fromkeys((*self.node.origins, self.node.name)))
        made = Node(unique, op, inputs, (unique,), FrozenMap(attrs or {}), self.node.module, origins=origins)
        self.nodes.append(typed(made, self.constants.tensors))
        return unique

    def constant(self, name: str, like: str, values: Array) -> str:
        """A constant in the format of another."""
        held = values.astype(self.constants.value(like).dtype)
        return self.constants.add(f"{like}.{name}", held, self.constants.kind(like))

    def finish(self) -> tuple[Node, ...]:
        """The nodes, of which the last makes the result and has the name of the one that was there."""
        *others, last = self.nodes
        self.constants.tensors.pop(last.name)
        return (*others, replace(last, name=self.node.name, outputs=self.node.outputs))


def taken_apart(graph: Graph, pieces: Callable[[View, Pieces, Node], bool], *, after: str) -> Graph:
    """The graph with pieces in the place of each node for which `pieces` makes some and says so.

    Nodes that nothing reads any more are left out.
    """
    constants, view, nodes = Constants(graph), View(graph), list[Node]()
    for node in graph.nodes:
        made = Pieces(constants, node)
        nodes += made.finish() if pieces(view, made, node) else (node,)
    return graph if nodes == list(graph.nodes) else dead_code(constants.graph_of(nodes, after=after))

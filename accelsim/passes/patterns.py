"""Looking at a graph for nodes that together are one op, and putting that op in their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import AttrValue, Graph, Node, Tensor
from accelsim.ops.verified import infer_node, verified

_CLOSE = 1e-6


@dataclass(frozen=True)
class Match:
    """`gone` are the nodes of a pattern, the last one first; `made` take its place and make its output."""

    gone: tuple[Node, ...]
    made: tuple[Node, ...]
    tensors: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """Questions that patterns ask of a graph."""

    graph: Graph

    def maker(self, tensor: str, *ops: str) -> Node | None:
        """The node that makes a tensor, if it is one of `ops`."""
        node = self.graph.producers.get(tensor)
        return node if node is not None and node.op in ops else None

    def inner(self, tensor: str, *ops: str) -> Node | None:
        """The same, if nothing but one node reads the tensor."""
        uses = self.graph.consumers.get(tensor, ())
        return self.maker(tensor, *ops) if len(uses) == 1 and tensor not in self.graph.outputs else None

    def number(self, tensor: str) -> float | None:
        """The value of a constant of one element."""
        if tensor not in self.graph.parameters or self.graph.tensors[tensor].elements != 1:
            return None
        return float(self.graph.parameter(tensor).reshape(-1)[0])

    def scaled(self, node: Node) -> tuple[str, float] | None:
        """(x, c) of a node that is x * c or x / c with a number c."""
        first, second = node.inputs
        number = self.number(second)
        if node.op == "mul":
            if number is not None:
                return first, number
            number = self.number(first)
            return None if number is None else (second, number)
        return (first, 1 / number) if node.op == "div" and number else None

    def shape(self, tensor: str) -> tuple[int, ...]:
        return self.graph.tensors[tensor].shape


def one_op(gone: Sequence[Node], op: str, inputs: Sequence[str], attrs: dict[str, AttrValue], *, named: Node) -> Node:
    """A node that makes the output of the first of `gone`, under the name and module of `named`."""
    origins = tuple(dict.fromkeys(origin for node in reversed(gone) for origin in (*node.origins, node.name)))
    return Node(named.name, op, tuple(inputs), gone[0].outputs, FrozenMap(attrs), named.module, origins=origins)


def rewritten(graph: Graph, match: Callable[[View, Node], Match | None], *, after: str) -> Graph:
    """The graph with each match replaced, from the last node to the first; what nothing reads then is left out."""
    view = View(graph)
    gone: set[str] = set()
    places: dict[str, tuple[Node, ...]] = {}
    tensors = dict(graph.tensors)
    for node in reversed(graph.nodes):
        found = match(view, node) if node.name not in gone else None
        if found is None or any(part.name in gone for part in found.gone):
            continue
        gone.update(part.name for part in found.gone)
        places[node.name] = found.made
        tensors |= found.tensors
    if not places:
        return graph
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.name in places:
            nodes += places[node.name]
        elif node.name not in gone:
            nodes.append(node)
    live = set(graph.outputs)
    kept = []
    for node in reversed(nodes):
        if live.intersection(node.outputs):
            kept.append(node)
            live.update(node.inputs)
    return verified(graph.with_nodes(tuple(reversed(kept)), tensors), after=after)


def typed(node: Node, tensors: dict[str, Tensor]) -> Node:
    """The node, after noting the types of its outputs."""
    types = infer_node(node, tuple(tensors[name] if name else None for name in node.inputs))
    tensors.update(zip(node.outputs, types, strict=True))
    return node


def factors_of(view: View, node: Node) -> tuple[list[Node], list[str]]:
    """The multiplications that end in `node`, and what they multiply."""
    muls, factors = [node], []
    for name in node.inputs:
        inner = view.inner(name, "mul")
        if inner is None:
            factors.append(name)
        else:
            more, found = factors_of(view, inner)
            muls += more
            factors += found
    return muls, factors


def near(value: float, wanted: float) -> bool:
    """Whether a constant is the number meant, in the precision of float32."""
    return abs(value - wanted) <= _CLOSE * abs(wanted)


def is_power(view: View, node: Node, x: str, exponent: float) -> bool:
    """Whether a node is `x` to a power, written as `pow` or as a product."""
    if node.op == "mul":
        return exponent == 2 and node.inputs == (x, x)
    return node.inputs[0] == x and view.number(node.inputs[1]) == exponent

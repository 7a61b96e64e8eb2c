"""Fused query-key-value projections taken apart, for hardware that computes q, k, v one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import AttrValue, Graph, Node
from accelsim.ir.weights import SizesOnly, is_declared
from accelsim.ops.verified import infer_node, verified

_LETTERS = ("q", "k", "v")


@dataclass(frozen=True)
class _Fused:
    """A linear whose result is cut in three; `heads` and `turn` are the reshape and transpose before that.

    `cuts` are, by operand of the attention, the index of the third and the nodes that cut it out.
    """

    linear: Node
    heads: Node
    turn: Node
    cuts: tuple[tuple[int, Node, Node], ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.linear, self.heads, self.turn, *(node for _, *cut in self.cuts for node in cut))


def split_projections(graph: Graph) -> Graph:
    """Each fused projection becomes three linears `<name>.q`, `.k` and `.v` with a third of the weights.

    Fused is a linear with constant weights whose only use is reshape to [..., 3, heads, width], transpose,
    and a slice and a reshape for each operand of one attention. Others are left alone. The sums of each
    output are the same; only a matrix product that sums in another order for another size can change the
    last digits.
    """
    tables = _Tables(graph)
    renamed: dict[str, str] = {}
    replaced: dict[str, tuple[Node, ...]] = {}
    for node in graph.nodes:
        fused = _match(graph, node)
        if fused is not None:
            made = []
            for letter, (index, _, last) in zip(_LETTERS, fused.cuts, strict=True):
                part = tables.part(fused, index, letter)
                renamed[last.outputs[0]] = part[-1].outputs[0]
                made += part
            replaced |= {gone.name: () for gone in fused.nodes}
            replaced[node.name] = tuple(made)
    nodes = tuple(new for node in graph.nodes for new in replaced.get(node.name, (node,)))
    rewired = tuple(replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs)) for node in nodes)
    changed = replace(graph, parameters=FrozenMap(tables.parameters)).with_nodes(rewired, tables.tensors)
    return verified(changed, after="split_projections")


def _match(graph: Graph, linear: Node) -> _Fused | None:
    if linear.op != "linear" or not all(name in graph.parameters for name in linear.inputs[1:] if name):
        return None
    heads = _only_user(graph, linear, "reshape")
    turn = _only_user(graph, heads, "transpose") if heads else None
    if heads is None or turn is None:
        return None
    lead = graph.tensors[linear.outputs[0]].shape[:-1]
    shape = graph.tensors[heads.outputs[0]].shape
    if shape[: len(lead)] != lead or len(shape) <= len(lead) or shape[len(lead)] != len(_LETTERS):
        return None
    axis = _perm(turn).index(len(lead))
    cuts: dict[int, tuple[int, Node, Node]] = {}
    attentions: set[str] = set()
    for cut in _users(graph, turn):
        last = _only_user(graph, cut, "reshape")
        attention = _only_user(graph, last, "attention") if last else None
        third = _third(graph, cut, axis)
        if last is None or attention is None or third is None or not _drops(graph, cut, last, axis):
            return None
        cuts[attention.inputs.index(last.outputs[0])] = (third, cut, last)
        attentions.add(attention.name)
    if len(attentions) != 1 or sorted(cuts) != [0, 1, 2] or {third for third, *_ in cuts.values()} != {0, 1, 2}:
        return None
    return _Fused(linear, heads, turn, tuple(cuts[operand] for operand in range(3)))


def _users(graph: Graph, node: Node) -> list[Node]:
    return [user for user, _ in graph.consumers.get(node.outputs[0], ())]


def _only_user(graph: Graph, node: Node, op: str) -> Node | None:
    """The one node that reads a result, if it is an `op` and the result is no output of the graph."""
    users = _users(graph, node)
    if len(users) != 1 or users[0].op != op or node.outputs[0] in graph.outputs:
        return None
    return users[0]


def _perm(node: Node) -> tuple[int, ...]:
    perm = node.attrs["perm"]
    assert isinstance(perm, tuple)
    return tuple(int(axis) for axis in perm if isinstance(axis, int))


def _third(graph: Graph, cut: Node, axis: int) -> int | None:
    """Which index along `axis` a slice takes, None where it takes anything else."""
    if cut.op != "slice" or cut.attrs["axes"] != (axis,) or cut.attrs["steps"] != (1,):
        return None
    starts = cut.attrs["starts"]
    if graph.tensors[cut.outputs[0]].shape[axis] != 1 or not isinstance(starts, tuple):
        return None
    start = starts[0]
    return start % len(_LETTERS) if isinstance(start, int) else None


def _drops(graph: Graph, cut: Node, last: Node, axis: int) -> bool:
    shape = graph.tensors[cut.outputs[0]].shape
    return graph.tensors[last.outputs[0]].shape == (*shape[:axis], *shape[axis + 1 :])


class _Tables:
    """Types and constants of the graph that is being made."""

    def __init__(self, graph: Graph) -> None:
        self.tensors = dict(graph.tensors)
        self.parameters = dict(graph.parameters)
        self._graph = graph

    def part(self, fused: _Fused, index: int, letter: str) -> list[Node]:
        """Linear, reshape and transpose of one operand, from the third `index` of the fused weights."""
        linear, name = fused.linear, f"{fused.linear.name}.{letter}"
        constants = [self._third(whole, index, letter) if whole else "" for whole in linear.inputs[1:]]
        full = self.tensors[fused.heads.outputs[0]].shape
        factor = len(self.tensors[linear.outputs[0]].shape) - 1
        shape = (*full[:factor], *full[factor + 1 :])
        perm = tuple(axis - (axis > factor) for axis in _perm(fused.turn) if axis != factor)
        steps: tuple[tuple[str, str, tuple[str, ...], dict[str, AttrValue]], ...] = (
            ("linear", name, (linear.inputs[0], *constants), dict(linear.attrs)),
            ("reshape", f"{name}.reshape", (name,), {"shape": shape}),
            ("transpose", f"{name}.transpose", (f"{name}.reshape",), {"perm": perm}),
        )
        origins = tuple(origin for node in (linear, fused.heads, fused.turn) for origin in node.origins)
        made = []
        for op, output, inputs, attrs in steps:
            node = Node(output, op, inputs, (output,), FrozenMap(attrs), linear.module, linear.accumulator, origins)
            self.tensors[output] = infer_node(node, tuple(self.tensors[i] if i else None for i in inputs))[0]
            made.append(node)
        return made

    def _third(self, whole: str, index: int, letter: str) -> str:
        """A third of the rows of a weight or of a bias."""
        shape, weights = self.tensors[whole].shape, self._graph.weights
        rows = shape[0] // len(_LETTERS)
        name, third = f"{whole}.{letter}", (rows, *shape[1:])
        if is_declared(self._graph.parameters[whole]):
            assert isinstance(weights, SizesOnly)
            self.parameters[name] = weights.declare(name, third)
        else:
            part = self._graph.parameter(whole)[index * rows : (index + 1) * rows].copy()
            self.parameters[name] = weights.add(part)
        self.tensors[name] = replace(self.tensors[whole], shape=third)
        return name

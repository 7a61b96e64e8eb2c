"""A model at a glance: the tree of its modules, counted from the graph that everything else uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from accelsim.frontends.catalogue import LoadedModel
from accelsim.ir import Graph, Node
from accelsim.ir.weights import SizesOnly
from accelsim.mapping.view import Workload
from accelsim.ops.registry import op_spec
from accelsim.results.overview import Made, Overview, Part
from accelsim.sim.assumption import activity_for

_STATISTICS = {"batch_norm": (3, 4)}
"""Operands that a layer measured and did not learn."""


def overview(loaded: LoadedModel) -> Overview:
    """The modules and nodes of a model. Multiply-accumulates are those of every product: convolutions, linear layers,
    matrix products, both products of attention, experts; routed nodes are counted with tokens spread evenly."""
    graph = loaded.graph
    notes = [loaded.note] if loaded.note else []
    if isinstance(graph.weights, SizesOnly):
        notes.append("traced by sizes alone; no weights were made or read")
    if any(op_spec(node.op).routed for node in graph.nodes):
        notes.append("the work of routed nodes is that of tokens spread evenly over the experts")
    return Overview(
        model=loaded.model,
        task=loaded.task,
        digest=graph.digest,
        scope=graph.scope,
        inputs=_made(graph, graph.inputs),
        total=_Tree(graph).root(loaded.model),
        buffers=sum(graph.tensors[name].elements for name in graph.parameters if name in _buffers(graph)),
        notes=tuple(notes),
    )


def _buffers(graph: Graph) -> frozenset[str]:
    """Constants that are no parameters: as the front end says, or statistics and whole numbers."""
    told = frozenset(graph.meta.get("buffers", "").split("\n"))
    measured = {
        name
        for node in graph.nodes
        for index in _STATISTICS.get(node.op, ())
        for name in node.inputs[index : index + 1]
        if name in graph.parameters
    }
    whole = {name for name in graph.parameters if graph.tensors[name].dtype.kind != "float"}
    return told | measured | whole


class _Tree:
    """Nodes gathered by the modules that own them, in the order of execution."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._workload = Workload(graph, activity_for(graph, "uniform"))
        self._buffers = _buffers(graph)
        self._first: dict[str, str] = {}
        for node in graph.nodes:
            for name in node.inputs:
                if name in graph.parameters:
                    self._first.setdefault(name, node.name)

    def root(self, name: str) -> Part:
        return self._module(name, "", self._graph.nodes)

    def _module(self, name: str, path: str, nodes: Sequence[Node]) -> Part:
        """A module; one that is a single node under its own name is shown as that node."""
        if len(nodes) == 1 and nodes[0].name == path:
            return self._node(name, nodes[0])
        parts: list[Part] = []
        for child, members in self._children(path, nodes).items():
            below = f"{path}.{child}" if path else child
            inside = [node for node in members if node.module == below or node.module.startswith(f"{below}.")]
            parts += [self._module(child, below, inside)] if inside else [self._node(child, one) for one in members]
        return Part(
            name=name,
            path=path,
            op="",
            outputs=_made(self._graph, self._leaving(nodes)),
            nodes=len(nodes),
            parameters=sum(part.parameters for part in parts),
            weight_bytes=sum(part.weight_bytes for part in parts),
            macs=sum(part.macs for part in parts),
            output_bytes=sum(part.output_bytes for part in parts),
            parts=tuple(parts),
        )

    def _children(self, path: str, nodes: Sequence[Node]) -> Mapping[str, list[Node]]:
        """The parts of a module by their own names; a node that the module itself owns is a part."""
        found: dict[str, list[Node]] = {}
        for node in nodes:
            if node.module == path:
                below = node.name.removeprefix(f"{path}.") if path else node.name
            else:
                below = node.module.removeprefix(f"{path}.").split(".")[0] if path else node.module.split(".")[0]
            found.setdefault(below, []).append(node)
        return found

    def _leaving(self, nodes: Sequence[Node]) -> list[str]:
        names = {node.name for node in nodes}
        made = [name for node in nodes for name in node.outputs]
        results = set(self._graph.outputs)
        read = self._graph.consumers
        return [n for n in made if n in results or any(user.name not in names for user, _ in read.get(n, ()))]

    def _node(self, name: str, node: Node) -> Part:
        graph = self._graph
        held = {n for n in node.inputs if self._first.get(n) == node.name}
        moved = op_spec(node.op).layout
        return Part(
            name=name,
            path=node.name,
            op=node.op,
            outputs=_made(graph, node.outputs),
            nodes=1,
            parameters=sum(graph.tensors[n].elements for n in held if n not in self._buffers),
            weight_bytes=sum(graph.tensors[n].size_bytes for n in held),
            macs=sum(nest.macs for nest in self._workload.nests(node)),
            output_bytes=0 if moved else sum(graph.tensors[n].size_bytes for n in node.outputs),
        )


def _made(graph: Graph, names: Sequence[str]) -> tuple[Made, ...]:
    return tuple(Made(n, graph.tensors[n].shape, str(graph.tensors[n].dtype)) for n in names)

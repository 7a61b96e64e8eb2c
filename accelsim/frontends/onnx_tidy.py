"""The last steps of an import: what no output needs goes, tensors get their names in the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph, Node


def live_nodes(nodes: Sequence[Node], outputs: Sequence[str]) -> list[Node]:
    """The nodes that an output depends on."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    return kept[::-1]


def renamed_tensors(graph: Graph, names: Mapping[str, str]) -> Graph:
    """Tensors under their names in the model; ours that are in the way get a number."""
    taken = {new for old, new in names.items() if old in graph.tensors}
    table: dict[str, str] = {}
    for old in graph.tensors:
        new = names.get(old)
        if new is None:
            new, number = old, 1
            while new in taken:
                number += 1
                new = f"{old}_{number}"
        taken.add(new)
        table[old] = new

    def renamed(tensors: Sequence[str]) -> tuple[str, ...]:
        return tuple(table[name] if name else "" for name in tensors)

    return replace(
        graph,
        nodes=tuple(replace(n, inputs=renamed(n.inputs), outputs=renamed(n.outputs)) for n in graph.nodes),
        tensors=FrozenMap({table[name]: tensor for name, tensor in graph.tensors.items()}),
        inputs=renamed(graph.inputs),
        outputs=renamed(graph.outputs),
        parameters=FrozenMap({table[name]: digest for name, digest in graph.parameters.items()}),
    )

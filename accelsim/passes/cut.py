"""A part of a graph as a graph: what lies between two sets of nodes, the tensors that cross the cut as inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from accelsim.errors import InputError, did_you_mean
from accelsim.ir.graph import Graph, Node
from accelsim.ops.verified import verified

_INNER = (".", "/")  # what follows a name in the names of the nodes that it became


def cut(graph: Graph, start: Sequence[str] = (), stop: Sequence[str] = ()) -> Graph:
    """The nodes on paths from `start` to `stop`, both included; without one of them from the inputs or to the outputs.

    A name is that of a node, of a source node that became several, of a module, or of a tensor: its readers for
    `start`, its maker for `stop`. Tensors made outside of the part become its inputs, also those that come past
    `start`; nodes that depend on constants alone belong to the part that reads them. What the nodes of `stop` make
    becomes the outputs. The part is named after both ends.
    Raises InputError for names that are not there and where no path leads from one to the other.
    """
    first = [_named(graph, name, "from") for name in start]
    last = [_named(graph, name, "to") for name in stop]
    after = _reached(graph, first) if start else {node.name for node in graph.nodes}
    before = _reaching(graph, last or [[graph.producers[name]] for name in graph.outputs if name in graph.producers])
    for name, nodes in zip(start, first, strict=True):
        if not any(node.name in before for node in nodes):
            raise _no_path(graph, f"'{name}'", _told(stop, "an output"))
    for name, nodes in zip(stop, last, strict=True):
        if not any(node.name in after for node in nodes):
            raise _no_path(graph, _told(start, "an input"), f"'{name}'")
    part = _with_constants(graph, after & before)
    kept = tuple(node for node in graph.nodes if node.name in part)
    made = {output for node in kept for output in node.outputs}
    read = {name for node in kept for name in node.inputs if name}
    outputs = _ends(graph, last) if stop else tuple(name for name in graph.outputs if name in made)
    inputs = [name for name in graph.tensors if name in read and name not in made and name not in graph.parameters]
    if graph.scope and not any(graph.in_scope(node) for node in kept):
        raise InputError(f"{graph.name}: the part holds nothing of '{graph.scope}', which is what hardware runs")
    named = f"{graph.name}[{', '.join(start)}..{', '.join(stop)}]"
    taken = replace(graph, name=named, inputs=tuple(inputs), outputs=outputs).with_nodes(kept)
    return verified(taken, after="cut")


def _named(graph: Graph, name: str, end: str) -> list[Node]:
    """The nodes that a name stands for at this end of the cut."""
    inner = tuple(name + mark for mark in _INNER)
    for found in (
        [node for node in graph.nodes if node.name == name or node.name.startswith(inner)],
        [node for node in graph.nodes if node.module == name or node.module.startswith(f"{name}.")],
    ):
        if found:
            return found
    if name in graph.tensors and name not in graph.parameters:
        if end == "from":
            return [node for node, _ in graph.consumers.get(name, ())]
        if name in graph.producers:
            return [graph.producers[name]]
    known = {node.name for node in graph.nodes} | {node.module for node in graph.nodes if node.module}
    hint = did_you_mean(name, known)
    raise InputError(f"{graph.name}: --{end} '{name}': no node, module or tensor has that name{hint}")


def _reached(graph: Graph, first: Iterable[Iterable[Node]]) -> set[str]:
    """Names of nodes that depend on one of `first`, and these."""
    found = {node.name for nodes in first for node in nodes}
    tensors = {output for node in graph.nodes if node.name in found for output in node.outputs}
    for node in graph.nodes:
        if node.name in found or tensors.intersection(node.inputs):
            found.add(node.name)
            tensors.update(node.outputs)
    return found


def _reaching(graph: Graph, last: Iterable[Iterable[Node]]) -> set[str]:
    """Names of nodes that one of `last` depends on, and these."""
    found = {node.name for nodes in last for node in nodes}
    tensors: set[str] = set()
    for node in reversed(graph.nodes):
        if node.name in found or tensors.intersection(node.outputs):
            found.add(node.name)
            tensors.update(node.inputs)
    return found


def _with_constants(graph: Graph, part: set[str]) -> set[str]:
    """The part and the nodes it reads that depend on parameters alone."""
    fixed: set[str] = {"", *graph.parameters}
    for node in graph.nodes:
        if fixed.issuperset(node.inputs):
            fixed.update(node.outputs)
    found = set(part)
    read = {name for node in graph.nodes if node.name in part for name in node.inputs}
    for node in reversed(graph.nodes):
        if node.name not in found and fixed.issuperset(node.inputs) and read.intersection(node.outputs):
            found.add(node.name)
            read.update(node.inputs)
    return found


def _ends(graph: Graph, last: Sequence[Sequence[Node]]) -> tuple[str, ...]:
    """What each group of last nodes makes for others; all of it where nobody reads it."""
    found: list[str] = []
    for nodes in last:
        own = {node.name for node in nodes}
        made = [name for node in nodes for name in node.outputs]
        read = [
            name
            for name in made
            if name in graph.outputs or any(reader.name not in own for reader, _ in graph.consumers.get(name, ()))
        ]
        found += read or made
    return tuple(dict.fromkeys(found))


def _told(names: Sequence[str], otherwise: str) -> str:
    return " or ".join(f"'{name}'" for name in names) or otherwise


def _no_path(graph: Graph, start: str, stop: str) -> InputError:
    return InputError(f"{graph.name}: no path leads from {start} to {stop}: the part would be empty")

"""Writing nodes in terms of other ops, under the tensor names they had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from accelsim.errors import InternalError, UnsupportedError
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph, Node
from accelsim.ops.build import GraphBuilder
from accelsim.ops.registry import op_spec


def expanded(graph: Graph, form_of: Callable[[Node], str]) -> Graph:
    """The graph with each node replaced by its expansion `form_of(node)`; the empty form keeps it.

    New nodes are named `<node>.<what they do>`, the tensors that the node made keep their names. Constants
    of an expansion are added to the graph's weights. Raises UnsupportedError where an op has no such form.
    """
    tensors, parameters = dict(graph.tensors), dict(graph.parameters)
    nodes: list[Node] = []
    for node in graph.nodes:
        form = form_of(node)
        if not form:
            nodes.append(node)
            continue
        builder, rename = _expansion(graph, node, form)
        nodes += (_renamed(inner, rename, node) for inner in builder.nodes)
        parameters.update(builder.parameters)
        for name, tensor in builder.tensors.items():
            tensors.setdefault(rename.get(name, name), tensor)
    return replace(graph, parameters=FrozenMap(parameters)).with_nodes(tuple(nodes), tensors)


def _expansion(graph: Graph, node: Node, form: str) -> tuple[GraphBuilder, dict[str, str]]:
    """The expansion in a builder of its own, and new names: the node's for its outputs, others for what has theirs."""
    spec = op_spec(node.op)
    if form not in spec.expansions:
        known = ", ".join(sorted(spec.expansions)) or "none"
        raise UnsupportedError(f"node '{node.name}': {node.op} has no expansion '{form}'; it has: {known}")
    builder = GraphBuilder(graph.name, graph.weights)
    for name in node.inputs:
        if name:
            builder.add_input(name, graph.tensors[name])
    builder.prefix = f"{node.name}."
    builder.module = node.module
    made = spec.expansions[form](builder, node.inputs, spec.bind(node.name, node.attrs))
    rename = dict(zip(made, node.outputs, strict=True))
    own = {output for inner in builder.nodes for output in inner.outputs}
    if len(rename) != len(made) or not own.issuperset(made):
        raise InternalError(f"node '{node.name}': expansion '{form}' must make each of its outputs, once")
    rename.update({name: f"{name}.inner" for name in own.intersection(node.outputs).difference(made)})
    return builder, rename


def _renamed(inner: Node, rename: dict[str, str], source: Node) -> Node:
    return replace(
        inner,
        inputs=tuple(rename.get(name, name) for name in inner.inputs),
        outputs=tuple(rename.get(name, name) for name in inner.outputs),
        origins=(source.name, *source.origins),
    )

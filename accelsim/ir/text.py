"""A graph as text for people: one line a node, in the order of execution."""

from __future__ import annotations

from accelsim.ir.graph import AttrValue, Graph, Node, Tensor


def graph_text(graph: Graph) -> str:
    """Lines of `outputs: type = op(inputs) {attributes}`; '%' marks constants, '_' an absent input.

    ` in NODE` ends the line of a node that is the epilogue of another.
    """
    scope = f", scope {graph.scope}" if graph.scope else ""
    lines = [f"graph {graph.name} ({graph.digest}{scope})"]
    lines += [f"  input {name}: {_type(graph.tensors[name])}" for name in graph.inputs]
    lines += [f"  {_node_line(graph, node)}" for node in graph.nodes]
    lines.append(f"  return {', '.join(graph.outputs)}")
    count = len(graph.parameters)
    size = sum(graph.tensors[name].elements for name in graph.parameters)
    lines.append(f"  {len(graph.nodes)} nodes, {count} constants with {size} elements")
    return "\n".join(lines) + "\n"


def _node_line(graph: Graph, node: Node) -> str:
    made = ", ".join(f"{name}: {_type(graph.tensors[name])}" for name in node.outputs)
    read = ", ".join(_operand(graph, name) for name in node.inputs)
    attrs = ", ".join(f"{key}={_value(value)}" for key, value in node.attrs.items())
    fused = f" in {node.fused}" if node.fused else ""
    return f"{made} = {node.op}({read})" + (f" {{{attrs}}}" if attrs else "") + fused


def _operand(graph: Graph, name: str) -> str:
    if not name:
        return "_"
    return f"%{name}" if name in graph.parameters else name


def _type(tensor: Tensor) -> str:
    return f"{tensor.dtype}[{','.join(str(size) for size in tensor.shape)}]"


def _value(value: AttrValue) -> str:
    return f"({','.join(_value(v) for v in value)})" if isinstance(value, tuple) else str(value)

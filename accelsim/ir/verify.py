"""The rules that every graph keeps, checked after each front end and each pass."""

from __future__ import annotations

from collections.abc import Callable

from accelsim.errors import AccelsimError, InternalError
from accelsim.ir.graph import Graph, Node, Tensor

Infer = Callable[[Node, tuple[Tensor | None, ...]], tuple[Tensor, ...]]


def verify_graph(graph: Graph, infer: Infer, *, after: str) -> None:
    """Raise InternalError, naming `after` (the step that made the graph), at the first broken rule.

    `infer` gives a node's output types from its input types and raises an AccelsimError for an op that is not
    known or operands that do not fit; it is passed in because this room does not know the ops.
    """
    for rule in (_check_names, _check_order, _check_use, _check_fused):
        problem = rule(graph)
        if problem:
            raise InternalError(f"after {after}: graph '{graph.name}': {problem}")
    for node in graph.nodes:
        problem = _type_problem(graph, node, infer)
        if problem:
            raise InternalError(f"after {after}: graph '{graph.name}': node '{node.name}': {problem}")


def _check_names(graph: Graph) -> str:
    nodes: set[str] = set()
    made: dict[str, str] = {}
    for name, kind in [*((n, "input") for n in graph.inputs), *((n, "parameter") for n in graph.parameters)]:
        if name in made:
            return f"tensor '{name}' is both {made[name]} and {kind}"
        made[name] = kind
    for node in graph.nodes:
        if not node.name or node.name in nodes:
            return f"two nodes are named '{node.name}'" if node.name else "a node has no name"
        nodes.add(node.name)
        for output in node.outputs:
            if output in made:
                return f"tensor '{output}' is made by {made[output]} and by node '{node.name}'"
            made[output] = f"node '{node.name}'"
    untyped = [name for name in made if name not in graph.tensors]
    if untyped:
        return f"tensor '{untyped[0]}' has no type"
    return ""


def _check_order(graph: Graph) -> str:
    ready = {*graph.inputs, *graph.parameters}
    for node in graph.nodes:
        for name in node.inputs:
            if name and name not in ready:
                late = graph.producers.get(name)
                made = f"made only later, by '{late.name}'" if late else "made by nothing"
                return f"node '{node.name}' reads '{name}', which is {made}"
        ready.update(node.outputs)
    lost = [name for name in graph.outputs if name not in ready]
    if lost:
        return f"output '{lost[0]}' is made by nothing"
    return "" if graph.outputs else "there are no outputs"


def _check_use(graph: Graph) -> str:
    used = {*graph.outputs, *graph.consumers}
    for name in graph.parameters:
        if name not in used:
            return f"parameter '{name}' is used by nothing"
    known = {*graph.inputs, *graph.parameters, *graph.producers}
    for name in graph.tensors:
        if name not in known:
            return f"tensor '{name}' is in the table but in no node"
    for name, digest in graph.parameters.items():
        if digest not in graph.weights:
            return f"parameter '{name}' has no array in the weights"
        shape, typed = graph.weights.shape_of(digest), graph.tensors[name].shape
        if shape != typed:
            return f"parameter '{name}' is typed {typed}, its array is {shape}"
    return ""


def _check_fused(graph: Graph) -> str:
    """An epilogue works element by element on what its host, or the member before it, made for nobody else."""
    for node in graph.nodes:
        if not node.fused:
            continue
        for name in node.inputs:
            made = graph.producers.get(name)
            if made is not None and node.fused in (made.name, made.fused):
                break
        else:
            return f"node '{node.name}' is fused into '{node.fused}', but reads nothing of it"
        if len(graph.consumers[name]) > 1 or name in graph.outputs:
            return f"node '{node.name}' is fused into '{node.fused}', but others read '{name}' too"
        given, result = (graph.tensors[tensor] for tensor in (name, node.outputs[0]))
        if (given.shape, given.dtype) != (result.shape, result.dtype):
            return f"node '{node.name}' is fused into '{node.fused}', but makes another type of '{name}'"
    return ""


def _type_problem(graph: Graph, node: Node, infer: Infer) -> str:
    types = tuple(graph.tensors[name] if name else None for name in node.inputs)
    try:
        inferred = infer(node, types)
    except AccelsimError as error:
        return str(error)
    if len(inferred) != len(node.outputs):
        return f"{node.op} makes {len(inferred)} tensors, the node names {len(node.outputs)}"
    for name, tensor in zip(node.outputs, inferred, strict=True):
        typed = graph.tensors[name]
        if (typed.shape, typed.dtype) != (tensor.shape, tensor.dtype):
            return (
                f"'{name}' is typed {typed.dtype}{list(typed.shape)}, "
                f"but {node.op} makes {tensor.dtype}{list(tensor.shape)}"
            )
    return ""

"""Batch norm with constant statistics is a scale and a shift of each channel: weights and bias take them up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph, Node, Tensor
from accelsim.passes.patterns import Match, View, one_op, rewritten


def fold_batch_norm(graph: Graph) -> Graph:
    """Each batch norm right after a convolution or linear layer folded into it, computed in double precision.

    Results differ by rounding alone. Others, and those whose constants are computed, are left.
    """
    parameters, tensors = dict(graph.parameters), dict(graph.tensors)

    def constant(name: str, array: np.ndarray, like: Tensor) -> str:
        parameters[name] = graph.weights.add(array.astype(str(like.dtype)))
        tensors[name] = replace(like, shape=array.shape)
        return name

    def match(view: View, node: Node) -> Match | None:
        layer = view.inner(node.inputs[0], "conv2d", "linear") if node.op == "batch_norm" else None
        if layer is None or (layer.op == "linear" and len(view.shape(node.inputs[0])) != 2):
            return None
        constants = [*node.inputs[1:], *(name for name in layer.inputs[1:] if name)]
        if not all(name in graph.parameters for name in constants) or f"{layer.inputs[1]}.{node.name}" in tensors:
            return None
        scale, shift, mean, variance = (graph.parameter(name).astype(np.float64) for name in node.inputs[1:])
        epsilon = node.attrs["epsilon"]
        assert isinstance(epsilon, float)
        factor = scale / np.sqrt(variance + epsilon)
        weight = graph.parameter(layer.inputs[1]).astype(np.float64)
        biased = len(layer.inputs) > 2 and bool(layer.inputs[2])
        bias = graph.parameter(layer.inputs[2]).astype(np.float64) if biased else np.zeros_like(mean)
        kind = graph.tensors[layer.inputs[1]]
        w = constant(f"{layer.inputs[1]}.{node.name}", weight * factor.reshape(-1, *(1,) * (weight.ndim - 1)), kind)
        b = constant(f"{node.name}.bias", (bias - mean) * factor + shift, kind)
        made = one_op((node, layer), layer.op, (layer.inputs[0], w, b), dict(layer.attrs), named=layer)
        return Match((node, layer), (made,), {name: tensors[name] for name in (w, b)})

    view = View(graph)
    found = [match(view, node) for node in graph.nodes]
    by_node = {one.gone[0].name: one for one in found if one is not None}
    wider = replace(graph, parameters=FrozenMap(parameters), tensors=FrozenMap(tensors))
    return rewritten(wider, lambda _, node: by_node.get(node.name), after="fold_batch_norm")

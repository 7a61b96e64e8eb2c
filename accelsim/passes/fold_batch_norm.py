"""Batch norm with constant statistics is a scale and a shift of each channel: weights and bias take them up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from accelsim.ir.graph import Graph, Node
from accelsim.ops.attributes import integer, real
from accelsim.passes.constants import Array, Constants, operand, trimmed
from accelsim.passes.patterns import View

Scaled = dict[int, Array]
"""New weights by operand."""


def fold_batch_norm(graph: Graph) -> Graph:
    """Each batch norm right after a convolution or linear layer folded into it, computed in double precision.

    Layers are conv2d, conv_transpose2d, linear on rows, pixel_difference_conv2d, and dynamic_conv2d, of which every
    kernel takes up the scale. Others, and those whose constants are computed, are left. Results differ by rounding
    alone.
    """
    constants, view = Constants(graph), View(graph)
    folded: dict[str, Node] = {}
    gone: set[str] = set()
    for node in graph.nodes:
        layer = view.inner(node.inputs[0], *_SCALES) if node.op == "batch_norm" else None
        if layer is None or layer.outputs[0] != node.inputs[0] or not constants.known(*node.inputs[1:]):
            continue
        made = _folded(constants, layer, node)
        if made is not None:
            folded[layer.name] = made
            gone.add(node.name)
    if not gone:
        return graph
    nodes = tuple(folded.get(node.name, node) for node in graph.nodes if node.name not in gone)
    return constants.graph_of(nodes, after="fold_batch_norm")


def _folded(constants: Constants, layer: Node, norm: Node) -> Node | None:
    scale, shift, mean, variance = (constants.value(name).astype(np.float64) for name in norm.inputs[1:])
    factor = scale / np.sqrt(variance + real("batch_norm", norm.attrs, "epsilon"))
    weights = _SCALES[layer.op](constants, layer, factor)
    at = _BIAS.get(layer.op, 2)
    given = operand(layer, at)
    if weights is None or not constants.known(given):
        return None
    bias = constants.value(given).astype(np.float64) if given else np.zeros_like(mean)
    kind, held = constants.kind(layer.inputs[1]), constants.value(layer.inputs[1]).dtype
    inputs = [*layer.inputs, *("",) * (at + 1 - len(layer.inputs))]
    for index, array in weights.items():
        inputs[index] = constants.add(f"{layer.inputs[index]}.{norm.name}", array.astype(held), kind)
    inputs[at] = constants.add(f"{norm.name}.bias", ((bias - mean) * factor + shift).astype(held), kind)
    origins = tuple(dict.fromkeys((*layer.origins, layer.name, *norm.origins, norm.name)))
    return replace(layer, inputs=trimmed(*inputs), outputs=(*norm.outputs, *layer.outputs[1:]), origins=origins)


def _rows(constants: Constants, layer: Node, factor: Array) -> Scaled | None:
    """Outputs along the first axis of the weights."""
    if not constants.known(layer.inputs[1]):
        return None
    w = constants.value(layer.inputs[1])
    return {1: w * factor.reshape(-1, *(1,) * (w.ndim - 1))}


def _linear(constants: Constants, layer: Node, factor: Array) -> Scaled | None:
    """Only on rows: in higher ranks batch norm's channels are not the outputs."""
    return _rows(constants, layer, factor) if len(constants.tensors[layer.outputs[0]].shape) == 2 else None


def _transposed(constants: Constants, layer: Node, factor: Array) -> Scaled | None:
    """Outputs of a group along the second axis."""
    if not constants.known(layer.inputs[1]):
        return None
    w, groups = constants.value(layer.inputs[1]), integer(layer.op, layer.attrs, "groups")
    apart = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    return {1: (apart * factor.reshape(groups, 1, w.shape[1], *(1,) * (w.ndim - 2))).reshape(w.shape)}


def _mixed(constants: Constants, layer: Node, factor: Array) -> Scaled | None:
    """Every kernel, and the static one, of a dynamic_conv2d."""
    kernels_name, static_name, positions_name = (operand(layer, index) for index in (1, 5, 7))
    if not constants.known(kernels_name, static_name, positions_name):
        return None
    kernels = constants.value(kernels_name)
    scaled: Scaled = {}
    if static_name:
        static = constants.value(static_name)
        scaled[5] = static * factor.reshape(-1, 1, 1, 1)
    if positions_name:
        outputs = constants.value(positions_name) // (constants.value(static_name).size // len(factor))
        scaled[1] = kernels * factor[outputs]
    else:
        scaled[1] = kernels * factor.reshape(-1, 1, 1, 1)
    return scaled


_SCALES: Mapping[str, Callable[[Constants, Node, Array], Scaled | None]] = {
    "conv2d": _rows,
    "conv_transpose2d": _transposed,
    "dynamic_conv2d": _mixed,
    "linear": _linear,
    "pixel_difference_conv2d": _rows,
}
_BIAS = {"dynamic_conv2d": 8}

"""Mixed kernels as they are deployed: the static share once, only the dynamic positions K times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accelsim.ir.dtype import INT64
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph, Node
from accelsim.ops.conv_geometry import Geometry
from accelsim.passes.constants import Constants, each_node, operand, trimmed

_OP = "dynamic_conv2d"
_KERNELS, _STATIC, _MASK, _BIAS = 1, 5, 6, 8


def compact_kernels(graph: Graph) -> Graph:
    """Each dynamic_conv2d with a constant mask takes its deployed form.

    It stores N (1 + K kappa) weights instead of N (1 + K), kappa the share of the N positions that the mask makes
    dynamic. A layer that is dynamic throughout drops its static kernel; one that is static throughout becomes a
    conv2d, unless its biases are mixed or somebody reads its shares. Results are the same.
    """

    def change(constants: Constants, node: Node) -> Node | None:
        mask_name = operand(node, _MASK)
        if node.op != _OP or not mask_name or not constants.known(mask_name, node.inputs[_KERNELS]):
            return None
        mask = constants.value(mask_name)
        positions = np.flatnonzero(mask)
        if not positions.size:
            return _static(graph, node)
        bias = operand(node, _BIAS)
        if positions.size == mask.size:
            return replace(node, inputs=trimmed(*node.inputs[:_STATIC], "", "", "", bias))
        whole = constants.value(node.inputs[_KERNELS])
        values = whole.reshape(len(whole), -1)[:, positions]
        kernels = constants.add(f"{node.inputs[_KERNELS]}.dynamic", values, constants.kind(node.inputs[_KERNELS]))
        where = constants.add(f"{mask_name}.positions", positions.astype(np.int64), INT64)
        rest = (node.inputs[_STATIC], "", where, bias)
        return replace(node, inputs=trimmed(node.inputs[0], kernels, *node.inputs[2:_STATIC], *rest))

    return each_node(graph, change, after="compact_kernels")


def _static(graph: Graph, node: Node) -> Node | None:
    """The plain convolution with the static kernel, where nothing else is asked of the node."""
    bias = operand(node, _BIAS)
    shares = node.outputs[1]
    if shares in graph.consumers or shares in graph.outputs or (bias and len(graph.tensors[bias].shape) > 1):
        return None
    attrs = FrozenMap(Geometry.of(_OP, node.attrs).attrs)
    inputs = trimmed(node.inputs[0], node.inputs[_STATIC], bias)
    return replace(node, op="conv2d", inputs=inputs, outputs=node.outputs[:1], attrs=attrs)

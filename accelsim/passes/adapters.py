"""Adapted linear layers made plain: what a task dropped is cut out, what it added is merged in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph, Node
from accelsim.ops.adapted_linear import compacted
from accelsim.ops.attributes import real
from accelsim.passes.constants import Constants, each_node, operand, trimmed

_OP = "adapted_linear"
_LORA_A, _LORA_B, _BIAS = 2, 3, 4


def merge_adapters(graph: Graph) -> Graph:
    """Each adapted_linear with constant parameters becomes the linear layer W_kept + scale B A: nothing is left to pay.

    The sum is formed in double precision. Results differ by rounding alone.
    """

    def change(constants: Constants, node: Node) -> Node | None:
        if node.op != _OP or not constants.known(*node.inputs[1:]):
            return None
        arrays = [None, *constants.values(node.inputs[1:])]
        w, b = compacted(arrays, node.attrs)
        if operand(node, _LORA_A):
            a, up = (constants.value(node.inputs[i]).astype(np.float64) for i in (_LORA_A, _LORA_B))
            w = (w + real(_OP, node.attrs, "scale") * (up @ a)).astype(w.dtype)
        return _linear(constants, node, (w, b), "merged")

    return each_node(graph, change, after="merge_adapters")


def compact_pruned(graph: Graph) -> Graph:
    """Each adapted_linear with constant weights stores only the rows and columns it keeps; its adapter stays beside it.

    A layer without an adapter becomes a linear one. Results are the same.
    """

    def change(constants: Constants, node: Node) -> Node | None:
        kept = node.inputs[5:]
        if node.op != _OP or not constants.known(node.inputs[1], operand(node, _BIAS), *kept):
            return None
        if not any(kept) and operand(node, _LORA_A):
            return None
        names = ["", node.inputs[1], "", "", operand(node, _BIAS), *kept]
        w, b = compacted(constants.values(names), node.attrs)
        if not operand(node, _LORA_A):
            return _linear(constants, node, (w, b), "kept")
        stored = constants.add(f"{node.inputs[1]}.kept", w, constants.kind(node.inputs[1]))
        bias = "" if b is None else constants.add(f"{names[_BIAS]}.kept", b, constants.kind(names[_BIAS]))
        inputs = trimmed(node.inputs[0], stored, node.inputs[_LORA_A], node.inputs[_LORA_B], bias)
        return replace(node, inputs=inputs, attrs=node.attrs.with_items({"block": 1}))

    return each_node(graph, change, after="compact_pruned")


def _linear(constants: Constants, node: Node, parameters: tuple[np.ndarray, np.ndarray | None], ending: str) -> Node:
    (w, b), kind = parameters, constants.kind(node.inputs[1])
    stored = constants.add(f"{node.inputs[1]}.{ending}", w, kind)
    bias = "" if b is None else constants.add(f"{node.inputs[_BIAS]}.{ending}", b, kind)
    return replace(node, op="linear", inputs=trimmed(node.inputs[0], stored, bias), attrs=FrozenMap())

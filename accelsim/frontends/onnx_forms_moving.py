"""Ops that move, pick and place elements as ONNX nodes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import numpy_helper

from accelsim.frontends.onnx_nodes import Emit, OnnxNodes, number, whole, wholes
from accelsim.ir.graph import Node

_BEFORE_ALL = -(1 << 62)
"""The end of a slice that walks backwards to the first element."""


def _reshape(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    to.add("Reshape", [node.inputs[0], to.constant(f"{y}/shape", to.graph.tensors[y].shape)], y, allowzero=1)


def _transpose(to: OnnxNodes, node: Node) -> None:
    to.add("Transpose", node.inputs, node.outputs, perm=node.attrs["perm"])


def _concat(to: OnnxNodes, node: Node) -> None:
    to.add("Concat", node.inputs, node.outputs, axis=node.attrs["axis"])


def _expand(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    to.add("Expand", [node.inputs[0], to.constant(f"{y}/shape", to.graph.tensors[y].shape)], y)


def _slice(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    bounds = [to.constant(f"{y}/{key}", wholes(node.attrs[key])) for key in ("starts", "ends", "axes", "steps")]
    to.add("Slice", [node.inputs[0], *bounds], y)


def _tile(to: OnnxNodes, node: Node) -> None:
    (y,) = node.outputs
    to.add("Tile", [node.inputs[0], to.constant(f"{y}/repeats", wholes(node.attrs["repeats"]))], y)


def _reverse(to: OnnxNodes, node: Node) -> None:
    (y,) = node.outputs
    axes = wholes(node.attrs["axes"])
    bounds = {"starts": (-1,) * len(axes), "ends": (_BEFORE_ALL,) * len(axes), "axes": axes, "steps": (-1,) * len(axes)}
    to.add("Slice", [node.inputs[0], *(to.constant(f"{y}/{key}", value) for key, value in bounds.items())], y)


def _split(to: OnnxNodes, node: Node) -> None:
    sizes = to.constant(f"{node.outputs[0]}/sizes", wholes(node.attrs["sizes"]))
    to.add("Split", [node.inputs[0], sizes], node.outputs, axis=node.attrs["axis"])


def _depth_to_space(to: OnnxNodes, node: Node) -> None:
    to.add("DepthToSpace", node.inputs, node.outputs, blocksize=node.attrs["block"], mode=node.attrs["mode"])


def _space_to_depth(to: OnnxNodes, node: Node) -> None:
    to.add("SpaceToDepth", node.inputs, node.outputs, blocksize=node.attrs["block"])


def _pad(to: OnnxNodes, node: Node) -> None:
    (x,), (y,) = node.inputs, node.outputs
    pads = to.constant(f"{y}/pads", wholes(node.attrs["pads"]))
    value = [to.like(f"{y}/value", number(node.attrs["value"]), x)] if node.attrs["mode"] == "constant" else []
    to.add("Pad", [x, pads, *value], y, mode=node.attrs["mode"])


def _top_k(to: OnnxNodes, node: Node) -> None:
    """ONNX breaks ties by the lower index, as our op does."""
    k = to.constant(f"{node.outputs[0]}/k", [whole(node.attrs["k"])])
    to.add(
        "TopK",
        [node.inputs[0], k],
        node.outputs,
        axis=node.attrs["axis"],
        largest=int(bool(node.attrs["largest"])),
        sorted=1,
    )


def _argsort(to: OnnxNodes, node: Node) -> None:
    """A TopK of everything, smallest first; ties by the lower index make it stable."""
    x, y = node.inputs[0], node.outputs[0]
    axis = whole(node.attrs["axis"])
    k = to.constant(f"{y}/k", [to.graph.tensors[x].shape[axis]])
    to.add("TopK", [x, k], [f"{y}/values", y], axis=axis, largest=0, sorted=1)


def _gather(to: OnnxNodes, node: Node) -> None:
    to.add("Gather", node.inputs, node.outputs, axis=node.attrs["axis"])


def _scatter_add(to: OnnxNodes, node: Node) -> None:
    indices, updates = node.inputs
    y = node.outputs[0]
    rows = to.add("Unsqueeze", [indices, to.constant(f"{y}/axis", [-1])], f"{y}/rows")
    zero = numpy_helper.from_array(np.zeros(1, to.numpy_type(y)))
    shape = to.constant(f"{y}/shape", to.graph.tensors[y].shape)
    empty = to.add("ConstantOfShape", [shape], f"{y}/zeros", value=zero)
    to.add("ScatterND", [empty, rows, updates], y, reduction="add")


def _one_hot(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    depth = to.constant(f"{y}/depth", [whole(node.attrs["depth"])])
    values = to.constant(f"{y}/values", np.array([0, 1], to.numpy_type(y)))
    to.add("OneHot", [node.inputs[0], depth, values], y, axis=-1)


def _gather_elements(to: OnnxNodes, node: Node) -> None:
    to.add("GatherElements", node.inputs, node.outputs, axis=node.attrs["axis"])


def _gather_nd(to: OnnxNodes, node: Node) -> None:
    to.add("GatherND", node.inputs, node.outputs, batch_dims=node.attrs["batch_dims"])


def _scatter_elements(to: OnnxNodes, node: Node) -> None:
    a = node.attrs
    to.add("ScatterElements", node.inputs, node.outputs, axis=a["axis"], reduction=a["reduction"])


def _scatter_nd(to: OnnxNodes, node: Node) -> None:
    to.add("ScatterND", node.inputs, node.outputs, reduction=node.attrs["reduction"])


MOVING_FORMS: Mapping[str, Emit] = {
    "argsort": _argsort,
    "concat": _concat,
    "depth_to_space": _depth_to_space,
    "expand": _expand,
    "gather": _gather,
    "gather_elements": _gather_elements,
    "gather_nd": _gather_nd,
    "one_hot": _one_hot,
    "pad": _pad,
    "reshape": _reshape,
    "reverse": _reverse,
    "scatter_add": _scatter_add,
    "scatter_elements": _scatter_elements,
    "scatter_nd": _scatter_nd,
    "slice": _slice,
    "space_to_depth": _space_to_depth,
    "split": _split,
    "tile": _tile,
    "top_k": _top_k,
    "transpose": _transpose,
}

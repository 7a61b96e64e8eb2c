"""The table of ops: the ONNX nodes that each becomes. Here the products and attention, the others by family."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.frontends.onnx_forms_math import MATH_FORMS
from accelsim.frontends.onnx_forms_moving import MOVING_FORMS
from accelsim.frontends.onnx_forms_network import NETWORK_FORMS
from accelsim.frontends.onnx_nodes import Emit, OnnxNodes, number, same
from accelsim.ir.dtype import BOOL
from accelsim.ir.graph import Node


def _linear(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    turned = to.add("Transpose", [node.inputs[1]], f"{y}/w", perm=[1, 0])
    if len(node.inputs) > 2 and node.inputs[2]:
        product = to.add("MatMul", [node.inputs[0], turned], f"{y}/product")
        to.add("Add", [product, node.inputs[2]], y)
    else:
        to.add("MatMul", [node.inputs[0], turned], y)


def _grouped_linear(to: OnnxNodes, node: Node) -> None:
    """One row a matrix: each row meets a copy of its group's weights. Right, not fast."""
    x, groups, w, b = node.inputs
    y = node.outputs[0]
    last = to.constant(f"{y}/axis", [-1])
    weights = to.add("Gather", [w, groups], f"{y}/w", axis=0)
    column = to.add("Unsqueeze", [x, last], f"{y}/x")
    product = to.add("Squeeze", [to.add("MatMul", [weights, column], f"{y}/column"), last], f"{y}/product")
    to.add("Add", [product, to.add("Gather", [b, groups], f"{y}/b", axis=0)], y)


def _einsum(to: OnnxNodes, node: Node) -> None:
    to.add("Einsum", node.inputs, node.outputs, equation=str(node.attrs["equation"]).replace(" ", ""))


def _attention(to: OnnxNodes, node: Node) -> None:
    q, k, v, *masks = node.inputs
    (y,) = node.outputs
    heads, shared = to.graph.tensors[q].shape[1], to.graph.tensors[k].shape[1]
    if heads != shared:
        readers = to.constant(f"{y}/readers", tuple(head * shared // heads for head in range(heads)))
        k, v = (to.add("Gather", [x, readers], f"{y}/{part}", axis=1) for x, part in ((k, "keys"), (v, "values")))
    turned = to.add("Transpose", [k], f"{y}/k", perm=[0, 1, 3, 2])
    product = to.add("MatMul", [q, turned], f"{y}/product")
    scale = to.like(f"{y}/scale", number(node.attrs["scale"]), q)
    scores = to.add("Mul", [product, scale], f"{y}/scores")
    hidden = to.like(f"{y}/hidden", float("-inf"), q)
    mask = masks[0] if masks else ""
    if mask and to.graph.tensors[mask].dtype == BOOL:
        scores = to.add("Where", [mask, scores, hidden], f"{y}/masked")
    elif mask:
        scores = to.add("Add", [scores, mask], f"{y}/masked")
    if node.attrs["causal"]:
        seen = np.tri(to.graph.tensors[q].shape[2], to.graph.tensors[k if heads == shared else node.inputs[1]].shape[2])
        scores = to.add("Where", [to.constant(f"{y}/seen", seen.astype(np.bool_)), scores, hidden], f"{y}/causal")
    shares = to.add("Softmax", [scores], f"{y}/softmax", axis=-1)
    if mask:
        shares = _seeing(to, y, scores, shares, hidden)
    to.add("MatMul", [shares, v], y)


def _seeing(to: OnnxNodes, y: str, scores: str, shares: str, hidden: str) -> str:
    """Zeros for the rows that see nothing, of which a softmax would make nan."""
    last = to.constant(f"{y}/last", (-1,))
    highest = to.add("ReduceMax", [scores, last], f"{y}/highest")
    blind = to.add("Equal", [highest, hidden], f"{y}/blind")
    zero = to.constant(f"{y}/zero", np.zeros((), to.numpy_type(y)))
    return to.add("Where", [blind, zero, shares], f"{y}/shares")


def _rotary(to: OnnxNodes, node: Node) -> None:
    """The two halves of the pairs, turned; neighbours are told apart by an axis of their own."""
    x, cos, sin = node.inputs
    (y,) = node.outputs
    shape = to.graph.tensors[x].shape
    interleaved = bool(node.attrs["interleaved"])
    pair = -1 if interleaved else -2
    split = (*shape[:-1], -1, 2) if interleaved else (*shape[:-1], 2, shape[-1] // 2)
    pairs = to.add("Reshape", [x, to.constant(f"{y}/split", split)], f"{y}/pairs")
    a, b = (
        to.add("Gather", [pairs, to.constant(f"{y}/{name}", np.asarray(at, np.int64))], f"{y}/{name}s", axis=pair)
        for at, name in enumerate(("first", "second"))
    )

    def product(left: str, right: str, name: str) -> str:
        return to.add("Mul", [left, right], f"{y}/{name}")

    turned = (
        to.add("Sub", [product(a, cos, "ac"), product(b, sin, "bs")], f"{y}/real"),
        to.add("Add", [product(b, cos, "bc"), product(a, sin, "as")], f"{y}/imaginary"),
    )
    axis = to.constant(f"{y}/axis", (pair,))
    apart = [to.add("Unsqueeze", [part, axis], f"{part}/apart") for part in turned]
    joined = to.add("Concat", apart, f"{y}/joined", axis=pair)
    to.add("Reshape", [joined, to.constant(f"{y}/shape", shape)], y)


# Ops that are absent here are written in terms of others before the export.
ONNX_FORMS: Mapping[str, Emit] = {
    **MATH_FORMS,
    **MOVING_FORMS,
    **NETWORK_FORMS,
    "attention": _attention,
    "einsum": _einsum,
    "grouped_linear": _grouped_linear,
    "linear": _linear,
    "matmul": same("MatMul"),
    "rotary_embedding": _rotary,
}

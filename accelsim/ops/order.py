"""top_k and argsort. Both are stable: among equal values the lower index comes first."""

from __future__ import annotations

import math

import numpy as np

from accelsim.ir.dtype import INT64
from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.attributes import axis_in, flag, integer
from accelsim.ops.nests import FEATURES, FLAT, ROWS, read, write
from accelsim.ops.operands import NUMBER, Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput


def largest(x: Array, k: int, axis: int) -> tuple[Array, Array]:
    """The k largest values along `axis` and their indices, largest first, lower index first among equals.

    A stable ascending sort of the reversed axis, read backwards, is a descending sort that is stable too;
    negating x instead would overflow for integers.
    """
    length = x.shape[axis]
    ascending = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    descending = length - 1 - np.flip(ascending, axis)
    indices = np.take(descending, np.arange(k), axis=axis).astype(np.int64)
    return np.take_along_axis(x, indices, axis=axis), indices


def smallest(x: Array, k: int, axis: int) -> tuple[Array, Array]:
    """The k smallest values along `axis` and their indices, smallest first, lower index first among equals."""
    order = np.argsort(x, axis=axis, kind="stable")
    indices = np.take(order, np.arange(k), axis=axis).astype(np.int64)
    return np.take_along_axis(x, indices, axis=axis), indices


def _infer_top_k(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    k = integer("top_k", attrs, "k", least=1)
    flag("top_k", attrs, "largest")
    operands = Operands("top_k", ("x",), types)
    x = operands.get(0, min_rank=1, kinds=NUMBER)
    axis = axis_in("top_k", integer("top_k", attrs, "axis"), len(x.shape))
    if k > x.shape[axis]:
        operands.fail(f"k is {k}, but {operands.show(0)} has {x.shape[axis]} values along axis {axis}")
    shape = (*x.shape[:axis], k, *x.shape[axis + 1 :])
    return Tensor(shape, x.dtype), Tensor(shape, INT64)


def _top_k(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    pick = largest if flag("top_k", attrs, "largest") else smallest
    return pick(required(arrays, 0), integer("top_k", attrs, "k"), integer("top_k", attrs, "axis"))


def _rows_along(node: WorkInput) -> tuple[Dim, Dim]:
    x = node.tensor(0)
    length = x.shape[integer(node.node.op, node.node.attrs, "axis")]
    return Dim(ROWS, x.elements // max(length, 1), Axis.ROW), Dim(FEATURES, length, Axis.REDUCE)


def _top_k_work(node: WorkInput) -> tuple[LoopNest, ...]:
    """One pass over the values; each is compared with those kept so far."""
    operands = (
        read(node, 0, "x", FLAT),
        write(node, 0, "values", (ROWS,)),
        write(node, 1, "indices", (ROWS,)),
    )
    return (LoopNest("main", "compare", _rows_along(node), operands),)


def _infer_argsort(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    x = Operands("argsort", ("x",), types).get(0, min_rank=1, kinds=NUMBER)
    axis_in("argsort", integer("argsort", attrs, "axis"), len(x.shape))
    return (Tensor(x.shape, INT64),)


def _argsort(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    order = np.argsort(required(arrays, 0), axis=integer("argsort", attrs, "axis"), kind="stable")
    return (order.astype(np.int64),)


def _argsort_work(node: WorkInput) -> tuple[LoopNest, ...]:
    """The passes of a merge sort: each value is compared once in each of ceil(log2 n) passes."""
    rows, features = _rows_along(node)
    passes = Dim("passes", math.ceil(math.log2(max(features.size, 1))), Axis.REDUCE)
    operands = (read(node, 0, "x", FLAT), write(node, 0, "y", FLAT))
    return (LoopNest("main", "compare", (rows, features, passes), operands),)


TOP_K = OpSpec(
    "top_k",
    ("x",),
    ("values", "indices"),
    _infer_top_k,
    _top_k,
    _top_k_work,
    attrs={"k": REQUIRED, "axis": -1, "largest": True},
)
ARGSORT = OpSpec("argsort", ("x",), ("y",), _infer_argsort, _argsort, _argsort_work, attrs={"axis": -1})

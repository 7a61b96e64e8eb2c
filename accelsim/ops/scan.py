"""arg_max, arg_min and cum_sum: one axis walked from its start to its end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from accelsim.ir.dtype import INT64
from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.attributes import axis_in, flag, integer
from accelsim.ops.nests import FEATURES, FLAT, ROWS, read, write
from accelsim.ops.operands import NUMBER, Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput


def _rows_along(node: WorkInput, features: Axis) -> tuple[Dim, Dim]:
    x = node.tensor(0)
    length = x.shape[integer(node.node.op, node.node.attrs, "axis")]
    return Dim(ROWS, x.elements // max(length, 1), Axis.ROW), Dim(FEATURES, length, features)


def _extreme(op: str, find: Callable[..., Array]) -> OpSpec:
    """The index of the largest or smallest value; among equal ones the first, or the last where `last` says so."""

    def infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
        operands = Operands(op, ("x",), types)
        x = operands.get(0, min_rank=1, kinds=NUMBER)
        axis = axis_in(op, integer(op, attrs, "axis"), len(x.shape))
        flag(op, attrs, "last")
        if x.shape[axis] == 0:
            operands.fail(f"{operands.show(0)} has no values along axis {axis}")
        kept = (1,) if flag(op, attrs, "keepdims") else ()
        return (Tensor((*x.shape[:axis], *kept, *x.shape[axis + 1 :]), INT64),)

    def reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
        x, axis, keep = required(arrays, 0), integer(op, attrs, "axis"), flag(op, attrs, "keepdims")
        if flag(op, attrs, "last"):
            found = x.shape[axis] - 1 - find(np.flip(x, axis), axis=axis, keepdims=keep)
        else:
            found = find(x, axis=axis, keepdims=keep)
        return (np.asarray(found, np.int64),)

    def work(node: WorkInput) -> tuple[LoopNest, ...]:
        operands = (read(node, 0, "x", FLAT), write(node, 0, "y", (ROWS,)))
        return (LoopNest("main", "compare", _rows_along(node, Axis.REDUCE), operands),)

    attrs = {"axis": REQUIRED, "keepdims": False, "last": False}
    return OpSpec(op, ("x",), ("y",), infer, reference, work, attrs=attrs)


def _infer_cum_sum(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    x = Operands("cum_sum", ("x",), types).get(0, min_rank=1, kinds=NUMBER)
    axis_in("cum_sum", integer("cum_sum", attrs, "axis"), len(x.shape))
    for key in ("exclusive", "reverse"):
        flag("cum_sum", attrs, key)
    return (Tensor(x.shape, x.dtype),)


def _cum_sum(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """Sums of all values up to each one; `exclusive` leaves that one out, `reverse` starts at the end."""
    x, axis = required(arrays, 0), integer("cum_sum", attrs, "axis")
    reverse = flag("cum_sum", attrs, "reverse")
    forward = np.flip(x, axis) if reverse else x
    sums = np.cumsum(forward, axis=axis, dtype=x.dtype)
    if flag("cum_sum", attrs, "exclusive"):
        moved = np.moveaxis(sums, axis, 0)
        sums = np.moveaxis(np.concatenate([np.zeros_like(moved[:1]), moved[:-1]]), 0, axis)
    return (np.array(np.flip(sums, axis) if reverse else sums),)


def _cum_sum_work(node: WorkInput) -> tuple[LoopNest, ...]:
    operands = (read(node, 0, "x", FLAT), write(node, 0, "y", FLAT))
    return (LoopNest("main", "add", _rows_along(node, Axis.REDUCE), operands),)


ARG_MAX = _extreme("arg_max", np.argmax)
ARG_MIN = _extreme("arg_min", np.argmin)
CUM_SUM = OpSpec(
    "cum_sum",
    ("x",),
    ("y",),
    _infer_cum_sum,
    _cum_sum,
    _cum_sum_work,
    attrs={"axis": REQUIRED, "exclusive": False, "reverse": False},
)

"""linear, matmul and grouped_linear: matrix products."""

from __future__ import annotations

import math

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.nests import present, read, write
from accelsim.ops.operands import INTEGER, NUMBER, Operands, optional, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput
from accelsim.ops.values import check_indices

_LINEAR = ("x", "w", "b?")
_MATMUL = ("a", "b")
_GROUPED = ("x", "groups", "w", "b")


def _infer_linear(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("linear", _LINEAR, types)
    x, w = operands.get(0, min_rank=1), operands.get(1, rank=2)
    operands.maybe(2, rank=1)
    operands.same_dtype(0, 1, 2)
    operands.fit(1, 1, x.shape[-1], f"the last size of {operands.show(0)}")
    operands.fit(2, 0, w.shape[0], f"the outputs of {operands.show(1)}")
    return (Tensor((*x.shape[:-1], w.shape[0]), x.dtype),)


def _linear(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, w, b = required(arrays, 0), required(arrays, 1), optional(arrays, 2)
    product = x @ w.T
    return (product if b is None else product + b,)


def _linear_work(node: WorkInput) -> tuple[LoopNest, ...]:
    outputs, reduce = node.tensor(1).shape
    rows = math.prod(node.tensor(0).shape[:-1])
    operands = [read(node, 0, "x", ("rows", "reduce")), read(node, 1, "w", ("outputs", "reduce"))]
    if present(node, 2):
        operands.append(read(node, 2, "b", ("outputs",)))
    operands.append(write(node, 0, "y", ("rows", "outputs")))
    dims = (
        Dim("rows", rows, Axis.ROW),
        Dim("outputs", outputs, Axis.OUTPUT),
        Dim("reduce", reduce, Axis.REDUCE),
    )
    return (LoopNest("main", "mac", dims, tuple(operands)),)


def _infer_matmul(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("matmul", _MATMUL, types)
    a, b = operands.get(0, min_rank=1, kinds=NUMBER), operands.get(1, min_rank=1, kinds=NUMBER)
    operands.same_dtype(0, 1)
    operands.fit(1, -2 if len(b.shape) > 1 else 0, a.shape[-1], f"the last size of {operands.show(0)}")
    try:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        operands.fail(f"leading sizes of {operands.show(0)} and {operands.show(1)} do not broadcast")
    rows = a.shape[-2:-1]  # empty where a is a vector, whose dimension vanishes
    columns = b.shape[-1:] if len(b.shape) > 1 else ()
    return (Tensor((*batch, *rows, *columns), a.dtype),)


def _matmul(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (np.asarray(np.matmul(required(arrays, 0), required(arrays, 1))),)


def _matmul_work(node: WorkInput) -> tuple[LoopNest, ...]:
    a, b = node.tensor(0), node.tensor(1)
    rows = a.shape[-2] if len(a.shape) > 1 else 1
    outputs = b.shape[-1] if len(b.shape) > 1 else 1
    batch = math.prod(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]))
    dims = (
        Dim("batch", batch, Axis.BATCH),
        Dim("rows", rows, Axis.ROW),
        Dim("outputs", outputs, Axis.OUTPUT),
        Dim("reduce", a.shape[-1], Axis.REDUCE),
    )
    a_batch = ("batch",) if math.prod(a.shape[:-2]) > 1 else ()
    b_batch = ("batch",) if math.prod(b.shape[:-2]) > 1 else ()
    operands = (
        read(node, 0, "a", (*a_batch, "rows", "reduce")),
        read(node, 1, "b", (*b_batch, "outputs", "reduce")),
        write(node, 0, "y", ("batch", "rows", "outputs")),
    )
    return (LoopNest("main", "mac", dims, operands),)


def _infer_grouped(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("grouped_linear", _GROUPED, types)
    x, w = operands.get(0, rank=2), operands.get(2, rank=3)
    operands.get(1, rank=1, kinds=INTEGER)
    operands.get(3, rank=2)
    operands.same_dtype(0, 2, 3)
    operands.fit(1, 0, x.shape[0], f"the rows of {operands.show(0)}")
    operands.fit(2, 2, x.shape[1], f"the last size of {operands.show(0)}")
    operands.fit(3, 0, w.shape[0], f"the groups of {operands.show(2)}")
    operands.fit(3, 1, w.shape[1], f"the outputs of {operands.show(2)}")
    return (Tensor((x.shape[0], w.shape[1]), x.dtype),)


def _grouped(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, groups, w, b = (required(arrays, i) for i in range(4))
    check_indices("grouped_linear", "groups", groups, w.shape[0])
    y = np.empty((x.shape[0], w.shape[1]), x.dtype)
    for group in np.unique(groups):
        rows = groups == group
        y[rows] = x[rows] @ w[group].T + b[group]
    return (y,)


def _grouped_work(node: WorkInput) -> tuple[LoopNest, ...]:
    rows, reduce = node.tensor(0).shape
    groups, outputs, _ = node.tensor(2).shape
    touched = min(rows, groups)  # the most groups that the rows can take; which ones only the data tells
    operands = (
        read(node, 0, "x", ("rows", "reduce")),
        read(node, 1, "groups", ("rows",)),
        read(node, 2, "w", ("rows", "outputs", "reduce"), elements=touched * outputs * reduce, indirect=True),
        read(node, 3, "b", ("rows", "outputs"), elements=touched * outputs, indirect=True),
        write(node, 0, "y", ("rows", "outputs")),
    )
    dims = (
        Dim("rows", rows, Axis.ROW),
        Dim("outputs", outputs, Axis.OUTPUT),
        Dim("reduce", reduce, Axis.REDUCE),
    )
    return (LoopNest("main", "mac", dims, operands),)


LINEAR = OpSpec("linear", _LINEAR, ("y",), _infer_linear, _linear, _linear_work)
MATMUL = OpSpec("matmul", _MATMUL, ("y",), _infer_matmul, _matmul, _matmul_work)
GROUPED_LINEAR = OpSpec("grouped_linear", _GROUPED, ("y",), _infer_grouped, _grouped, _grouped_work)

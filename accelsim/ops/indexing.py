"""gather, scatter_add, one_hot: rows picked, added to and marked by index."""

from __future__ import annotations

import math

import numpy as np

from accelsim.ir.dtype import DType
from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Access, Axis, Dim, LoopNest
from accelsim.ops.attributes import axis_in, choice, integer
from accelsim.ops.nests import FEATURES, FLAT, ROWS, flat_dims, read, write
from accelsim.ops.operands import ANY, INTEGER, NUMBER, Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput
from accelsim.ops.values import check_indices

_GATHER = ("x", "indices")
_SCATTER = ("indices", "updates")
_ONE_HOT_TYPES = ("float32", "float64", "int32", "int64", "uint8")


def _infer_gather(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("gather", _GATHER, types)
    x, indices = operands.get(0, min_rank=1, kinds=ANY), operands.get(1, kinds=INTEGER)
    axis = axis_in("gather", integer("gather", attrs, "axis"), len(x.shape))
    return (Tensor((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype),)


def _gather(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """numpy.take; negative indices count from the end."""
    x, indices = required(arrays, 0), required(arrays, 1)
    axis = integer("gather", attrs, "axis")
    check_indices("gather", "indices", indices, x.shape[axis], least=-x.shape[axis])
    return (np.asarray(np.take(x, indices, axis=axis)),)


def _gather_work(node: WorkInput) -> tuple[LoopNest, ...]:
    x, y = node.tensor(0), node.outputs[0]
    operands = (
        read(node, 0, "x", FLAT, elements=min(x.elements, y.elements), indirect=True),
        read(node, 1, "indices", (ROWS,)),
        write(node, 0, "y", FLAT),
    )
    return (LoopNest("main", "gather", flat_dims(y), operands),)


def _infer_scatter(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    rows = integer("scatter_add", attrs, "rows", least=0)
    operands = Operands("scatter_add", _SCATTER, types)
    indices, updates = operands.get(0, rank=1, kinds=INTEGER), operands.get(1, min_rank=1, kinds=NUMBER)
    operands.fit(1, 0, indices.shape[0], f"one row for each of {operands.show(0)}")
    return (Tensor((rows, *updates.shape[1:]), updates.dtype),)


def _scatter_add(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """Rows are added one after the other, in the order of `indices`."""
    indices, updates = required(arrays, 0), required(arrays, 1)
    rows = integer("scatter_add", attrs, "rows")
    check_indices("scatter_add", "indices", indices, rows)
    y = np.zeros((rows, *updates.shape[1:]), updates.dtype)
    np.add.at(y, indices, updates)
    return (y,)


def _scatter_work(node: WorkInput) -> tuple[LoopNest, ...]:
    updates, y = node.tensor(1), node.outputs[0]
    width = math.prod(updates.shape[1:])
    features = Dim(FEATURES, width, Axis.OUTPUT)
    touched = min(y.elements, updates.elements)
    return (
        LoopNest("zero", "fill", (Dim(ROWS, y.shape[0], Axis.ROW), features), (write(node, 0, "y", FLAT),)),
        LoopNest(
            "main",
            "add",
            (Dim(ROWS, updates.shape[0], Axis.ROW), features),
            (
                read(node, 0, "indices", (ROWS,)),
                read(node, 1, "updates", FLAT),
                write(node, 0, "y", FLAT, access=Access.ACCUMULATE, elements=touched, indirect=True),
            ),
            after=("zero",),
        ),
    )


def _infer_one_hot(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    depth = integer("one_hot", attrs, "depth", least=1)
    dtype = DType.parse(choice("one_hot", attrs, "dtype", _ONE_HOT_TYPES))
    indices = Operands("one_hot", ("indices",), types).get(0, kinds=INTEGER)
    return (Tensor((*indices.shape, depth), dtype),)


def _one_hot(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    indices, depth = required(arrays, 0), integer("one_hot", attrs, "depth")
    check_indices("one_hot", "indices", indices, depth)
    return ((indices[..., None] == np.arange(depth)).astype(choice("one_hot", attrs, "dtype", _ONE_HOT_TYPES)),)


def _one_hot_work(node: WorkInput) -> tuple[LoopNest, ...]:
    operands = (read(node, 0, "indices", (ROWS,)), write(node, 0, "y", FLAT))
    return (LoopNest("main", "compare", flat_dims(node.outputs[0]), operands),)


GATHER = OpSpec("gather", _GATHER, ("y",), _infer_gather, _gather, _gather_work, attrs={"axis": 0})
SCATTER_ADD = OpSpec(
    "scatter_add",
    _SCATTER,
    ("y",),
    _infer_scatter,
    _scatter_add,
    _scatter_work,
    attrs={"rows": REQUIRED},
    parts=("zero", "main"),
)
ONE_HOT = OpSpec(
    "one_hot",
    ("indices",),
    ("y",),
    _infer_one_hot,
    _one_hot,
    _one_hot_work,
    attrs={"depth": REQUIRED, "dtype": "float32"},
)

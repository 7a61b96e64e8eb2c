"""softmax along one axis."""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.attributes import axis_in, integer
from accelsim.ops.nests import FEATURES, FLAT, ROWS, read, write
from accelsim.ops.operands import Operands, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput


def softmax_along(x: Array, axis: int) -> Array:
    """exp(x - max) / sum, which no finite x can overflow."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    x = Operands("softmax", ("x",), types).get(0, min_rank=1)
    axis_in("softmax", integer("softmax", attrs, "axis"), len(x.shape))
    return (Tensor(x.shape, x.dtype),)


def _softmax(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (softmax_along(required(arrays, 0), integer("softmax", attrs, "axis")),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """An exponential and a division an element; rows are all that is not the axis of the sum."""
    x = node.tensor(0)
    length = x.shape[integer("softmax", node.node.attrs, "axis")]
    rows = Dim(ROWS, x.elements // max(length, 1), Axis.ROW)
    return (
        LoopNest("main", "exp", (rows, Dim(FEATURES, length, Axis.REDUCE)), (read(node, 0, "x", FLAT),)),
        LoopNest(
            "div",
            "div",
            (rows, Dim(FEATURES, length, Axis.OUTPUT)),
            (write(node, 0, "y", FLAT),),
            after=("main",),
        ),
    )


SOFTMAX = OpSpec("softmax", ("x",), ("y",), _infer, _softmax, _work, attrs={"axis": -1})

"""softmax and log_softmax along one axis."""

from __future__ import annotations

from collections.abc import Callable

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


def log_softmax_along(x: Array, axis: int) -> Array:
    """x - max - log(sum of exp(x - max))."""
    centred = x - x.max(axis=axis, keepdims=True)
    return np.asarray(centred - np.log(np.exp(centred).sum(axis=axis, keepdims=True)))


def _spec(op: str, function: Callable[[Array, int], Array], last: str) -> OpSpec:
    """`last` is what each element costs after the sum of its row."""

    def infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
        x = Operands(op, ("x",), types).get(0, min_rank=1)
        axis_in(op, integer(op, attrs, "axis"), len(x.shape))
        return (Tensor(x.shape, x.dtype),)

    def reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
        return (function(required(arrays, 0), integer(op, attrs, "axis")),)

    def work(node: WorkInput) -> tuple[LoopNest, ...]:
        """An exponential and then `last` for each element; rows are all that is not the axis of the sum."""
        x = node.tensor(0)
        length = x.shape[integer(op, node.node.attrs, "axis")]
        rows = Dim(ROWS, x.elements // max(length, 1), Axis.ROW)
        return (
            LoopNest("main", "exp", (rows, Dim(FEATURES, length, Axis.REDUCE)), (read(node, 0, "x", FLAT),)),
            LoopNest(
                last,
                last,
                (rows, Dim(FEATURES, length, Axis.OUTPUT)),
                (write(node, 0, "y", FLAT),),
                after=("main",),
            ),
        )

    return OpSpec(op, ("x",), ("y",), infer, reference, work, attrs={"axis": -1}, parts=("main", last))


SOFTMAX = _spec("softmax", softmax_along, "div")
LOG_SOFTMAX = _spec("log_softmax", log_softmax_along, "sub")

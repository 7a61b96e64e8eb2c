"""reduce_sum: sums over any axes."""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.attributes import axes_in, flag, integers
from accelsim.ops.nests import FEATURES, FLAT, ROWS, read, write
from accelsim.ops.operands import NUMBER, Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    x = Operands("reduce_sum", ("x",), types).get(0, kinds=NUMBER)
    axes = axes_in("reduce_sum", integers("reduce_sum", attrs, "axes"), len(x.shape))
    keep = flag("reduce_sum", attrs, "keepdims")
    sized = ((axis, 1 if axis in axes else size) for axis, size in enumerate(x.shape))
    return (Tensor(tuple(size for axis, size in sized if keep or axis not in axes), x.dtype),)


def _reduce_sum(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, axes = required(arrays, 0), integers("reduce_sum", attrs, "axes")
    keep = flag("reduce_sum", attrs, "keepdims")
    return (np.asarray(x.sum(axis=axes, keepdims=keep, dtype=x.dtype)),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    x, y = node.tensor(0), node.outputs[0]
    dims = (Dim(ROWS, y.elements, Axis.ROW), Dim(FEATURES, x.elements // max(y.elements, 1), Axis.REDUCE))
    return (LoopNest("main", "add", dims, (read(node, 0, "x", FLAT), write(node, 0, "y", (ROWS,)))),)


REDUCE_SUM = OpSpec(
    "reduce_sum", ("x",), ("y",), _infer, _reduce_sum, _work, attrs={"axes": REQUIRED, "keepdims": False}
)

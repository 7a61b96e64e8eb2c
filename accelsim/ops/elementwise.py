"""add, sub, mul, div: two operands that broadcast as NumPy's do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.nests import FEATURES, ROWS, flat_dims, read, rows_and_features, write
from accelsim.ops.operands import NUMBER, Operands, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_INPUTS = ("a", "b")


def _divide(a: Array, b: Array) -> Array:
    """Division of reals gives inf or nan by zero, without a word; that of integers rounds down."""
    if np.issubdtype(a.dtype, np.integer):
        return np.floor_divide(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(a, b)


def _spec(op: str, function: Callable[[Array, Array], Array]) -> OpSpec:
    def infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
        operands = Operands(op, _INPUTS, types)
        a, b = operands.get(0, kinds=NUMBER), operands.get(1, kinds=NUMBER)
        operands.same_dtype(0, 1)
        try:
            shape = np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            operands.fail(f"{operands.show(0)} and {operands.show(1)} do not broadcast")
        return (Tensor(shape, a.dtype),)

    def reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
        return (np.asarray(function(required(arrays, 0), required(arrays, 1))),)

    def work(node: WorkInput) -> tuple[LoopNest, ...]:
        operands = (
            *(read(node, i, role, _indexing(node.tensor(i))) for i, role in enumerate(_INPUTS)),
            write(node, 0, "y", (ROWS, FEATURES)),
        )
        return (LoopNest("main", op, flat_dims(node.outputs[0]), operands),)

    return OpSpec(op, _INPUTS, ("y",), infer, reference, work)


def _indexing(tensor: Tensor) -> tuple[str, ...]:
    """The loops along which an operand changes; a broadcast one is the same along the others."""
    row_count, feature_count = rows_and_features(tensor)
    return (*((ROWS,) if row_count > 1 else ()), *((FEATURES,) if feature_count > 1 else ()))


ADD = _spec("add", np.add)
SUB = _spec("sub", np.subtract)
MUL = _spec("mul", np.multiply)
DIV = _spec("div", _divide)

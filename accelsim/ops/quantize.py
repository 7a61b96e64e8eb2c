"""quantize_linear and dequantize_linear: reals to small integers and back, by a scale and a zero point.

stored = saturate(round_half_even(x / scale) + zero_point). One scale for all, or one for each place along `axis`.
"""

from __future__ import annotations

import numpy as np

from accelsim.ir.dtype import DType
from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.attributes import axis_in, choice, integer
from accelsim.ops.nests import FEATURES, FLAT, ROWS, flat_dims, present, read, write
from accelsim.ops.operands import INTEGER, Operands, optional, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_INPUTS = ("x", "scale", "zero_point?")
QUANTIZED_TYPES = ("uint8", "int8", "uint16", "int16")


def _check_scale(operands: Operands, x: Tensor, attrs: Attrs) -> None:
    scale, zero = operands.get(1), operands.maybe(2, kinds=INTEGER)
    axis = integer(operands.op, attrs, "axis")
    if len(scale.shape) > 1:
        operands.fail(f"{operands.show(1)} has {len(scale.shape)} dimensions, needs none or one")
    if zero is not None and zero.shape != scale.shape:
        operands.fail(f"{operands.show(2)} and {operands.show(1)} differ")
    if scale.elements != 1:
        axis = axis_in(operands.op, axis, len(x.shape))
        operands.fit(1, 0, x.shape[axis], f"the places of {operands.show(0)} along axis {axis}")


def _along_axis(values: Array, x: Array, axis: int) -> Array:
    """A scale or zero point so that it broadcasts to x."""
    if values.size == 1:
        return values.reshape(())
    return values.reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])


def _infer_quantize(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    dtype = DType.parse(choice("quantize_linear", attrs, "dtype", QUANTIZED_TYPES))
    operands = Operands("quantize_linear", _INPUTS, types)
    x = operands.get(0)
    _check_scale(operands, x, attrs)
    operands.same_dtype(0, 1)
    zero = operands.maybe(2, kinds=INTEGER)
    if zero is not None and zero.dtype != dtype:
        operands.fail(f"{operands.show(2)} is {zero.dtype}, but attribute dtype is {dtype}")
    return (Tensor(x.shape, dtype),)


def _quantize(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, scale, zero = required(arrays, 0), required(arrays, 1), optional(arrays, 2)
    axis, dtype = integer("quantize_linear", attrs, "axis"), np.dtype(str(attrs["dtype"]))
    with np.errstate(all="ignore"):
        steps = np.rint(x / _along_axis(scale, x, axis))
    shifted = steps if zero is None else steps + _along_axis(zero, x, axis).astype(x.dtype)
    limits = np.iinfo(dtype)
    return (np.asarray(np.clip(shifted, limits.min, limits.max)).astype(dtype),)


def _infer_dequantize(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("dequantize_linear", _INPUTS, types)
    x = operands.get(0, kinds=INTEGER)
    _check_scale(operands, x, attrs)
    operands.same_dtype(0, 2)
    return (Tensor(x.shape, operands.get(1).dtype),)


def _dequantize(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """(x - zero_point) * scale; the difference is exact in 64 bits."""
    x, scale, zero = required(arrays, 0), required(arrays, 1), optional(arrays, 2)
    axis = integer("dequantize_linear", attrs, "axis")
    steps = x.astype(np.int64)
    if zero is not None:
        steps = steps - _along_axis(zero, x, axis)
    return (np.asarray(steps.astype(scale.dtype) * _along_axis(scale, x, axis)),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """One product and rounding an element; loops are around the axis that the scales run along."""
    x, y = node.tensor(0), node.outputs[0]
    shared = node.tensor(1).elements == 1
    if shared:
        dims = flat_dims(y)
    else:
        along = x.shape[integer(node.node.op, node.node.attrs, "axis")]
        dims = (Dim(ROWS, x.elements // max(along, 1), Axis.ROW), Dim(FEATURES, along, Axis.OUTPUT))
    scaling = () if shared else (FEATURES,)
    roles = ("scale", "zero_point")
    scales = tuple(read(node, i + 1, role, scaling) for i, role in enumerate(roles) if present(node, i + 1))
    function = "quantize" if node.node.op == "quantize_linear" else "scale"
    return (LoopNest("main", function, dims, (read(node, 0, "x", FLAT), *scales, write(node, 0, "y", FLAT))),)


QUANTIZE_LINEAR = OpSpec(
    "quantize_linear", _INPUTS, ("y",), _infer_quantize, _quantize, _work, attrs={"axis": 1, "dtype": "uint8"}
)
DEQUANTIZE_LINEAR = OpSpec(
    "dequantize_linear", _INPUTS, ("y",), _infer_dequantize, _dequantize, _work, attrs={"axis": 1}
)

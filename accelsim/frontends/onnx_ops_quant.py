"""ONNX operators on quantised tensors."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.frontends.onnx_call import Call, Translate, Value
from accelsim.frontends.onnx_load import element_format
from accelsim.ir.dtype import FLOAT64, INT32, UINT8


def _axis(call: Call, index: int) -> int:
    """The axis that scales run along; any where there is one scale."""
    if call.integer("block_size", 0):
        call.refuse("block_size")
    axis = call.integer("axis", 1)
    return axis if call.tensor(index).elements > 1 else 0


def _quantize(call: Call) -> list[Value]:
    x, scale, zero = call.value(0), call.value(1), call.maybe(2)
    dtype = UINT8
    if zero is not None:
        dtype = zero.type.dtype
    elif call.integer("output_dtype", 0):
        dtype = element_format(call.integer("output_dtype"), "the result")
    return [call.emit("quantize_linear", [x, scale, zero], {"axis": _axis(call, 1), "dtype": str(dtype)})]


def _dequantize(call: Call) -> list[Value]:
    inputs = [call.value(0), call.value(1), call.maybe(2)]
    made = call.emit("dequantize_linear", inputs, {"axis": _axis(call, 1)})
    if not call.integer("output_dtype", 0):
        return [made]
    return [call.cast(made, element_format(call.integer("output_dtype"), "the result"), "cast")]


def _centred(call: Call, value: Value, zero: Value | None, part: str, *, rows: bool = False) -> Value:
    """Whole numbers of 32 bits with the zero point taken off."""
    wide = call.cast(value, INT32, part)
    if zero is None:
        return wide
    offset = call.cast(zero, INT32, f"{part}_zero")
    if rows and len(offset.type.shape) == 1 and offset.type.elements > 1:
        offset = call.reshaped(offset, (offset.type.elements, 1), f"{part}_zeros")
    return call.emit("sub", [wide, offset], part=f"{part}_centred")


def _matmul_integer(call: Call) -> list[Value]:
    a = _centred(call, call.value(0), call.maybe(2), "a", rows=True)
    return [call.emit("matmul", [a, _centred(call, call.value(1), call.maybe(3), "b")])]


def _qlinear_matmul(call: Call) -> list[Value]:
    """Dequantised, multiplied, quantised again; in double precision the sums are those of whole numbers."""
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = (call.value(index) for index in range(8))
    sides = []
    for part, value, scale, zero in (("a", a, a_scale, a_zero), ("b", b, b_scale, b_zero)):
        if scale.type.elements > 1:
            call.refuse("scales by row or column")
        sides.append(
            call.emit(
                "dequantize_linear", [value, call.cast(scale, FLOAT64, f"{part}_scale"), zero], {"axis": 0}, part=part
            )
        )
    product = call.emit("matmul", sides, part="product")
    attrs = {"axis": 0, "dtype": str(y_zero.type.dtype)}
    return [call.emit("quantize_linear", [product, call.cast(y_scale, FLOAT64, "y_scale"), y_zero], attrs)]


QUANT: Mapping[str, Translate] = {
    "DequantizeLinear": _dequantize,
    "MatMulInteger": _matmul_integer,
    "QLinearMatMul": _qlinear_matmul,
    "QuantizeLinear": _quantize,
}

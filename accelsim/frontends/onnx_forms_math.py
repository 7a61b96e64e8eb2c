"""Elementwise ops, reductions and scans as ONNX nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from accelsim.frontends.onnx_nodes import ONNX_TYPES, Emit, OnnxNodes, number, same, whole, wholes
from accelsim.ir.dtype import BOOL, DType
from accelsim.ir.graph import Node


def _with_attributes(kind: str, **names: str) -> Emit:
    """Each of our attributes under the name that ONNX has for it, as a number."""

    def emit(to: OnnxNodes, node: Node) -> None:
        to.add(kind, node.inputs, node.outputs, **{theirs: number(node.attrs[ours]) for ours, theirs in names.items()})

    return emit


def _gelu(to: OnnxNodes, node: Node) -> None:
    """Written out, because Gelu is an operator only from opset 20 on."""
    _GELU[str(node.attrs["approximate"])](to, node.inputs[0], node.outputs[0])


def _gelu_exact(to: OnnxNodes, x: str, y: str) -> None:
    scaled = to.add("Div", [x, to.like(f"{y}/root", float(np.sqrt(2.0)), x)], f"{y}/scaled")
    shifted = to.add("Add", [to.add("Erf", [scaled], f"{y}/erf"), to.like(f"{y}/one", 1.0, x)], f"{y}/shifted")
    doubled = to.add("Mul", [x, shifted], f"{y}/doubled")
    to.add("Mul", [doubled, to.like(f"{y}/half", 0.5, x)], y)


def _gelu_tanh(to: OnnxNodes, x: str, y: str) -> None:
    """0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))."""
    square = to.add("Mul", [x, x], f"{y}/square")
    cube = to.add("Mul", [square, x], f"{y}/cube")
    small = to.add("Mul", [cube, to.like(f"{y}/share", 0.044715, x)], f"{y}/small")
    total = to.add("Add", [x, small], f"{y}/total")
    inner = to.add("Mul", [total, to.like(f"{y}/root", float(np.sqrt(2 / np.pi)), x)], f"{y}/inner")
    shifted = to.add("Add", [to.add("Tanh", [inner], f"{y}/tanh"), to.like(f"{y}/one", 1.0, x)], f"{y}/shifted")
    doubled = to.add("Mul", [x, shifted], f"{y}/doubled")
    to.add("Mul", [doubled, to.like(f"{y}/half", 0.5, x)], y)


_GELU: Mapping[str, Callable[[OnnxNodes, str, str], None]] = {"none": _gelu_exact, "tanh": _gelu_tanh}


def _relu(to: OnnxNodes, node: Node) -> None:
    """ONNX Runtime has Relu of reals only."""
    (x,), (y,) = node.inputs, node.outputs
    if to.graph.tensors[x].dtype.is_float:
        to.add("Relu", [x], y)
    else:
        to.add("Max", [x, to.like(f"{y}/zero", 0, x)], y)


def _silu(to: OnnxNodes, node: Node) -> None:
    (x,), (y,) = node.inputs, node.outputs
    to.add("Mul", [x, to.add("Sigmoid", [x], f"{y}/sigmoid")], y)


def _rsqrt(to: OnnxNodes, node: Node) -> None:
    (y,) = node.outputs
    to.add("Reciprocal", [to.add("Sqrt", node.inputs, f"{y}/root")], y)


def _softplus(to: OnnxNodes, node: Node) -> None:
    (x,), (y,) = node.inputs, node.outputs
    beta = to.like(f"{y}/beta", number(node.attrs["beta"]), x)
    steep = to.add("Softplus", [to.add("Mul", [x, beta], f"{y}/steep")], f"{y}/softplus")
    to.add("Div", [steep, beta], y)


def _clip(to: OnnxNodes, node: Node) -> None:
    (x,), (y,) = node.inputs, node.outputs
    bounds = [
        "" if node.attrs[key] is None else to.like(f"{y}/{key}", number(node.attrs[key]), x) for key in ("low", "high")
    ]
    to.add("Clip", [x, *bounds], y)


def _div(to: OnnxNodes, node: Node) -> None:
    """ONNX cuts whole numbers towards zero; rounding down is (a - a mod b) / b, since Mod has the sign of b."""
    a, b = node.inputs
    (y,) = node.outputs
    rounding = node.attrs["rounding"]
    if to.graph.tensors[y].dtype.is_float:
        _DIVISIONS[rounding](to, a, b, y)
    elif rounding == "trunc":
        to.add("Div", [a, b], y)
    else:
        rest = to.add("Mod", [a, b], f"{y}/rest")
        to.add("Div", [to.add("Sub", [a, rest], f"{y}/whole"), b], y)


def _div_down(to: OnnxNodes, a: str, b: str, y: str) -> None:
    to.add("Floor", [to.add("Div", [a, b], f"{y}/quotient")], y)


def _div_cut(to: OnnxNodes, a: str, b: str, y: str) -> None:
    quotient = to.add("Div", [a, b], f"{y}/quotient")
    size = to.add("Floor", [to.add("Abs", [quotient], f"{y}/abs")], f"{y}/floor")
    to.add("Mul", [size, to.add("Sign", [quotient], f"{y}/sign")], y)


_DIVISIONS: Mapping[object, Callable[[OnnxNodes, str, str, str], object]] = {
    None: lambda to, a, b, y: to.add("Div", [a, b], y),
    "floor": _div_down,
    "trunc": _div_cut,
}


def _mod(to: OnnxNodes, node: Node) -> None:
    """ONNX has the remainder of reals with the sign of a only; that of b is a - floor(a / b) b."""
    a, b = node.inputs
    (y,) = node.outputs
    if node.attrs["fmod"] or not to.graph.tensors[y].dtype.is_float:
        to.add("Mod", [a, b], y, fmod=int(bool(node.attrs["fmod"])))
        return
    down = to.add("Floor", [to.add("Div", [a, b], f"{y}/quotient")], f"{y}/floor")
    to.add("Sub", [a, to.add("Mul", [down, b], f"{y}/product")], y)


def _not_equal(to: OnnxNodes, node: Node) -> None:
    (y,) = node.outputs
    to.add("Not", [to.add("Equal", node.inputs, f"{y}/equal")], y)


def _shift(direction: str) -> Emit:
    def emit(to: OnnxNodes, node: Node) -> None:
        to.add("BitShift", node.inputs, node.outputs, direction=direction)

    return emit


def _cast(to: OnnxNodes, node: Node) -> None:
    to.add("Cast", node.inputs, node.outputs, to=ONNX_TYPES[DType.parse(str(node.attrs["dtype"]))])


def _trilu(to: OnnxNodes, node: Node) -> None:
    (y,) = node.outputs
    diagonal = to.constant(f"{y}/diagonal", np.asarray(whole(node.attrs["diagonal"]), np.int64))
    to.add("Trilu", [node.inputs[0], diagonal], y, upper=int(bool(node.attrs["upper"])))


def _reduce(kind: str) -> Emit:
    """Truth values are reduced as bytes: ONNX knows no largest of them before opset 20."""

    def emit(to: OnnxNodes, node: Node) -> None:
        (x,), (y,) = node.inputs, node.outputs
        axes = to.constant(f"{y}/axes", wholes(node.attrs["axes"]))
        keep, bare = int(bool(node.attrs["keepdims"])), int(not wholes(node.attrs["axes"]))
        truth = to.graph.tensors[x].dtype == BOOL
        source = to.add("Cast", [x], f"{y}/bytes", to=ONNX_TYPES[DType.parse("uint8")]) if truth else x
        made = f"{y}/reduced" if truth else y
        to.add(kind, [source, axes], made, keepdims=keep, noop_with_empty_axes=bare)
        if truth:
            to.add("Cast", [made], y, to=ONNX_TYPES[BOOL])

    return emit


def _extreme(kind: str) -> Emit:
    def emit(to: OnnxNodes, node: Node) -> None:
        a = node.attrs
        flags = {"keepdims": int(bool(a["keepdims"])), "select_last_index": int(bool(a["last"]))}
        to.add(kind, node.inputs, node.outputs, axis=a["axis"], **flags)

    return emit


def _cum_sum(to: OnnxNodes, node: Node) -> None:
    (y,) = node.outputs
    axis = to.constant(f"{y}/axis", np.asarray(whole(node.attrs["axis"]), np.int64))
    flags = {key: int(bool(node.attrs[key])) for key in ("exclusive", "reverse")}
    to.add("CumSum", [node.inputs[0], axis], y, **flags)


_SAME = {
    "abs": "Abs",
    "acos": "Acos",
    "acosh": "Acosh",
    "add": "Add",
    "asin": "Asin",
    "asinh": "Asinh",
    "atan": "Atan",
    "atanh": "Atanh",
    "bitwise_and": "BitwiseAnd",
    "bitwise_not": "BitwiseNot",
    "bitwise_or": "BitwiseOr",
    "bitwise_xor": "BitwiseXor",
    "ceil": "Ceil",
    "cos": "Cos",
    "cosh": "Cosh",
    "equal": "Equal",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "hard_swish": "HardSwish",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "log": "Log",
    "logical_and": "And",
    "logical_not": "Not",
    "logical_or": "Or",
    "logical_xor": "Xor",
    "maximum": "Max",
    "minimum": "Min",
    "mish": "Mish",
    "mul": "Mul",
    "neg": "Neg",
    "pow": "Pow",
    "prelu": "PRelu",
    "reciprocal": "Reciprocal",
    "round": "Round",
    "sigmoid": "Sigmoid",
    "sign": "Sign",
    "sin": "Sin",
    "sinh": "Sinh",
    "softsign": "Softsign",
    "sqrt": "Sqrt",
    "sub": "Sub",
    "tan": "Tan",
    "tanh": "Tanh",
    "where": "Where",
}
_REDUCTIONS = {
    "reduce_l1": "ReduceL1",
    "reduce_l2": "ReduceL2",
    "reduce_log_sum": "ReduceLogSum",
    "reduce_log_sum_exp": "ReduceLogSumExp",
    "reduce_max": "ReduceMax",
    "reduce_mean": "ReduceMean",
    "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd",
    "reduce_sum": "ReduceSum",
    "reduce_sum_square": "ReduceSumSquare",
}

MATH_FORMS: Mapping[str, Emit] = {
    **{op: same(kind) for op, kind in _SAME.items()},
    **{op: _reduce(kind) for op, kind in _REDUCTIONS.items()},
    "arg_max": _extreme("ArgMax"),
    "arg_min": _extreme("ArgMin"),
    "cast": _cast,
    "celu": _with_attributes("Celu", alpha="alpha"),
    "clip": _clip,
    "cum_sum": _cum_sum,
    "div": _div,
    "elu": _with_attributes("Elu", alpha="alpha"),
    "gelu": _gelu,
    "hard_sigmoid": _with_attributes("HardSigmoid", alpha="alpha", beta="beta"),
    "leaky_relu": _with_attributes("LeakyRelu", alpha="alpha"),
    "mod": _mod,
    "not_equal": _not_equal,
    "relu": _relu,
    "rsqrt": _rsqrt,
    "selu": _with_attributes("Selu", alpha="alpha", gamma="gamma"),
    "shift_left": _shift("LEFT"),
    "shift_right": _shift("RIGHT"),
    "silu": _silu,
    "softplus": _softplus,
    "thresholded_relu": _with_attributes("ThresholdedRelu", alpha="alpha"),
    "trilu": _trilu,
}

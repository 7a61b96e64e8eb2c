"""ONNX operators on single elements and on what is summed up from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce

import numpy as np

from accelsim.frontends.onnx_call import LARGEST, Call, Translate, Value
from accelsim.frontends.onnx_load import element_format, numpy_dtype
from accelsim.ir.dtype import FLOAT64
from accelsim.ir.graph import AttrValue

_SELU_ALPHA = 1.6732631921768188
_SELU_GAMMA = 1.0507010221481323


def _same(op: str) -> Translate:
    """An operator that is one of our ops, with the same inputs and no attributes."""

    def translate(call: Call) -> list[Value]:
        return [call.emit(op, call.every_input())]

    return translate


def _with_reals(op: str, **defaults: float) -> Translate:
    """An operator with numbers as attributes, of the same names as ours."""

    def translate(call: Call) -> list[Value]:
        return [call.emit(op, [call.value(0)], {key: call.real(key, value) for key, value in defaults.items()})]

    return translate


def _variadic(op: str) -> Translate:
    """Any number of operands, taken two by two."""

    def translate(call: Call) -> list[Value]:
        return [_folded(call, op)]

    return translate


def _folded(call: Call, op: str) -> Value:
    values = [call.value(index) for index in range(len(call.inputs))]
    if not values:
        call.fail("has no inputs")
    last = len(values) - 2

    def step(total: Value, item: tuple[int, Value]) -> Value:
        index, value = item
        return call.emit(op, [total, value], part="" if index == last else f"{op}{index}")

    return reduce(step, enumerate(values[1:]), values[0])


def _mean(call: Call) -> list[Value]:
    total = _folded(call, "add")
    return [call.emit("div", [total, call.like(len(call.inputs), total)], part="mean")]


def _div(call: Call) -> list[Value]:
    """Whole numbers are cut towards zero."""
    rounding = None if call.tensor(0).dtype.is_float else "trunc"
    return [call.emit("div", [call.value(0), call.value(1)], {"rounding": rounding})]


def _pow(call: Call) -> list[Value]:
    """The result has the format of the base, whatever that of the exponent."""
    base, exponent = call.value(0), call.value(1)
    wanted = base.type.dtype
    if not wanted.is_float and exponent.type.dtype.is_float:
        raised = call.emit("pow", [call.cast(base, FLOAT64, "base"), call.cast(exponent, FLOAT64, "exponent")])
        return [call.cast(raised, wanted, "result")]
    return [call.emit("pow", [base, call.cast(exponent, wanted, "exponent")])]


def _mod(call: Call) -> list[Value]:
    return [call.emit("mod", [call.value(0), call.value(1)], {"fmod": bool(call.integer("fmod", 0))})]


def _bit_shift(call: Call) -> list[Value]:
    direction = call.text("direction")
    if direction not in ("LEFT", "RIGHT"):
        call.fail(f"direction is '{direction}', needs LEFT or RIGHT")
    return [call.emit(f"shift_{direction.lower()}", [call.value(0), call.value(1)])]


def _swish(call: Call) -> list[Value]:
    x, alpha = call.value(0), call.real("alpha", 1.0)
    if alpha == 1.0:
        return [call.emit("silu", [x])]
    scaled = call.emit("mul", [x, call.like(alpha, x, "alpha")], part="scaled")
    return [call.emit("mul", [x, call.emit("sigmoid", [scaled], part="sigmoid")])]


def _gelu(call: Call) -> list[Value]:
    return [call.emit("gelu", [call.value(0)], {"approximate": call.text("approximate", "none")})]


def _clip(call: Call) -> list[Value]:
    """Bounds that are known become attributes, others are operands."""
    value = call.value(0)
    bounds = [call.maybe(1), call.maybe(2)]
    if all(bound is None or (bound.array is not None and bound.array.size == 1) for bound in bounds):
        low, high = (None if bound is None else _finite(bound) for bound in bounds)
        return [value if low is None and high is None else call.emit("clip", [value], {"low": low, "high": high})]
    for bound, op in zip(bounds, ("maximum", "minimum"), strict=True):
        if bound is not None:
            value = call.emit(op, [value, bound], part=op)
    return [value]


def _finite(bound: Value) -> AttrValue:
    number: float | int = bound.constant.reshape(-1)[0].item()
    if math.isnan(number):
        return number
    return None if math.isinf(number) else number


def _cast(call: Call) -> list[Value]:
    return [call.cast(call.value(0), element_format(call.integer("to"), "the result"))]


def _cast_like(call: Call) -> list[Value]:
    return [call.cast(call.value(0), call.tensor(1).dtype)]


def _is_nan(call: Call) -> list[Value]:
    return [call.emit("not_equal", [call.value(0), call.value(0)])]


def _is_inf(call: Call) -> list[Value]:
    x = call.value(0)
    signs = [sign for key, sign in (("detect_positive", 1), ("detect_negative", -1)) if call.integer(key, 1)]
    if not signs:
        return [call.emit("expand", [call.constant(np.asarray(False))], {"shape": x.type.shape})]
    found = [
        call.emit("equal", [x, call.like(sign * math.inf, x)], part="" if len(signs) == 1 else f"sign{sign}")
        for sign in signs
    ]
    return [found[0] if len(found) == 1 else call.emit("logical_or", found)]


def _axes(call: Call, inputs_from: int) -> tuple[int, ...] | None:
    """The axes of a reduction: an input from opset `inputs_from` on, an attribute before. None if there are none."""
    if call.opset < inputs_from:
        return call.integers("axes") if call.has("axes") else None
    return call.whole_numbers(1, "axes") if call.maybe(1) is not None else None


def _reduction(op: str, inputs_from: int = 18) -> Translate:
    def translate(call: Call) -> list[Value]:
        x = call.value(0)
        rank = len(x.type.shape)
        axes = tuple(call.checked_axis(axis, rank) for axis in _axes(call, inputs_from) or ())
        if not call.integer("noop_with_empty_axes", 0) and not axes:
            axes = tuple(range(rank))
        return [call.emit(op, [x], {"axes": axes, "keepdims": bool(call.integer("keepdims", 1))})]

    return translate


def _arg(op: str) -> Translate:
    def translate(call: Call) -> list[Value]:
        attrs = {
            "axis": call.axis("axis", 0, call.rank()),
            "keepdims": bool(call.integer("keepdims", 1)),
            "last": bool(call.integer("select_last_index", 0)),
        }
        return [call.emit(op, [call.value(0)], attrs)]

    return translate


def _cum_sum(call: Call) -> list[Value]:
    (axis,) = call.whole_numbers(1, "axis")
    attrs = {
        "axis": call.checked_axis(axis, call.rank()),
        "exclusive": bool(call.integer("exclusive", 0)),
        "reverse": bool(call.integer("reverse", 0)),
    }
    return [call.emit("cum_sum", [call.value(0)], attrs)]


def _hardmax(call: Call) -> list[Value]:
    """One at the first largest value along the axis."""
    x = call.value(0)
    axis = call.axis("axis", -1, len(x.type.shape))
    size = x.type.shape[axis]
    best = call.emit("arg_max", [x], {"axis": axis, "keepdims": True}, part="best")
    places = np.arange(size).reshape(size, *(1,) * (len(x.type.shape) - axis - 1))
    return [call.cast(call.emit("equal", [best, call.constant(places)], part="marked"), x.type.dtype)]


def _lp_normalization(call: Call) -> list[Value]:
    """A row of zeros stays one."""
    x = call.value(0)
    axis, p = call.axis("axis", -1, len(x.type.shape)), call.integer("p", 2)
    if p not in (1, 2):
        call.fail(f"p is {p}, needs 1 or 2")
    norm = call.emit(f"reduce_l{p}", [x], {"axes": (axis,), "keepdims": True}, part="norm")
    none = call.emit("equal", [norm, call.like(0, norm, "zero")], part="none")
    return [call.emit("div", [x, call.emit("where", [none, call.like(1, norm, "one"), norm], part="safe")])]


def _range(call: Call) -> list[Value]:
    first, limit, step = (call.known(index, what) for index, what in enumerate(("start", "limit", "step")))
    low, high, by = (array.reshape(-1)[0].item() for array in (first, limit, step))
    if not by or not all(map(math.isfinite, (low, high, by))) or abs((high - low) / by) > LARGEST:
        call.fail(f"a range from {low} to {high} in steps of {by}")
    count = max(math.ceil((high - low) / by), 0)
    dtype = numpy_dtype(call.tensor(0).dtype)
    wide = np.arange(count, dtype=np.int64 if dtype.kind in "iu" else np.float64) * by + low
    return [call.constant(wide.astype(dtype), "range")]


_UNARY = (
    *("exp", "log", "sqrt", "reciprocal", "sigmoid", "tanh", "erf", "softsign", "mish", "sin", "cos", "tan"),
    *("asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "floor", "ceil", "round"),
    *("neg", "abs", "sign", "relu"),
)

MATH: Mapping[str, Translate] = {
    **{op.capitalize(): _same(op) for op in _UNARY},
    "HardSwish": _same("hard_swish"),
    "Not": _same("logical_not"),
    "BitwiseNot": _same("bitwise_not"),
    "LeakyRelu": _with_reals("leaky_relu", alpha=0.01),
    "Elu": _with_reals("elu", alpha=1.0),
    "Selu": _with_reals("selu", alpha=_SELU_ALPHA, gamma=_SELU_GAMMA),
    "Celu": _with_reals("celu", alpha=1.0),
    "HardSigmoid": _with_reals("hard_sigmoid", alpha=0.2, beta=0.5),
    "Softplus": _with_reals("softplus"),
    "ThresholdedRelu": _with_reals("thresholded_relu", alpha=1.0),
    "Swish": _swish,
    "Gelu": _gelu,
    "Clip": _clip,
    "Cast": _cast,
    "CastLike": _cast_like,
    "IsNaN": _is_nan,
    "IsInf": _is_inf,
    "Add": _same("add"),
    "Sub": _same("sub"),
    "Mul": _same("mul"),
    "Div": _div,
    "Pow": _pow,
    "Mod": _mod,
    "PRelu": _same("prelu"),
    "Equal": _same("equal"),
    "Less": _same("less"),
    "LessOrEqual": _same("less_equal"),
    "Greater": _same("greater"),
    "GreaterOrEqual": _same("greater_equal"),
    "And": _same("logical_and"),
    "Or": _same("logical_or"),
    "Xor": _same("logical_xor"),
    "BitwiseAnd": _same("bitwise_and"),
    "BitwiseOr": _same("bitwise_or"),
    "BitwiseXor": _same("bitwise_xor"),
    "BitShift": _bit_shift,
    "Where": _same("where"),
    "Max": _variadic("maximum"),
    "Min": _variadic("minimum"),
    "Sum": _variadic("add"),
    "Mean": _mean,
    "ReduceSum": _reduction("reduce_sum", 13),
    "ReduceMean": _reduction("reduce_mean"),
    "ReduceMax": _reduction("reduce_max"),
    "ReduceMin": _reduction("reduce_min"),
    "ReduceProd": _reduction("reduce_prod"),
    "ReduceL1": _reduction("reduce_l1"),
    "ReduceL2": _reduction("reduce_l2"),
    "ReduceSumSquare": _reduction("reduce_sum_square"),
    "ReduceLogSum": _reduction("reduce_log_sum"),
    "ReduceLogSumExp": _reduction("reduce_log_sum_exp"),
    "ArgMax": _arg("arg_max"),
    "ArgMin": _arg("arg_min"),
    "CumSum": _cum_sum,
    "Hardmax": _hardmax,
    "LpNormalization": _lp_normalization,
    "Range": _range,
}

"""aten calls that compute element by element, and reductions. Operands become of the format that torch promotes to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from accelsim.errors import UnsupportedError
from accelsim.frontends.torch_call import Call, Lowering
from accelsim.ir.dtype import BOOL, DType
from accelsim.ir.graph import AttrValue


def _unary(op: str) -> Lowering:
    def lowering(call: Call) -> str:
        return call.emit(op, [call.cast(call.value(call.args["self"]), call.result.dtype)])

    return lowering


def _constants(op: str, **names: str) -> Lowering:
    """Each attribute of ours under the name of the argument that gives it."""

    def lowering(call: Call) -> str:
        a = call.args
        return call.emit(op, [call.value(a["self"])], {ours: float(a[theirs]) for ours, theirs in names.items()})

    return lowering


def _gelu(call: Call) -> str:
    return call.emit("gelu", [call.value(call.args["self"])], {"approximate": call.args["approximate"]})


def _elu(call: Call) -> str:
    a = call.args
    if (a["scale"], a["input_scale"]) != (1, 1):
        raise UnsupportedError("elu with scale and input_scale other than 1")
    return call.emit("elu", [call.value(a["self"])], {"alpha": float(a["alpha"])})


def _softplus(call: Call) -> str:
    """Above its threshold torch takes x for softplus(x); for the default of 20 that is the same float32 number."""
    a = call.args
    if a["threshold"] < 20:
        raise UnsupportedError(f"softplus with threshold={a['threshold']}")
    return call.emit("softplus", [call.value(a["self"])], {"beta": float(a["beta"])})


def _prelu(call: Call) -> str:
    """One slope a channel, or one for all."""
    a = call.args
    x, slope = call.type(a["self"]), call.type(a["weight"])
    shape = (1,) if slope.elements == 1 else (slope.elements, *(1,) * (len(x.shape) - 2))
    weight = call.emit("reshape", [call.value(a["weight"])], {"shape": shape})
    return call.emit("prelu", [call.value(a["self"]), weight])


def _glu(call: Call) -> str:
    """One half times the sigmoid of the other."""
    a = call.args
    axis, size = a["dim"], call.result.shape[a["dim"]]
    first, second = call.emit_all("split", [call.value(a["self"])], {"axis": axis, "sizes": (size, size)})
    return call.emit("mul", [first, call.emit("sigmoid", [second])])


def _clip(low: str, high: str) -> Lowering:
    """`low` and `high` are the names of the arguments; absent ones bound nothing."""

    def lowering(call: Call) -> str:
        a = call.args
        attrs = {"low": a.get(low), "high": a.get(high)}
        return call.emit("clip", [call.cast(call.value(a["self"]), call.result.dtype)], attrs)

    return lowering


def _clip_by_tensors(call: Call) -> str:
    a, dtype = call.args, call.result.dtype
    made = call.operand(a["self"], dtype)
    for op, bound in (("maximum", a["min"]), ("minimum", a["max"])):
        if bound is not None:
            made = call.emit(op, [made, call.operand(bound, dtype)])
    return made


def _relu6(call: Call) -> str:
    return call.emit("clip", [call.value(call.args["self"])], {"low": 0, "high": 6})


def _binary(op: str, *, swapped: bool = False, **attrs: AttrValue) -> Lowering:
    def lowering(call: Call) -> str:
        first, second = _operands(call)
        return call.emit(op, [second, first] if swapped else [first, second], attrs)

    return lowering


def _operands(call: Call) -> tuple[str, str]:
    """Both in the format of the result, the second times `alpha`."""
    a, dtype = call.args, call.result.dtype
    first, second = call.operand(a["self"], dtype), call.operand(a["other"], dtype)
    if a.get("alpha", 1) == 1:
        return first, second
    return first, call.emit("mul", [second, call.operand(a["alpha"], dtype)])


def _division(call: Call) -> str:
    return call.emit("div", _operands(call), {"rounding": call.args.get("rounding_mode")})


def _comparison(op: str) -> Lowering:
    def lowering(call: Call) -> str:
        a = call.args
        dtype = call.common(a["self"], a["other"])
        if dtype == BOOL and op not in ("equal", "not_equal"):
            raise UnsupportedError("an order of bools")
        return call.emit(op, [call.operand(a[name], dtype) for name in ("self", "other")])

    return lowering


def _logical(op: str) -> Lowering:
    def lowering(call: Call) -> str:
        return call.emit(op, [call.operand(a, BOOL) for a in call.args.values()])

    return lowering


def _bits(op: str) -> Lowering:
    """On bools the bits are the values."""

    def lowering(call: Call) -> str:
        dtype = call.result.dtype
        kind = "logical" if dtype == BOOL else "bitwise"
        return call.emit(f"{kind}_{op}", [call.operand(a, dtype) for a in call.args.values()])

    return lowering


def _power(call: Call) -> str:
    """A square is a product."""
    a, dtype = call.args, call.result.dtype
    base = call.operand(a["self"], dtype)
    if a["exponent"] == 2:
        return call.emit("mul", [base, base])
    return call.emit("pow", [base, call.operand(a["exponent"], dtype)])


def _outer(call: Call) -> str:
    """A column times a row."""
    a, dtype = call.args, call.result.dtype
    column, row = (call.operand(a[name], dtype) for name in ("self", "vec2"))
    return call.emit("mul", [call.emit("reshape", [column], {"shape": (call.result.shape[0], 1)}), row])


def _square(call: Call) -> str:
    x = call.value(call.args["self"])
    return call.emit("mul", [x, x])


def _where(call: Call) -> str:
    a, dtype = call.args, call.result.dtype
    return call.emit(
        "where", [call.value(a["condition"]), call.operand(a["self"], dtype), call.operand(a["other"], dtype)]
    )


def _masked_fill(call: Call) -> str:
    a, dtype = call.args, call.result.dtype
    return call.emit("where", [call.value(a["mask"]), call.operand(a["value"], dtype), call.value(a["self"])])


def _reduced(call: Call, op: str, dtype: DType) -> str:
    """All axes where the call names none."""
    a = call.args
    rank = len(call.type(a["self"]).shape)
    dims = a.get("dim")
    axes = (dims,) if isinstance(dims, int) else tuple(dims or range(rank))
    attrs = {"axes": tuple(d % rank for d in axes) if rank else (), "keepdims": a.get("keepdim", False)}
    return call.emit(op, [call.cast(call.value(a["self"]), dtype)], attrs)


def _reduction(op: str) -> Lowering:
    def lowering(call: Call) -> str:
        return _reduced(call, op, call.result.dtype)

    return lowering


def _norm(call: Call) -> str:
    order = call.args.get("ord", call.args.get("p"))
    if order not in _NORMS:
        raise UnsupportedError(f"norm of order {order}")
    return _reduced(call, _NORMS[order], call.result.dtype)


_NORMS: Mapping[Any, str] = {1: "reduce_l1", 2: "reduce_l2", None: "reduce_l2"}


def _variance(call: Call) -> str:
    """The mean of squared distances from the mean, with the correction (1 unless told) taken off the count."""
    a = call.args
    source = call.type(a["self"])
    rank = len(source.shape)
    axes = tuple(d % rank for d in (a.get("dim") or range(rank)))
    correction = a.get("correction")
    if correction is None:
        correction = int(a.get("unbiased", True))
    count = math.prod(source.shape[axis] for axis in axes) - correction
    x = call.value(a["self"])
    mean = call.emit("reduce_mean", [x], {"axes": axes, "keepdims": True})
    centred = call.emit("sub", [x, mean])
    squares = call.emit("reduce_sum_square", [centred], {"axes": axes, "keepdims": a.get("keepdim", False)})
    return call.emit("div", [squares, call.operand(count, source.dtype)])


def _variance_and_mean(call: Call) -> tuple[str, ...]:
    return _variance(call), _reduced(call, "reduce_mean", call.type(call.args["self"]).dtype)


def _deviation(call: Call) -> str:
    return call.emit("sqrt", [_variance(call)])


def _extreme(op: str) -> Lowering:
    def lowering(call: Call) -> str:
        a = call.args
        source = call.type(a["self"])
        x = call.value(a["self"])
        if a["dim"] is not None:
            return call.emit(op, [x], {"axis": a["dim"], "keepdims": a["keepdim"]})
        flat = call.emit("reshape", [x], {"shape": (source.elements,)})
        return call.emit(op, [flat], {"axis": 0})

    return lowering


def _extreme_of_axis(kind: str) -> Lowering:
    """(values, indices), each made only where it is read."""

    def lowering(call: Call) -> tuple[str, ...]:
        a, used = call.args, call.used_parts
        x, axis, keep = call.value(a["self"]), a["dim"], a["keepdim"]
        values = call.emit(f"reduce_{kind}", [x], {"axes": (axis,), "keepdims": keep}) if 0 in used else ""
        return values, call.emit(f"arg_{kind}", [x], {"axis": axis, "keepdims": keep}) if 1 in used else ""

    return lowering


def _cum_sum(call: Call) -> str:
    a = call.args
    return call.emit("cum_sum", [call.cast(call.value(a["self"]), call.result.dtype)], {"axis": a["dim"]})


_UNARY = {
    **{name: name for name in ("abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "exp", "floor", "log")},
    **{name: name for name in ("mish", "neg", "reciprocal", "relu", "round", "rsqrt", "sigmoid", "sign", "silu")},
    **{name: name for name in ("sin", "sinh", "sqrt", "tan", "tanh")},
    "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish",
}
_COMPARISONS = {
    **{"eq": "equal", "ge": "greater_equal", "gt": "greater"},
    **{"le": "less_equal", "lt": "less", "ne": "not_equal"},
}
_ARITHMETIC = {"add": "add", "mul": "mul", "remainder": "mod", "sub": "sub"}

MATH_CALLS: Mapping[str, Lowering] = {
    **{f"aten.{name}.default": _unary(op) for name, op in _UNARY.items()},
    **{f"aten.{name}.{kind}": _comparison(op) for name, op in _COMPARISONS.items() for kind in ("Scalar", "Tensor")},
    **{f"aten.{name}.{kind}": _binary(op) for name, op in _ARITHMETIC.items() for kind in ("Scalar", "Tensor")},
    "aten.__and__.Tensor": _bits("and"),
    "aten.__or__.Tensor": _bits("or"),
    "aten.all.default": _reduction("reduce_min"),
    "aten.all.dim": _reduction("reduce_min"),
    "aten.amax.default": _reduction("reduce_max"),
    "aten.amin.default": _reduction("reduce_min"),
    "aten.any.default": _reduction("reduce_max"),
    "aten.any.dim": _reduction("reduce_max"),
    "aten.argmax.default": _extreme("arg_max"),
    "aten.argmin.default": _extreme("arg_min"),
    "aten.bitwise_and.Tensor": _bits("and"),
    "aten.bitwise_not.default": _bits("not"),
    "aten.bitwise_or.Tensor": _bits("or"),
    "aten.bitwise_xor.Tensor": _bits("xor"),
    "aten.celu.default": _constants("celu", alpha="alpha"),
    "aten.clamp.Tensor": _clip_by_tensors,
    "aten.clamp.default": _clip("min", "max"),
    "aten.clamp_max.default": _clip("min", "max"),
    "aten.clamp_min.default": _clip("min", "max"),
    "aten.cumsum.default": _cum_sum,
    "aten.div.Scalar": _division,
    "aten.div.Tensor": _division,
    "aten.div.Tensor_mode": _division,
    "aten.elu.default": _elu,
    "aten.floor_divide.default": _binary("div", rounding="floor"),
    "aten.fmod.Scalar": _binary("mod", fmod=True),
    "aten.fmod.Tensor": _binary("mod", fmod=True),
    "aten.gelu.default": _gelu,
    "aten.glu.default": _glu,
    "aten.hardtanh.default": _clip("min_val", "max_val"),
    "aten.leaky_relu.default": _constants("leaky_relu", alpha="negative_slope"),
    "aten.linalg_vector_norm.default": _norm,
    "aten.logical_and.default": _logical("logical_and"),
    "aten.logical_not.default": _logical("logical_not"),
    "aten.logical_or.default": _logical("logical_or"),
    "aten.logical_xor.default": _logical("logical_xor"),
    "aten.logsumexp.default": _reduction("reduce_log_sum_exp"),
    "aten.masked_fill.Scalar": _masked_fill,
    "aten.max.default": _reduction("reduce_max"),
    "aten.max.dim": _extreme_of_axis("max"),
    "aten.maximum.default": _binary("maximum"),
    "aten.mean.default": _reduction("reduce_mean"),
    "aten.mean.dim": _reduction("reduce_mean"),
    "aten.min.default": _reduction("reduce_min"),
    "aten.min.dim": _extreme_of_axis("min"),
    "aten.minimum.default": _binary("minimum"),
    "aten.outer.default": _outer,
    "aten.pow.Scalar": _power,
    "aten.pow.Tensor_Scalar": _power,
    "aten.pow.Tensor_Tensor": _power,
    "aten.prelu.default": _prelu,
    "aten.prod.default": _reduction("reduce_prod"),
    "aten.prod.dim_int": _reduction("reduce_prod"),
    "aten.relu6.default": _relu6,
    "aten.rsub.Scalar": _binary("sub", swapped=True),
    "aten.selu.default": _unary("selu"),
    "aten.softplus.default": _softplus,
    "aten.square.default": _square,
    "aten.sum.default": _reduction("reduce_sum"),
    "aten.sum.dim_IntList": _reduction("reduce_sum"),
    "aten.std.correction": _deviation,
    "aten.std.default": _deviation,
    "aten.std.dim": _deviation,
    "aten.var.correction": _variance,
    "aten.var.default": _variance,
    "aten.var.dim": _variance,
    "aten.var_mean.correction": _variance_and_mean,
    "aten.where.Scalar": _where,
    "aten.where.ScalarOther": _where,
    "aten.where.ScalarSelf": _where,
    "aten.where.self": _where,
}

"""Elementwise ops and reductions: a count for each element of the result, or of the input where it is reduced."""

from __future__ import annotations

import numpy as np

from tests.contracts.case import Array, Case, floats, whole


def _positive(*shape: int) -> Array:
    return np.abs(floats(*shape)) + np.float32(0.5)


def _inside(*shape: int) -> Array:
    """Values between -0.9 and 0.9."""
    return np.clip(floats(*shape) / 3, -0.9, 0.9).astype(np.float32)


X, P, S = floats(3, 7), _positive(3, 7), _inside(3, 7)
B = np.array([[True, False, True], [False, False, True]])
C = np.array([True, True, False])
U = np.array([[1, 2, 200], [7, 0, 255]], np.uint8)

_UNARY: dict[str, Array] = {
    **dict.fromkeys(("erf", "exp", "hard_swish", "mish", "sigmoid", "silu", "softsign", "tanh"), X),
    **dict.fromkeys(("abs", "ceil", "floor", "neg", "round", "sign", "reciprocal"), X),
    **dict.fromkeys(("sin", "cos", "atan", "asinh", "sinh", "cosh"), X),
    **dict.fromkeys(("acos", "asin", "atanh", "tan"), S),
    **dict.fromkeys(("log", "sqrt", "rsqrt"), P),
    "acosh": P + 1,
}
_BINARY = ("maximum", "minimum", "equal", "not_equal", "greater", "greater_equal", "less", "less_equal")

MATH_CASES = (
    *(Case(op, (x,), {op: 21}) for op, x in _UNARY.items()),
    *(Case(op, (whole(3, -4, 0),), {op: 3}, label="integers") for op in ("abs", "neg", "sign", "relu")),
    *(Case(op, (x.astype(np.float64),), {op: 21}, label="float64") for op, x in (("exp", X), ("sqrt", P))),
    Case("logical_not", (B,), {"logical_not": 6}),
    Case("bitwise_not", (U,), {"bitwise_not": 6}),
    *(Case(op, (X,), {op: 21}) for op in ("leaky_relu", "elu", "celu", "selu", "hard_sigmoid", "softplus")),
    Case("thresholded_relu", (X,), {"thresholded_relu": 21}, {"alpha": 0.3}),
    Case("leaky_relu", (X,), {"leaky_relu": 21}, {"alpha": 0.2}, "steep"),
    Case("elu", (X,), {"elu": 21}, {"alpha": 0.5}, "half"),
    Case("celu", (X,), {"celu": 21}, {"alpha": 0.5}, "half"),
    Case("hard_sigmoid", (X,), {"hard_sigmoid": 21}, {"alpha": 0.2, "beta": 0.4}, "other"),
    Case("softplus", (X,), {"softplus": 21}, {"beta": 2.0}, "steep"),
    *(Case(op, (floats(2, 3, 4), floats(3, 1, seed=2)), {op: 24}) for op in _BINARY),
    *(Case(op, (whole(1, -2, 3), whole(2, -2, 0)), {op: 3}, label="integers") for op in _BINARY),
    *(Case(op, (B, C), {op: 6}, label="bools") for op in ("equal", "not_equal")),
    *(Case(op, (B, C), {op: 6}) for op in ("logical_and", "logical_or", "logical_xor")),
    *(Case(op, (U, U[:1]), {op: 6}) for op in ("bitwise_and", "bitwise_or", "bitwise_xor")),
    *(Case(op, (U, np.array(3, np.uint8)), {op: 6}) for op in ("shift_left", "shift_right")),
    Case("pow", (_positive(2, 3), floats(3)), {"pow": 6}),
    Case("pow", (whole(2, -3, 5), whole(3, 2, 0)), {"pow": 3}, label="integers"),
    Case("mod", (whole(7, -7, 4), whole(3)), {"mod": 3}, label="integers"),
    Case("mod", (whole(7, -7, 4), whole(3)), {"mod": 3}, {"fmod": True}, "integers-of-c"),
    Case("mod", (floats(2, 3), _positive(3)), {"mod": 6}, {"fmod": True}, "of-c"),
    Case("mod", (floats(2, 3), _positive(3)), {"mod": 6}),
    Case("div", (whole(7, -7, 4), whole(2, 2, -3)), {"div": 3}, {"rounding": "trunc"}, "integers-cut"),
    Case("div", (floats(2, 3) * 9, _positive(3)), {"div": 6}, {"rounding": "trunc"}, "cut"),
    Case("div", (floats(2, 3) * 9, _positive(3)), {"div": 6}, {"rounding": "floor"}, "floored"),
    Case("where", (B, floats(2, 3), floats(1, 3, seed=2)), {"where": 6}),
    Case("where", (C, whole(5), np.array([[1], [2]])), {"where": 6}, label="integers"),
    Case("clip", (X,), {"clip": 21}, {"low": -0.5, "high": 0.5}),
    Case("clip", (X,), {"clip": 21}, {"high": 0.5}, "above"),
    Case("clip", (whole(-3, 4, 9),), {"clip": 3}, {"low": 0, "high": 6}, "integers"),
    Case("prelu", (floats(2, 3, 4), floats(3, 1, seed=2)), {"prelu": 24}),
    Case("cast", (X * 3,), {"cast": 21}, {"dtype": "int32"}),
    Case("cast", (U,), {"cast": 6}, {"dtype": "float32"}, "to-reals"),
    Case("cast", (whole(0, 1, -2),), {"cast": 3}, {"dtype": "bool"}, "to-bools"),
    Case("trilu", (floats(2, 3, 4),), {"trilu": 24}, {"upper": True}),
    Case("trilu", (floats(4, 4),), {"trilu": 16}, {"upper": False, "diagonal": -1}, "lower"),
    *(
        Case(op, (_positive(2, 3, 4),), {function: 24}, {"axes": (0, -1)})
        for op, function in (
            ("reduce_mean", "add"),
            ("reduce_max", "compare"),
            ("reduce_min", "compare"),
            ("reduce_prod", "mul"),
            ("reduce_l1", "add"),
            ("reduce_l2", "mac_stat"),
            ("reduce_sum_square", "mac_stat"),
            ("reduce_log_sum", "add"),
            ("reduce_log_sum_exp", "exp"),
        )
    ),
    Case("reduce_mean", (floats(2, 3, 4),), {"add": 24}, {"axes": (1,), "keepdims": True}, "keepdims"),
    Case("reduce_max", (whole(3, 9, -1),), {"compare": 3}, {"axes": (0,)}, "integers"),
    Case("arg_max", (floats(2, 5),), {"compare": 10}, {"axis": -1}),
    Case("arg_min", (floats(2, 5),), {"compare": 10}, {"axis": 0, "keepdims": True}),
    Case("arg_max", (whole(4, 9, 9, 1),), {"compare": 4}, {"axis": 0, "last": True}, "last"),
    Case("cum_sum", (floats(2, 5),), {"add": 10}, {"axis": 1}),
    Case("cum_sum", (floats(2, 5),), {"add": 10}, {"axis": 0, "exclusive": True, "reverse": True}, "backwards"),
)

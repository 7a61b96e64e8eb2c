"""Functions of one element, by table. Outside of their domain those of reals give nan or inf, without a word."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import real
from accelsim.ops.nests import pointwise
from accelsim.ops.operands import BOOL, INTEGER, NUMBER, REAL, Operands, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

Constants = Mapping[str, Array]
"""Attributes as scalars in the format of x."""

_erf = np.frompyfunc(math.erf, 1, 1)


def erf_exact(x: Array) -> Array:
    """The error function of the C library, in float64; slow, and exact to its last bits."""
    return np.asarray(_erf(np.asarray(x, np.float64)), np.float64).astype(x.dtype)


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), which no finite x can overflow."""
    return np.asarray(np.logaddexp(x, np.zeros((), x.dtype)))


def _hard_sigmoid(x: Array, alpha: Array, beta: Array) -> Array:
    return np.asarray(np.clip(alpha * x + beta, 0, 1))


def _exp_below_zero(x: Array, alpha: Array) -> Array:
    """alpha (exp(x) - 1) for negative x, else 0."""
    return np.asarray(alpha * np.expm1(np.minimum(x, 0)))


def _spec(
    op: str,
    function: Callable[[Array, Constants], Array],
    *,
    kinds: frozenset[str] = REAL,
    attrs: Mapping[str, object] | None = None,
) -> OpSpec:
    defaults = dict(attrs or {})

    def infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
        for key in defaults:
            real(op, attrs, key)
        x = Operands(op, ("x",), types).get(0, kinds=kinds)
        return (Tensor(x.shape, x.dtype),)

    def reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
        x = required(arrays, 0)
        constants = {key: np.asarray(real(op, attrs, key), x.dtype) for key in defaults}
        with np.errstate(all="ignore"):
            return (np.asarray(function(x, constants), x.dtype),)

    return OpSpec(op, ("x",), ("y",), infer, reference, _work, attrs=defaults)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    return pointwise(node, node.node.op)


def _plain(function: Callable[[Array], Array]) -> Callable[[Array, Constants], Array]:
    return lambda x, _: function(x)


REAL_FUNCTIONS: Mapping[str, Callable[[Array], Array]] = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "erf": erf_exact,
    "exp": np.exp,
    "floor": np.floor,
    "hard_swish": lambda x: x * np.clip(x / 6 + x.dtype.type(0.5), 0, 1),
    "log": np.log,
    "mish": lambda x: x * np.tanh(softplus(x)),
    "reciprocal": lambda x: 1 / x,
    "round": np.rint,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "sin": np.sin,
    "sinh": np.sinh,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}
NUMBER_FUNCTIONS: Mapping[str, Callable[[Array], Array]] = {"abs": np.abs, "neg": np.negative, "sign": np.sign}

_SELU = {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}

UNARY = (
    *(_spec(op, _plain(function)) for op, function in REAL_FUNCTIONS.items()),
    *(_spec(op, _plain(function), kinds=NUMBER) for op, function in NUMBER_FUNCTIONS.items()),
    _spec("logical_not", _plain(np.logical_not), kinds=BOOL),
    _spec("bitwise_not", _plain(np.bitwise_not), kinds=INTEGER),
    _spec("leaky_relu", lambda x, c: np.where(x < 0, c["alpha"] * x, x), attrs={"alpha": 0.01}),
    _spec("elu", lambda x, c: np.maximum(x, 0) + _exp_below_zero(x, c["alpha"]), attrs={"alpha": 1.0}),
    _spec("celu", lambda x, c: np.maximum(x, 0) + _exp_below_zero(x / c["alpha"], c["alpha"]), attrs={"alpha": 1.0}),
    _spec("selu", lambda x, c: c["gamma"] * (np.maximum(x, 0) + _exp_below_zero(x, c["alpha"])), attrs=_SELU),
    _spec("hard_sigmoid", lambda x, c: _hard_sigmoid(x, c["alpha"], c["beta"]), attrs={"alpha": 1 / 6, "beta": 0.5}),
    _spec("softplus", lambda x, c: softplus(c["beta"] * x) / c["beta"], attrs={"beta": 1.0}),
    _spec("thresholded_relu", lambda x, c: np.where(x > c["alpha"], x, 0), attrs={"alpha": 1.0}),
)

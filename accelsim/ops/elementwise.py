"""Functions of two operands that broadcast as NumPy's do, by table: arithmetic, comparisons, logic, bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from accelsim.errors import InputError
from accelsim.ir import dtype as formats
from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import choice, flag
from accelsim.ops.nests import broadcast
from accelsim.ops.operands import ANY, BOOL, INTEGER, NUMBER, Operands, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_INPUTS = ("a", "b")


def _divide(a: Array, b: Array) -> Array:
    """Division of reals gives inf or nan by zero, without a word; that of integers rounds down."""
    if np.issubdtype(a.dtype, np.integer):
        return np.floor_divide(a, b)
    return np.asarray(np.divide(a, b))


def _divide_down(a: Array, b: Array) -> Array:
    return _divide(a, b) if np.issubdtype(a.dtype, np.integer) else np.asarray(np.floor(a / b))


def _divide_towards_zero(a: Array, b: Array) -> Array:
    if np.issubdtype(a.dtype, np.integer):
        down = np.floor_divide(a, b)
        return np.asarray(down + ((down < 0) & (down * b != a)), a.dtype)
    return np.asarray(np.trunc(a / b))


_ROUNDINGS: Mapping[str, Callable[[Array, Array], Array]] = {"floor": _divide_down, "trunc": _divide_towards_zero}


def _div(a: Array, b: Array, attrs: Attrs) -> Array:
    if attrs["rounding"] is None:
        return _divide(a, b)
    return _ROUNDINGS[choice("div", attrs, "rounding", _ROUNDINGS)](a, b)


def _power(a: Array, b: Array) -> Array:
    if np.issubdtype(b.dtype, np.signedinteger) and (b < 0).any():
        raise InputError("pow: an integer to a negative power is no integer")
    return np.asarray(np.power(a, b))


def _unchecked(attrs: Attrs) -> None:
    """An op without attributes has nothing to check."""


def _check_div(attrs: Attrs) -> None:
    if attrs["rounding"] is not None:
        choice("div", attrs, "rounding", _ROUNDINGS)


def _check_mod(attrs: Attrs) -> None:
    flag("mod", attrs, "fmod")


def _spec(
    op: str,
    function: Callable[[Array, Array, Attrs], Array],
    *,
    kinds: frozenset[str] = NUMBER,
    truth: bool = False,
    attrs: Mapping[str, object] | None = None,
    check: Callable[[Attrs], None] = _unchecked,
) -> OpSpec:
    """`truth`: the result is bool, whatever the operands are."""

    def infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
        check(attrs)
        operands = Operands(op, _INPUTS, types)
        a, b = operands.get(0, kinds=kinds), operands.get(1, kinds=kinds)
        operands.same_dtype(0, 1)
        try:
            shape = np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            operands.fail(f"{operands.show(0)} and {operands.show(1)} do not broadcast")
        return (Tensor(shape, formats.BOOL if truth else a.dtype),)

    def reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            return (np.asarray(function(required(arrays, 0), required(arrays, 1), attrs)),)

    def work(node: WorkInput) -> tuple[LoopNest, ...]:
        return broadcast(node, op, _INPUTS)

    return OpSpec(op, _INPUTS, ("y",), infer, reference, work, attrs=dict(attrs or {}))


def _plain(function: Callable[[Array, Array], Array]) -> Callable[[Array, Array, Attrs], Array]:
    return lambda a, b, _: function(a, b)


ARITHMETIC: Mapping[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mul": np.multiply,
    "pow": _power,
    "sub": np.subtract,
}
ORDERINGS: Mapping[str, Callable[[Array, Array], Array]] = {
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
}
EQUALITIES: Mapping[str, Callable[[Array, Array], Array]] = {"equal": np.equal, "not_equal": np.not_equal}
LOGIC: Mapping[str, Callable[[Array, Array], Array]] = {
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}
BITS: Mapping[str, Callable[[Array, Array], Array]] = {
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
    "shift_left": np.left_shift,
    "shift_right": np.right_shift,
}

BINARY = (
    *(_spec(op, _plain(function)) for op, function in ARITHMETIC.items()),
    _spec("div", _div, attrs={"rounding": None}, check=_check_div),
    _spec("mod", lambda a, b, t: np.fmod(a, b) if t["fmod"] else np.mod(a, b), attrs={"fmod": False}, check=_check_mod),
    *(_spec(op, _plain(function), truth=True) for op, function in ORDERINGS.items()),
    *(_spec(op, _plain(function), kinds=ANY, truth=True) for op, function in EQUALITIES.items()),
    *(_spec(op, _plain(function), kinds=BOOL) for op, function in LOGIC.items()),
    *(_spec(op, _plain(function), kinds=INTEGER) for op, function in BITS.items()),
)

"""Reductions over any axes, by table; none of the axes means that nothing is reduced."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.attributes import axes_in, flag, integers
from accelsim.ops.nests import FEATURES, FLAT, ROWS, read, write
from accelsim.ops.operands import ANY, NUMBER, REAL, Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

Reduce = Callable[[Array, tuple[int, ...]], Array]
"""(x, axes) -> the reduced array, with the reduced axes kept at size one."""


def _sum(x: Array, axes: tuple[int, ...]) -> Array:
    return np.asarray(x.sum(axis=axes, keepdims=True, dtype=x.dtype))


def _root_of_squares(x: Array, axes: tuple[int, ...]) -> Array:
    return np.sqrt(_sum(x * x, axes)).astype(x.dtype)


def _log_sum_exp(x: Array, axes: tuple[int, ...]) -> Array:
    """The largest value is taken out first, so that no finite x overflows; that of nothing is -inf."""
    highest = x.max(axis=axes, keepdims=True, initial=-np.inf)
    finite = np.where(np.isfinite(highest), highest, np.zeros((), x.dtype))
    return np.asarray(np.log(_sum(np.exp(x - finite), axes)) + finite)


def _bounds(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """What no value of the format lies below, and above: the maximum and the minimum of nothing."""
    if dtype.kind == "b":
        return False, True
    return (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)


def _max(x: Array, axes: tuple[int, ...]) -> Array:
    return np.asarray(x.max(axis=axes, keepdims=True, initial=_bounds(x.dtype)[0]))


def _min(x: Array, axes: tuple[int, ...]) -> Array:
    return np.asarray(x.min(axis=axes, keepdims=True, initial=_bounds(x.dtype)[1]))


def _spec(op: str, function: str, reduce: Reduce, *, kinds: frozenset[str] = NUMBER) -> OpSpec:
    """`function` is what its loop nest applies to each element."""

    def infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
        x = Operands(op, ("x",), types).get(0, kinds=kinds)
        return (Tensor(_reduced(op, x.shape, attrs), x.dtype),)

    def reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
        x = required(arrays, 0)
        axes = axes_in(op, integers(op, attrs, "axes"), x.ndim)
        with np.errstate(all="ignore"):
            return (np.asarray(reduce(x, axes), x.dtype).reshape(_reduced(op, x.shape, attrs)),)

    def work(node: WorkInput) -> tuple[LoopNest, ...]:
        x, y = node.tensor(0), node.outputs[0]
        dims = (Dim(ROWS, y.elements, Axis.ROW), Dim(FEATURES, x.elements // max(y.elements, 1), Axis.REDUCE))
        return (LoopNest("main", function, dims, (read(node, 0, "x", FLAT), write(node, 0, "y", (ROWS,)))),)

    return OpSpec(op, ("x",), ("y",), infer, reference, work, attrs={"axes": REQUIRED, "keepdims": False})


def _reduced(op: str, shape: tuple[int, ...], attrs: Attrs) -> tuple[int, ...]:
    axes, keep = axes_in(op, integers(op, attrs, "axes"), len(shape)), flag(op, attrs, "keepdims")
    sized = ((axis, 1 if axis in axes else size) for axis, size in enumerate(shape))
    return tuple(size for axis, size in sized if keep or axis not in axes)


def _mean(x: Array, axes: tuple[int, ...]) -> Array:
    return np.asarray(_sum(x, axes) / x.dtype.type(math.prod(x.shape[axis] for axis in axes)))


REDUCTIONS = (
    _spec("reduce_sum", "add", _sum),
    _spec("reduce_mean", "add", _mean, kinds=REAL),
    _spec("reduce_max", "compare", _max, kinds=ANY),
    _spec("reduce_min", "compare", _min, kinds=ANY),
    _spec("reduce_prod", "mul", lambda x, a: x.prod(axis=a, keepdims=True, dtype=x.dtype)),
    _spec("reduce_l1", "add", lambda x, a: _sum(np.abs(x), a)),
    _spec("reduce_l2", "mac_stat", _root_of_squares),
    _spec("reduce_sum_square", "mac_stat", lambda x, a: _sum(x * x, a)),
    _spec("reduce_log_sum", "add", lambda x, a: np.log(_sum(x, a)), kinds=REAL),
    _spec("reduce_log_sum_exp", "exp", _log_sum_exp, kinds=REAL),
)

"""where, clip, prelu, cast, trilu: elements chosen, bounded or given another format."""

from __future__ import annotations

import numpy as np

from accelsim.ir.dtype import DType
from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import choice, flag, integer, real
from accelsim.ops.nests import broadcast, pointwise
from accelsim.ops.operands import ANY, BOOL, NUMBER, Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_WHERE = ("condition", "a", "b")
_PRELU = ("x", "slope")
CAST_TYPES = (
    *("bool", "bfloat16", "float16", "float32", "float64"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)


def _infer_where(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("where", _WHERE, types)
    condition, a, b = operands.get(0, kinds=BOOL), operands.get(1, kinds=ANY), operands.get(2, kinds=ANY)
    operands.same_dtype(1, 2)
    try:
        shape = np.broadcast_shapes(condition.shape, a.shape, b.shape)
    except ValueError:
        operands.fail(f"{operands.show(0)}, {operands.show(1)} and {operands.show(2)} do not broadcast")
    return (Tensor(shape, a.dtype),)


def _where(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (np.where(required(arrays, 0), required(arrays, 1), required(arrays, 2)),)


def _bound(attrs: Attrs, key: str) -> float | None:
    return None if attrs[key] is None else real("clip", attrs, key)


def _infer_clip(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    for key in ("low", "high"):
        _bound(attrs, key)
    x = Operands("clip", ("x",), types).get(0, kinds=NUMBER)
    return (Tensor(x.shape, x.dtype),)


def _clip(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """max(x, low), then min(that, high): where low > high the result is high. A bound is rounded to the format of x."""
    x = required(arrays, 0)
    low, high = _bound(attrs, "low"), _bound(attrs, "high")
    raised = x if low is None else np.maximum(x, np.asarray(low).astype(x.dtype))
    return (np.array(raised if high is None else np.minimum(raised, np.asarray(high).astype(x.dtype))),)


def _infer_prelu(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("prelu", _PRELU, types)
    x, slope = operands.get(0, kinds=NUMBER), operands.get(1, kinds=NUMBER)
    operands.same_dtype(0, 1)
    padded = (1,) * (len(x.shape) - len(slope.shape)) + slope.shape
    if len(padded) != len(x.shape) or any(s not in (1, n) for s, n in zip(padded, x.shape, strict=True)):
        operands.fail(f"{operands.show(1)} does not broadcast to {operands.show(0)}")
    return (Tensor(x.shape, x.dtype),)


def _prelu(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, slope = required(arrays, 0), required(arrays, 1)
    return (np.where(x < 0, slope * x, x),)


def _infer_cast(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    dtype = choice("cast", attrs, "dtype", CAST_TYPES)
    x = Operands("cast", ("x",), types).get(0, kinds=ANY)
    return (Tensor(x.shape, DType.parse(dtype)),)


def _cast(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """Reals become integers by cutting towards zero; anything but zero is true."""
    x, dtype = required(arrays, 0), choice("cast", attrs, "dtype", CAST_TYPES)
    with np.errstate(all="ignore"):
        return (to_bfloat16(x) if dtype == "bfloat16" else x.astype(dtype),)


def to_bfloat16(x: Array) -> Array:
    """The nearest values that bfloat16 has, ties to even, held in float32: its upper 16 bits."""
    wide = x.astype(np.float32)
    bits = wide.view(np.uint32)
    nearest = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.where(np.isfinite(wide), nearest.view(np.float32), wide)


def _infer_trilu(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    flag("trilu", attrs, "upper")
    integer("trilu", attrs, "diagonal")
    x = Operands("trilu", ("x",), types).get(0, min_rank=2, kinds=ANY)
    return (Tensor(x.shape, x.dtype),)


def _trilu(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """The part of each matrix on and above (or below) a diagonal; zeros elsewhere."""
    half = np.triu if flag("trilu", attrs, "upper") else np.tril
    x, diagonal = required(arrays, 0), integer("trilu", attrs, "diagonal")
    kept = half(np.ones(x.shape[-2:], np.bool_), diagonal)
    return (np.where(kept, x, np.zeros((), x.dtype)),)


def _where_work(node: WorkInput) -> tuple[LoopNest, ...]:
    return broadcast(node, "where", _WHERE)


def _prelu_work(node: WorkInput) -> tuple[LoopNest, ...]:
    return broadcast(node, "prelu", _PRELU)


def _pointwise_work(node: WorkInput) -> tuple[LoopNest, ...]:
    return pointwise(node, node.node.op)


WHERE = OpSpec("where", _WHERE, ("y",), _infer_where, _where, _where_work)
CLIP = OpSpec("clip", ("x",), ("y",), _infer_clip, _clip, _pointwise_work, attrs={"low": None, "high": None})
PRELU = OpSpec("prelu", _PRELU, ("y",), _infer_prelu, _prelu, _prelu_work)
CAST = OpSpec("cast", ("x",), ("y",), _infer_cast, _cast, _pointwise_work, attrs={"dtype": REQUIRED})
TRILU = OpSpec("trilu", ("x",), ("y",), _infer_trilu, _trilu, _pointwise_work, attrs={"upper": REQUIRED, "diagonal": 0})

"""reshape, transpose, concat, expand, slice: ops that rename or move elements and compute nothing."""

from __future__ import annotations

import math

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import axes_in, axis_in, integer, integers
from accelsim.ops.nests import FLAT, flat_dims, read, write
from accelsim.ops.operands import ANY, Operands, required, sizes
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput


def _infer_reshape(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    shape = integers("reshape", attrs, "shape", least=-1)
    operands = Operands("reshape", ("x",), types)
    x = operands.get(0, kinds=ANY)
    known = math.prod(size for size in shape if size != -1)
    if shape.count(-1) == 1 and known and x.elements % known == 0:
        shape = tuple(x.elements // known if size == -1 else size for size in shape)
    if -1 in shape or math.prod(shape) != x.elements:
        operands.fail(f"{operands.show(0)} has {x.elements} elements and cannot take shape {sizes(shape)}")
    return (Tensor(shape, x.dtype),)


def _reshape(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (required(arrays, 0).reshape(integers("reshape", attrs, "shape")),)


def _infer_transpose(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("transpose", ("x",), types)
    x = operands.get(0, kinds=ANY)
    perm = integers("transpose", attrs, "perm")
    if sorted(perm) != list(range(len(x.shape))):
        operands.fail(f"perm {perm} is not an order of the {len(x.shape)} dimensions of {operands.show(0)}")
    return (Tensor(tuple(x.shape[axis] for axis in perm), x.dtype),)


def _transpose(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (required(arrays, 0).transpose(integers("transpose", attrs, "perm")),)


def _infer_concat(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("concat", ("xs*",), types)
    first = operands.get(0, min_rank=1, kinds=ANY)
    axis = axis_in("concat", integer("concat", attrs, "axis"), len(first.shape))
    operands.same_dtype(*range(len(types)))
    total = 0
    for index in range(len(types)):
        x = operands.get(index, rank=len(first.shape), kinds=ANY)
        total += x.shape[axis]
        for other in range(len(first.shape)):
            if other != axis:
                operands.fit(index, other, first.shape[other], f"as {operands.show(0)}, joined along axis {axis}")
    return (Tensor((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype),)


def _concat(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    parts = [required(arrays, i) for i in range(len(arrays))]
    return (np.concatenate(parts, axis=integer("concat", attrs, "axis")),)


def _infer_expand(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    shape = integers("expand", attrs, "shape", least=0)
    operands = Operands("expand", ("x",), types)
    x = operands.get(0, kinds=ANY)
    tail = shape[len(shape) - len(x.shape) :]
    if len(shape) < len(x.shape) or any(old not in (1, new) for old, new in zip(x.shape, tail, strict=True)):
        operands.fail(f"{operands.show(0)} cannot be repeated to {sizes(shape)}")
    return (Tensor(shape, x.dtype),)


def _expand(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (np.broadcast_to(required(arrays, 0), integers("expand", attrs, "shape")).copy(),)


def _cuts(shape: tuple[int, ...], attrs: Attrs) -> tuple[slice, ...]:
    """One slice a dimension. Starts and ends are Python's: negative ones count from the end."""
    axes = axes_in("slice", integers("slice", attrs, "axes"), len(shape))
    starts = integers("slice", attrs, "starts", count=len(axes))
    ends = integers("slice", attrs, "ends", count=len(axes))
    steps = integers("slice", attrs, "steps", count=len(axes), least=1)
    cuts = [slice(None)] * len(shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cuts[axis] = slice(start, end, step)
    return tuple(cuts)


def _infer_slice(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    x = Operands("slice", ("x",), types).get(0, kinds=ANY)
    cuts = _cuts(x.shape, attrs)
    return (Tensor(tuple(len(range(n)[cut]) for n, cut in zip(x.shape, cuts, strict=True)), x.dtype),)


def _slice(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x = required(arrays, 0)
    return (x[_cuts(x.shape, attrs)],)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """Every element of the result is moved once; whether that is free is for the hardware to say."""
    y = node.outputs[0]
    role = "xs" if node.node.op == "concat" else "x"
    sources = tuple(
        read(node, i, role, FLAT, elements=min(node.tensor(i).elements, y.elements)) for i in range(len(node.inputs))
    )
    return (LoopNest("main", "copy", flat_dims(y), (*sources, write(node, 0, "y", FLAT))),)


RESHAPE = OpSpec("reshape", ("x",), ("y",), _infer_reshape, _reshape, _work, attrs={"shape": REQUIRED}, layout=True)
TRANSPOSE = OpSpec(
    "transpose", ("x",), ("y",), _infer_transpose, _transpose, _work, attrs={"perm": REQUIRED}, layout=True
)
CONCAT = OpSpec("concat", ("xs*",), ("y",), _infer_concat, _concat, _work, attrs={"axis": REQUIRED}, layout=True)
EXPAND = OpSpec("expand", ("x",), ("y",), _infer_expand, _expand, _work, attrs={"shape": REQUIRED}, layout=True)
SLICE = OpSpec(
    "slice",
    ("x",),
    ("y",),
    _infer_slice,
    _slice,
    _work,
    attrs={"starts": REQUIRED, "ends": REQUIRED, "axes": REQUIRED, "steps": REQUIRED},
    layout=True,
)

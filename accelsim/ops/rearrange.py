"""tile, reverse, split, depth_to_space, space_to_depth: elements moved, and nothing computed."""

from __future__ import annotations

import itertools

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import axes_in, axis_in, choice, integer, integers
from accelsim.ops.nests import FEATURES, FLAT, ROWS, flat_dims, read, write
from accelsim.ops.operands import ANY, Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

# Which of [N, ...] after the channels are split into (block, block, rest) or (rest, block, block), and how they are
# put in order [N, rest, H, block, W, block].
_DEPTH_ORDERS = {"DCR": (0, 3, 4, 1, 5, 2), "CRD": (0, 1, 4, 2, 5, 3)}


def _infer_tile(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    x = Operands("tile", ("x",), types).get(0, kinds=ANY)
    repeats = integers("tile", attrs, "repeats", count=len(x.shape), least=0)
    return (Tensor(tuple(n * times for n, times in zip(x.shape, repeats, strict=True)), x.dtype),)


def _tile(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (np.tile(required(arrays, 0), integers("tile", attrs, "repeats")),)


def _infer_reverse(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    x = Operands("reverse", ("x",), types).get(0, kinds=ANY)
    axes_in("reverse", integers("reverse", attrs, "axes"), len(x.shape))
    return (Tensor(x.shape, x.dtype),)


def _reverse(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (np.flip(required(arrays, 0), integers("reverse", attrs, "axes")),)


def _infer_split(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("split", ("x",), types)
    x = operands.get(0, min_rank=1, kinds=ANY)
    axis = axis_in("split", integer("split", attrs, "axis"), len(x.shape))
    parts = integers("split", attrs, "sizes", least=0)
    if sum(parts) != x.shape[axis] or not parts:
        operands.fail(f"sizes {parts} do not add up to the {x.shape[axis]} of {operands.show(0)} along axis {axis}")
    return tuple(Tensor((*x.shape[:axis], part, *x.shape[axis + 1 :]), x.dtype) for part in parts)


def _split(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    ends = list(itertools.accumulate(integers("split", attrs, "sizes")))
    return tuple(np.split(required(arrays, 0), ends[:-1], axis=integer("split", attrs, "axis")))


def _infer_depth_to_space(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    block = integer("depth_to_space", attrs, "block", least=1)
    choice("depth_to_space", attrs, "mode", _DEPTH_ORDERS)
    operands = Operands("depth_to_space", ("x",), types)
    x = operands.get(0, rank=4, kinds=ANY)
    n, c, h, w = x.shape
    if c % block**2:
        operands.fail(f"channels of {operands.show(0)} do not split into {block} x {block} blocks")
    return (Tensor((n, c // block**2, h * block, w * block), x.dtype),)


def _depth_to_space(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """DCR: the channel is (row in block, column in block, depth); CRD: (depth, row, column), as in pixel_shuffle."""
    x, block = required(arrays, 0), integer("depth_to_space", attrs, "block")
    mode = choice("depth_to_space", attrs, "mode", _DEPTH_ORDERS)
    n, c, h, w = x.shape
    depth = c // block**2
    split = (block, block, depth) if mode == "DCR" else (depth, block, block)
    moved = x.reshape(n, *split, h, w).transpose(_DEPTH_ORDERS[mode])
    return (moved.reshape(n, depth, h * block, w * block),)


def _infer_space_to_depth(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    block = integer("space_to_depth", attrs, "block", least=1)
    operands = Operands("space_to_depth", ("x",), types)
    x = operands.get(0, rank=4, kinds=ANY)
    n, c, h, w = x.shape
    if h % block or w % block:
        operands.fail(f"{operands.show(0)} does not split into {block} x {block} blocks")
    return (Tensor((n, c * block**2, h // block, w // block), x.dtype),)


def _space_to_depth(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """The channel becomes (row in block, column in block, depth): depth_to_space in mode DCR turns it back."""
    x, block = required(arrays, 0), integer("space_to_depth", attrs, "block")
    n, c, h, w = x.shape
    split = x.reshape(n, c, h // block, block, w // block, block).transpose(0, 3, 5, 1, 2, 4)
    return (split.reshape(n, c * block**2, h // block, w // block),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    x, y = node.tensor(0), node.outputs[0]
    source = read(node, 0, "x", FLAT, elements=min(x.elements, y.elements))
    return (LoopNest("main", "copy", flat_dims(y), (source, write(node, 0, "y", FLAT))),)


def _split_work(node: WorkInput) -> tuple[LoopNest, ...]:
    """One nest over x; each part is a window on its columns."""
    writes = tuple(write(node, i, "ys", (ROWS, FEATURES)) for i, part in enumerate(node.outputs) if part.elements)
    return (LoopNest("main", "copy", flat_dims(node.tensor(0)), (read(node, 0, "x", FLAT), *writes)),)


TILE = OpSpec("tile", ("x",), ("y",), _infer_tile, _tile, _work, attrs={"repeats": REQUIRED}, layout=True)
REVERSE = OpSpec("reverse", ("x",), ("y",), _infer_reverse, _reverse, _work, attrs={"axes": REQUIRED}, layout=True)
SPLIT = OpSpec(
    "split",
    ("x",),
    ("ys*",),
    _infer_split,
    _split,
    _split_work,
    attrs={"axis": REQUIRED, "sizes": REQUIRED},
    layout=True,
)
DEPTH_TO_SPACE = OpSpec(
    "depth_to_space",
    ("x",),
    ("y",),
    _infer_depth_to_space,
    _depth_to_space,
    _work,
    attrs={"block": REQUIRED, "mode": "DCR"},
    layout=True,
)
SPACE_TO_DEPTH = OpSpec(
    "space_to_depth",
    ("x",),
    ("y",),
    _infer_space_to_depth,
    _space_to_depth,
    _work,
    attrs={"block": REQUIRED},
    layout=True,
)

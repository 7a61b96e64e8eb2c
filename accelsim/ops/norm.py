"""layer_norm and batch_norm (with its running statistics, as inference has it)."""

from __future__ import annotations

import math

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.attributes import integer, real
from accelsim.ops.nests import FEATURES, FLAT, NORM_PARTS, ROWS, normalisation, read, write
from accelsim.ops.operands import Operands, optional, required, sizes
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_LAYER = ("x", "w?", "b?")
_BATCH = ("x", "w", "b", "mean", "var")


def _infer_layer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    axes = integer("layer_norm", attrs, "axes", least=1)
    real("layer_norm", attrs, "epsilon")
    operands = Operands("layer_norm", _LAYER, types)
    x = operands.get(0, min_rank=axes)
    operands.same_dtype(0, 1, 2)
    wanted = x.shape[len(x.shape) - axes :]
    for index in (1, 2):
        scale = operands.maybe(index)
        if scale is not None and scale.shape != wanted:
            operands.fail(f"{operands.show(index)} needs {sizes(wanted)}, the last {axes} sizes of {operands.show(0)}")
    return (Tensor(x.shape, x.dtype),)


def _layer_norm(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, w, b = required(arrays, 0), optional(arrays, 1), optional(arrays, 2)
    axes = tuple(range(-integer("layer_norm", attrs, "axes"), 0))
    centred = x - x.mean(axis=axes, keepdims=True)
    variance = (centred * centred).mean(axis=axes, keepdims=True)
    y = centred / np.sqrt(variance + x.dtype.type(real("layer_norm", attrs, "epsilon")))
    if w is not None:
        y = y * w
    return (y if b is None else y + b,)


def _layer_work(node: WorkInput) -> tuple[LoopNest, ...]:
    shape = node.tensor(0).shape
    rows = math.prod(shape[: len(shape) - integer("layer_norm", node.node.attrs, "axes")])
    return normalisation(node, rows, ("w", "b"), (FEATURES,))


def _infer_batch(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    real("batch_norm", attrs, "epsilon")
    operands = Operands("batch_norm", _BATCH, types)
    x = operands.get(0, min_rank=2)
    operands.same_dtype(*range(5))
    for index in range(1, 5):
        operands.get(index, rank=1)
        operands.fit(index, 0, x.shape[1], f"the channels of {operands.show(0)}")
    return (Tensor(x.shape, x.dtype),)


def _batch_norm(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x = required(arrays, 0)
    along_channels = (-1, *(1,) * (x.ndim - 2))
    w, b, mean, var = (required(arrays, i).reshape(along_channels) for i in range(1, 5))
    return ((x - mean) / np.sqrt(var + x.dtype.type(real("batch_norm", attrs, "epsilon"))) * w + b,)


def _batch_work(node: WorkInput) -> tuple[LoopNest, ...]:
    """One multiply-add an element: the four constants of a channel fold into two."""
    x = node.tensor(0)
    dims = (Dim(ROWS, x.elements // max(x.shape[1], 1), Axis.ROW), Dim(FEATURES, x.shape[1], Axis.OUTPUT))
    constants = tuple(read(node, i, role, (FEATURES,)) for i, role in enumerate(_BATCH) if i)
    return (LoopNest("main", "scale", dims, (read(node, 0, "x", FLAT), *constants, write(node, 0, "y", FLAT))),)


LAYER_NORM = OpSpec(
    "layer_norm",
    _LAYER,
    ("y",),
    _infer_layer,
    _layer_norm,
    _layer_work,
    attrs={"axes": 1, "epsilon": 1e-5},
    parts=NORM_PARTS,
)
BATCH_NORM = OpSpec("batch_norm", _BATCH, ("y",), _infer_batch, _batch_norm, _batch_work, attrs={"epsilon": 1e-5})

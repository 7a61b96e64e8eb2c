"""group_norm and instance_norm, rms_norm, local_response_norm."""

from __future__ import annotations

import math

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.attributes import integer, real
from accelsim.ops.nests import FEATURES, FLAT, NORM_PARTS, ROWS, normalisation, read, write
from accelsim.ops.operands import Operands, optional, required, sizes
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_SCALED = ("x", "w?", "b?")
_RMS = ("x", "w?")


def _infer_groups(op: str, types: MaybeTensors, attrs: Attrs) -> tuple[Operands, Tensor]:
    real(op, attrs, "epsilon")
    operands = Operands(op, _SCALED, types)
    x = operands.get(0, min_rank=2)
    operands.same_dtype(0, 1, 2)
    for index in (1, 2):
        operands.maybe(index, rank=1)
        operands.fit(index, 0, x.shape[1], f"the channels of {operands.show(0)}")
    return operands, Tensor(x.shape, x.dtype)


def _infer_group(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    groups = integer("group_norm", attrs, "groups", least=1)
    operands, y = _infer_groups("group_norm", types, attrs)
    if y.shape[1] % groups:
        operands.fail(f"channels of {operands.show(0)} do not split into {groups} groups")
    return (y,)


def _infer_instance(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    return (_infer_groups("instance_norm", types, attrs)[1],)


def _normalised(arrays: MaybeArrays, groups: int, epsilon: float) -> tuple[Array, ...]:
    """Each group of channels of each image to mean 0 and variance 1, then a scale and a shift a channel."""
    x, w, b = required(arrays, 0), optional(arrays, 1), optional(arrays, 2)
    rows = x.reshape(x.shape[0], groups, -1)
    centred = rows - rows.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    y = (centred / np.sqrt(variance + x.dtype.type(epsilon))).reshape(x.shape)
    along_channels = (-1, *(1,) * (x.ndim - 2))
    if w is not None:
        y = y * w.reshape(along_channels)
    return (y if b is None else y + b.reshape(along_channels),)


def _group_norm(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return _normalised(arrays, integer("group_norm", attrs, "groups"), real("group_norm", attrs, "epsilon"))


def _instance_norm(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return _normalised(arrays, required(arrays, 0).shape[1], real("instance_norm", attrs, "epsilon"))


def _group_work(node: WorkInput) -> tuple[LoopNest, ...]:
    groups = integer("group_norm", node.node.attrs, "groups")
    return normalisation(node, node.tensor(0).shape[0] * groups, ("w", "b"), FLAT)


def _instance_work(node: WorkInput) -> tuple[LoopNest, ...]:
    return normalisation(node, math.prod(node.tensor(0).shape[:2]), ("w", "b"), FLAT)


def _infer_rms(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    axes = integer("rms_norm", attrs, "axes", least=1)
    real("rms_norm", attrs, "epsilon")
    operands = Operands("rms_norm", _RMS, types)
    x = operands.get(0, min_rank=axes)
    operands.same_dtype(0, 1)
    wanted = x.shape[len(x.shape) - axes :]
    scale = operands.maybe(1)
    if scale is not None and scale.shape != wanted:
        operands.fail(f"{operands.show(1)} needs {sizes(wanted)}, the last {axes} sizes of {operands.show(0)}")
    return (Tensor(x.shape, x.dtype),)


def _rms_norm(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """x / sqrt(mean of x^2 + epsilon) over the last axes (arXiv 1910.07467)."""
    x, w = required(arrays, 0), optional(arrays, 1)
    axes = tuple(range(-integer("rms_norm", attrs, "axes"), 0))
    mean = (x * x).mean(axis=axes, keepdims=True)
    y = x / np.sqrt(mean + x.dtype.type(real("rms_norm", attrs, "epsilon")))
    return (y if w is None else y * w,)


def _rms_work(node: WorkInput) -> tuple[LoopNest, ...]:
    shape = node.tensor(0).shape
    rows = math.prod(shape[: len(shape) - integer("rms_norm", node.node.attrs, "axes")])
    return normalisation(node, rows, ("w",), (FEATURES,))


def _infer_response(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    integer("local_response_norm", attrs, "size", least=1)
    for key in ("alpha", "beta", "bias"):
        real("local_response_norm", attrs, key)
    x = Operands("local_response_norm", ("x",), types).get(0, min_rank=2)
    return (Tensor(x.shape, x.dtype),)


def _neighbours(size: int) -> tuple[int, int]:
    """How many channels before and after a channel its window of `size` channels takes in."""
    return (size - 1) // 2, size // 2


def _response(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """x / (bias + alpha/size * the sum of x^2 over neighbouring channels)^beta."""
    x, size = required(arrays, 0), integer("local_response_norm", attrs, "size")
    alpha, beta, bias = (x.dtype.type(real("local_response_norm", attrs, k)) for k in ("alpha", "beta", "bias"))
    before, after = _neighbours(size)
    squares = x * x
    total = np.zeros_like(x)
    channels = x.shape[1]
    for c in range(channels):
        total[:, c] = squares[:, max(c - before, 0) : min(c + after, channels - 1) + 1].sum(axis=1)
    return (x / (bias + alpha / x.dtype.type(size) * total) ** beta,)


def _response_work(node: WorkInput) -> tuple[LoopNest, ...]:
    """Squares under a window of channels, then one power and one product an element."""
    x = node.tensor(0)
    rows = Dim(ROWS, x.elements // max(x.shape[1], 1), Axis.ROW)
    channels = Dim(FEATURES, x.shape[1], Axis.OUTPUT)
    window = Dim("window", integer("local_response_norm", node.node.attrs, "size"), Axis.REDUCE)
    return (
        LoopNest("squares", "mac_stat", (rows, channels, window), (read(node, 0, "x", FLAT),)),
        LoopNest("power", "pow", (rows, channels), (), after=("squares",)),
        LoopNest("normalise", "scale", (rows, channels), (write(node, 0, "y", FLAT),), after=("power",)),
    )


GROUP_NORM = OpSpec(
    "group_norm",
    _SCALED,
    ("y",),
    _infer_group,
    _group_norm,
    _group_work,
    attrs={"groups": REQUIRED, "epsilon": 1e-5},
    parts=NORM_PARTS,
)
INSTANCE_NORM = OpSpec(
    "instance_norm",
    _SCALED,
    ("y",),
    _infer_instance,
    _instance_norm,
    _instance_work,
    attrs={"epsilon": 1e-5},
    parts=NORM_PARTS,
)
RMS_NORM = OpSpec(
    "rms_norm",
    _RMS,
    ("y",),
    _infer_rms,
    _rms_norm,
    _rms_work,
    attrs={"axes": 1, "epsilon": 1e-5},
    parts=NORM_PARTS,
)
LOCAL_RESPONSE_NORM = OpSpec(
    "local_response_norm",
    ("x",),
    ("y",),
    _infer_response,
    _response,
    _response_work,
    attrs={"size": REQUIRED, "alpha": 1e-4, "beta": 0.75, "bias": 1.0},
    parts=("squares", "power", "normalise"),
)

"""conv_transpose2d: each pixel spreads a kernel over the output (the gradient of conv2d with respect to its image)."""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Access, Axis, Dim, LoopNest
from accelsim.ops.attributes import integer, integers
from accelsim.ops.nests import present, read, write
from accelsim.ops.operands import Operands, optional, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_INPUTS = ("x", "w", "b?")


def _full_size(size: int, kernel: int, stride: int, dilation: int) -> int:
    """What the kernels cover before the padding is cut off."""
    return (size - 1) * stride + dilation * (kernel - 1) + 1


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    stride = integers("conv_transpose2d", attrs, "stride", count=2, least=1)
    dilation = integers("conv_transpose2d", attrs, "dilation", count=2, least=1)
    padding = integers("conv_transpose2d", attrs, "padding", count=4, least=0)
    extra = integers("conv_transpose2d", attrs, "output_padding", count=2, least=0)
    groups = integer("conv_transpose2d", attrs, "groups", least=1)
    operands = Operands("conv_transpose2d", _INPUTS, types)
    x, w = operands.get(0, rank=4), operands.get(1, rank=4)
    operands.maybe(2, rank=1)
    operands.same_dtype(0, 1, 2)
    if x.shape[1] % groups:
        operands.fail(f"channels of {operands.show(0)} do not split into {groups} groups")
    operands.fit(1, 0, x.shape[1], f"the channels of {operands.show(0)}")
    operands.fit(2, 0, w.shape[1] * groups, f"the output channels of {operands.show(1)} in {groups} groups")
    sizes = tuple(
        _full_size(x.shape[2 + i], w.shape[2 + i], stride[i], dilation[i]) - padding[i] - padding[2 + i] + extra[i]
        for i in (0, 1)
    )
    if min(sizes) < 1 or min(x.shape[2:]) < 1:
        operands.fail(f"padding {padding} leaves nothing of {operands.show(0)} spread by {operands.show(1)}")
    return (Tensor((x.shape[0], w.shape[1] * groups, *sizes), x.dtype),)


def _conv_transpose2d(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """For each kernel position (weights there)^T @ image, added where that position of each pixel falls."""
    x, w, b = required(arrays, 0), required(arrays, 1), optional(arrays, 2)
    stride = integers("conv_transpose2d", attrs, "stride")
    dilation = integers("conv_transpose2d", attrs, "dilation")
    top, left, bottom, right = integers("conv_transpose2d", attrs, "padding")
    extra = integers("conv_transpose2d", attrs, "output_padding")
    groups = integer("conv_transpose2d", attrs, "groups")
    batch, channels, height, width = x.shape
    _, outputs, kernel_height, kernel_width = w.shape

    full_height = _full_size(height, kernel_height, stride[0], dilation[0])
    full_width = _full_size(width, kernel_width, stride[1], dilation[1])
    spread = np.zeros((batch, groups, outputs, full_height + extra[0], full_width + extra[1]), x.dtype)
    image = x.reshape(batch, groups, channels // groups, height * width)
    kernels = w.reshape(groups, channels // groups, outputs, kernel_height, kernel_width)
    for i in range(kernel_height):
        for j in range(kernel_width):
            part = kernels[..., i, j].swapaxes(-1, -2) @ image
            rows = slice(i * dilation[0], i * dilation[0] + (height - 1) * stride[0] + 1, stride[0])
            columns = slice(j * dilation[1], j * dilation[1] + (width - 1) * stride[1] + 1, stride[1])
            spread[..., rows, columns] += part.reshape(batch, groups, outputs, height, width)
    y = spread.reshape(batch, groups * outputs, *spread.shape[3:])
    y = y[:, :, top : y.shape[2] - bottom, left : y.shape[3] - right].copy()
    return (y if b is None else y + b[:, None, None],)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """A product for each pixel and kernel position, also where the padding cuts its place in the output off."""
    x, w, y = node.tensor(0), node.tensor(1), node.outputs[0]
    groups = integer("conv_transpose2d", node.node.attrs, "groups")
    dims = (
        Dim("batch", x.shape[0], Axis.BATCH),
        Dim("group", groups, Axis.BATCH),
        Dim("ih", x.shape[2], Axis.ROW),
        Dim("iw", x.shape[3], Axis.ROW),
        Dim("oc", w.shape[1], Axis.OUTPUT),
        Dim("kh", w.shape[2], Axis.OUTPUT),
        Dim("kw", w.shape[3], Axis.OUTPUT),
        Dim("ic", x.shape[1] // groups, Axis.REDUCE),
    )
    operands = [
        read(node, 0, "x", ("batch", "group", "ih", "iw", "ic")),
        read(node, 1, "w", ("group", "ic", "oc", "kh", "kw")),
    ]
    if present(node, 2):
        operands.append(read(node, 2, "b", ("group", "oc")))
    image = ("batch", "group", "ih", "iw", "oc", "kh", "kw")
    operands.append(write(node, 0, "y", image, access=Access.ACCUMULATE, elements=y.elements))
    return (LoopNest("main", "mac", dims, tuple(operands)),)


CONV_TRANSPOSE2D = OpSpec(
    "conv_transpose2d",
    _INPUTS,
    ("y",),
    _infer,
    _conv_transpose2d,
    _work,
    attrs={
        "stride": (1, 1),
        "padding": (0, 0, 0, 0),
        "dilation": (1, 1),
        "groups": 1,
        "output_padding": (0, 0),
    },
)

"""conv2d: cross-correlation over images, with groups, strides and dilation."""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.attributes import integer, integers
from accelsim.ops.nests import present, read, write
from accelsim.ops.operands import Operands, optional, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_INPUTS = ("x", "w", "b?")


def _output_size(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    stride = integers("conv2d", attrs, "stride", count=2, least=1)
    dilation = integers("conv2d", attrs, "dilation", count=2, least=1)
    top, left, bottom, right = integers("conv2d", attrs, "padding", count=4, least=0)
    groups = integer("conv2d", attrs, "groups", least=1)
    operands = Operands("conv2d", _INPUTS, types)
    x, w = operands.get(0, rank=4), operands.get(1, rank=4)
    operands.maybe(2, rank=1)
    operands.same_dtype(0, 1, 2)
    if x.shape[1] % groups or w.shape[0] % groups:
        operands.fail(f"channels of {operands.show(0)} and {operands.show(1)} do not split into {groups} groups")
    operands.fit(1, 1, x.shape[1] // groups, f"the channels of {operands.show(0)} in {groups} groups")
    operands.fit(2, 0, w.shape[0], f"the output channels of {operands.show(1)}")
    height = _output_size(x.shape[2], w.shape[2], stride[0], dilation[0], top + bottom)
    width = _output_size(x.shape[3], w.shape[3], stride[1], dilation[1], left + right)
    if height < 1 or width < 1:
        operands.fail(f"{operands.show(1)} is larger than {operands.show(0)} with its padding")
    return (Tensor((x.shape[0], w.shape[0], height, width), x.dtype),)


def _conv2d(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """The sum over kernel positions of (weights at that position) @ (the image shifted to it)."""
    x, w, b = required(arrays, 0), required(arrays, 1), optional(arrays, 2)
    stride = integers("conv2d", attrs, "stride")
    dilation = integers("conv2d", attrs, "dilation")
    top, left, bottom, right = integers("conv2d", attrs, "padding")
    groups = integer("conv2d", attrs, "groups")
    batch, channels = x.shape[:2]
    outputs, _, kernel_height, kernel_width = w.shape
    height = _output_size(x.shape[2], kernel_height, stride[0], dilation[0], top + bottom)
    width = _output_size(x.shape[3], kernel_width, stride[1], dilation[1], left + right)

    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    kernels = w.reshape(groups, outputs // groups, channels // groups, kernel_height, kernel_width)
    y = np.zeros((batch, groups, outputs // groups, height * width), x.dtype)
    for i in range(kernel_height):
        for j in range(kernel_width):
            first_row, first_column = i * dilation[0], j * dilation[1]
            shifted = padded[
                :,
                :,
                first_row : first_row + (height - 1) * stride[0] + 1 : stride[0],
                first_column : first_column + (width - 1) * stride[1] + 1 : stride[1],
            ]
            y += kernels[..., i, j] @ shifted.reshape(batch, groups, channels // groups, height * width)
    y = y.reshape(batch, outputs, height, width)
    return (y if b is None else y + b[:, None, None],)


def _touched(x: Tensor, w: Tensor, y: Tensor, attrs: Attrs) -> int:
    """Elements of x that the kernel meets: strides can skip some, padding adds none."""
    count = x.shape[0] * x.shape[1]
    before = integers("conv2d", attrs, "padding")
    stride, dilation = integers("conv2d", attrs, "stride"), integers("conv2d", attrs, "dilation")
    for axis in (0, 1):
        met = {
            output * stride[axis] + position * dilation[axis] - before[axis]
            for output in range(y.shape[2 + axis])
            for position in range(w.shape[2 + axis])
        }
        count *= sum(1 for point in met if 0 <= point < x.shape[2 + axis])
    return count


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    attrs = node.node.attrs
    x, w, y = node.tensor(0), node.tensor(1), node.outputs[0]
    groups = integer("conv2d", attrs, "groups")
    dims = (
        Dim("batch", x.shape[0], Axis.BATCH),
        Dim("group", groups, Axis.BATCH),
        Dim("oh", y.shape[2], Axis.ROW),
        Dim("ow", y.shape[3], Axis.ROW),
        Dim("oc", w.shape[0] // groups, Axis.OUTPUT),
        Dim("ic", w.shape[1], Axis.REDUCE),
        Dim("kh", w.shape[2], Axis.REDUCE),
        Dim("kw", w.shape[3], Axis.REDUCE),
    )
    image = ("batch", "group", "oh", "ow", "ic", "kh", "kw")
    operands = [
        read(node, 0, "x", image, elements=_touched(x, w, y, attrs)),
        read(node, 1, "w", ("group", "oc", "ic", "kh", "kw")),
    ]
    if present(node, 2):
        operands.append(read(node, 2, "b", ("group", "oc")))
    operands.append(write(node, 0, "y", ("batch", "group", "oh", "ow", "oc")))
    return (LoopNest("main", "mac", dims, tuple(operands)),)


CONV2D = OpSpec(
    "conv2d",
    _INPUTS,
    ("y",),
    _infer,
    _conv2d,
    _work,
    attrs={"stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": 1},
)

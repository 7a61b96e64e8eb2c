"""conv2d: cross-correlation over images, with groups, strides and dilation."""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.conv_geometry import CONV_ATTRS, IMAGE_DIMS, KERNEL_DIMS, RESULT_DIMS, Geometry
from accelsim.ops.nests import present, read, write
from accelsim.ops.operands import Operands, optional, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_INPUTS = ("x", "w", "b?")


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    geometry = Geometry.of("conv2d", attrs)
    operands = Operands("conv2d", _INPUTS, types)
    operands.get(0, rank=4)
    w = operands.get(1, rank=4)
    operands.maybe(2, rank=1)
    operands.same_dtype(0, 1, 2)
    y = geometry.result(operands, 1, w.shape)
    operands.fit(2, 0, w.shape[0], f"the output channels of {operands.show(1)}")
    return (y,)


def convolve(x: Array, w: Array, geometry: Geometry) -> Array:
    """The sum over kernel positions of (weights at that position) @ (the image shifted to it).

    x [N, C, H, W] and w [O, C/groups, kh, kw] in one format -> [N, O, H', W'].
    """
    stride, dilation, groups = geometry.stride, geometry.dilation, geometry.groups
    top, left, bottom, right = geometry.padding
    batch, channels = x.shape[:2]
    outputs, _, kernel_height, kernel_width = w.shape
    height, width = geometry.size(x.shape[2:], w.shape[2:])

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
    return y.reshape(batch, outputs, height, width)


def _conv2d(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    y, b = convolve(required(arrays, 0), required(arrays, 1), Geometry.of("conv2d", attrs)), optional(arrays, 2)
    return (y if b is None else y + b[:, None, None],)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    geometry = Geometry.of("conv2d", node.node.attrs)
    x, w, y = node.tensor(0), node.tensor(1), node.outputs[0]
    operands = [
        read(node, 0, "x", IMAGE_DIMS, elements=geometry.touched(x, w.shape, y)),
        read(node, 1, "w", KERNEL_DIMS),
    ]
    if present(node, 2):
        operands.append(read(node, 2, "b", ("group", "oc")))
    operands.append(write(node, 0, "y", RESULT_DIMS))
    return (LoopNest("main", "mac", geometry.dims(w.shape, y), tuple(operands)),)


CONV2D = OpSpec("conv2d", _INPUTS, ("y",), _infer, _conv2d, _work, attrs=CONV_ATTRS)

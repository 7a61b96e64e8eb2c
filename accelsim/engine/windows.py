"""Kernels whose windows slide over planes one by one: depthwise convolution and pooling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from accelsim.engine.kernel import Array, Call, Kernel, Operands
from accelsim.engine.kernels.windows import depthwise, depthwise_padded, max_windows
from accelsim.engine.team import Team
from accelsim.ir import Tensor
from accelsim.ops.attributes import flag, integers
from accelsim.ops.pool import windows

Geometry = tuple[int, int, int, int, int, int]

OUTPUTS_APART = 1 << 16
"""Results of a piece, at least: handing one over takes about as long as some thousands of them."""


def _planes(array: Array) -> Array:
    """[N, C, H, W] as [N C, H, W]."""
    return array.reshape(-1, *array.shape[2:])


def _each(team: Team, planes: int, plane_size: int, work: Callable[[int, int, int], None]) -> None:
    """`work(first, end, worker)` for ranges of planes."""
    step = max(1, OUTPUTS_APART // max(plane_size, 1))
    team.each(-(-planes // step), lambda piece, worker: work(piece * step, min((piece + 1) * step, planes), worker))


def prepare_depthwise(operands: Operands) -> Kernel | None:
    """A conv2d whose groups are single channels."""
    attrs = operands.node.attrs
    outputs, group_channels = operands.shape(1)[:2]
    if not operands.all_float32 or group_channels != 1:
        return None
    top, left, _, _ = integers("conv2d", attrs, "padding")
    down, across = integers("conv2d", attrs, "stride", count=2)
    row_step, column_step = integers("conv2d", attrs, "dilation", count=2)
    geometry = (down, across, row_step, column_step, top, left)
    tall, wide = operands.shape(1)[2:]
    height, width = operands.outputs[0].shape[2:]
    zeros = np.zeros(outputs, np.float32)
    # With longer strides most of one long row would be left out again; only the unrolled kernel is worth padding for.
    flat = (down, across) == (1, 1) or (tall, wide) == (3, 3)
    padded_height = (height - 1) * down + (tall - 1) * row_step + 1
    padded = Tensor((padded_height * ((width - 1) * across + (wide - 1) * column_step + 1),))

    def run(call: Call) -> None:
        given = call.optional(2)
        weights, bias = call.input(1).reshape(outputs, *call.input(1).shape[2:]), zeros if given is None else given
        for image, result in zip(call.input(0), call.outputs[0], strict=True):

            def part(first: int, end: int, worker: int, image: Array = image, result: Array = result) -> None:
                if flat:
                    scratch = call.scratch[2 * worker : 2 * worker + 2]
                    depthwise_padded(image, weights, bias, geometry, first, end, *scratch, result)
                else:
                    depthwise(image, weights, bias, geometry, first, end, result)

            _each(operands.team, outputs, height * width, part)

    workers = min(operands.team.threads, outputs)
    return Kernel(run, packed=(zeros,), scratch=(padded, padded) * workers if flat else ())


def _geometry(operands: Operands) -> Geometry:
    rows, columns = windows(operands.node.op, operands.shape(0), operands.node.attrs)
    return (rows.stride, columns.stride, rows.dilation, columns.dilation, rows.before, columns.before)


def prepare_max_pool(operands: Operands) -> Kernel | None:
    if not operands.all_float32:
        return None
    geometry = _geometry(operands)
    height, width = integers("max_pool2d", operands.node.attrs, "kernel", count=2)
    size = operands.outputs[0].shape[2] * operands.outputs[0].shape[3]

    def run(call: Call) -> None:
        x, y = _planes(call.input(0)), _planes(call.outputs[0])
        _each(operands.team, len(y), size, lambda a, b, _: max_windows(x, height, width, geometry, a, b, y))

    return Kernel(run)


def prepare_avg_pool(operands: Operands) -> Kernel | None:
    """The sum under each window, then its share of the places that count."""
    if not operands.all_float32:
        return None
    attrs = operands.node.attrs
    geometry = _geometry(operands)
    rows, columns = windows("avg_pool2d", operands.shape(0), attrs)
    padding = flag("avg_pool2d", attrs, "count_include_pad")
    shares = (1 / np.outer(rows.covered(padding=padding), columns.covered(padding=padding))).astype(np.float32)
    planes = operands.outputs[0].shape[0] * operands.outputs[0].shape[1]
    ones = np.ones((planes, rows.kernel, columns.kernel), np.float32)
    zeros = np.zeros(planes, np.float32)

    def run(call: Call) -> None:
        x, y = _planes(call.input(0)), _planes(call.outputs[0])

        def part(first: int, end: int, worker: int) -> None:
            depthwise(x, ones, zeros, geometry, first, end, y)
            np.multiply(y[first:end], shares, out=y[first:end])

        _each(operands.team, planes, shares.size, part)

    return Kernel(run, packed=(shares, ones, zeros))

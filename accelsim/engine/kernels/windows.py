"""Windows that slide over single planes: depthwise convolution and pooling."""

from __future__ import annotations

import numpy as np
from numba import njit, types

_INPUT_1D = types.Array(types.float32, 1, "C", readonly=True)
_INPUT_3D = types.Array(types.float32, 3, "C", readonly=True)
_OUTPUT_3D = types.float32[:, :, ::1]
_GEOMETRY = types.UniTuple(types.int64, 6)

_LOWEST = np.float32(-np.inf)


@njit(inline="always")
def _inside(size, outputs, stride, offset):  # type: ignore[no-untyped-def]
    """The outputs [first, end) whose place i stride + offset lies in [0, size)."""
    first = 0 if offset >= 0 else (-offset + stride - 1) // stride
    end = (size - 1 - offset) // stride + 1 if size > offset else 0
    return min(first, outputs), max(min(end, outputs), min(first, outputs))


@njit(
    types.void(_INPUT_3D, _INPUT_3D, _INPUT_1D, _GEOMETRY, types.int64, types.int64, _OUTPUT_3D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "nsz"},
)
def depthwise(x, weights, bias, geometry, first, end, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Planes [first, end) of out: bias + the window's weights times the plane of x that the output belongs to.

    Output o belongs to plane o C / O of the C planes of x. `geometry` is (stride, dilation, corner), each down
    and across; places outside of the plane count as zero.
    """
    down, across, row_step, column_step, top, left = geometry
    outputs, height, width = out.shape
    share = outputs // x.shape[0]
    for o in range(first, end):
        c = o // share
        for i in range(height):
            for j in range(width):
                out[o, i, j] = bias[o]
            for kh in range(weights.shape[1]):
                row = i * down + kh * row_step - top
                if row < 0 or row >= x.shape[1]:
                    continue
                for kw in range(weights.shape[2]):
                    weight = weights[o, kh, kw]
                    offset = kw * column_step - left
                    start, stop = _inside(x.shape[2], width, across, offset)
                    if across == 1:
                        for j in range(start, stop):
                            out[o, i, j] += weight * x[c, row, j + offset]
                    else:
                        for j in range(start, stop):
                            out[o, i, j] += weight * x[c, row, j * across + offset]


@njit(
    types.void(_INPUT_3D, types.int64, types.int64, _GEOMETRY, types.int64, types.int64, _OUTPUT_3D),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def max_windows(x, kernel_height, kernel_width, geometry, first, end, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Planes [first, end) of out: the largest value of x under each window.

    `geometry` as in `depthwise`; places outside of the plane do not count.
    """
    down, across, row_step, column_step, top, left = geometry
    height, width = out.shape[1:]
    for p in range(first, end):
        for i in range(height):
            for j in range(width):
                out[p, i, j] = _LOWEST
            for kh in range(kernel_height):
                row = i * down + kh * row_step - top
                if row < 0 or row >= x.shape[1]:
                    continue
                for kw in range(kernel_width):
                    offset = kw * column_step - left
                    start, stop = _inside(x.shape[2], width, across, offset)
                    for j in range(start, stop):
                        value = x[p, row, j * across + offset]
                        out[p, i, j] = out[p, i, j] if out[p, i, j] >= value else value

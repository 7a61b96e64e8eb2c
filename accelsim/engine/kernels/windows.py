"""Windows that slide over single planes: depthwise convolution and pooling."""

from __future__ import annotations

import numpy as np
from numba import njit, types

_INPUT_1D = types.Array(types.float32, 1, "C", readonly=True)
_INPUT_3D = types.Array(types.float32, 3, "C", readonly=True)
_OUTPUT_1D = types.float32[::1]
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
                    if start >= stop:
                        continue
                    source, result = x[c, row, start * across + offset :], out[o, i, start:]
                    if across == 1:
                        for j in range(stop - start):
                            result[j] += weight * source[j]
                    else:
                        for j in range(stop - start):
                            result[j] += weight * source[j * across]


@njit(inline="always")
def _pad_plane(x, c, top, left, height, width, padded):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Plane c of x inside zeros, as rows of `width` in `padded`."""
    before = min(left, width)  # long strides can leave nothing of the image to be met
    taken = min(x.shape[2], width - before)
    for i in range(height):
        row, target = i - top, padded[i * width : (i + 1) * width]
        if row < 0 or row >= x.shape[1]:
            for j in range(width):
                target[j] = np.float32(0.0)
            continue
        source, inside, behind = x[c, row], target[before:], target[before + taken :]
        for j in range(before):
            target[j] = np.float32(0.0)
        for j in range(taken):
            inside[j] = source[j]
        for j in range(width - before - taken):
            behind[j] = np.float32(0.0)


@njit(inline="always")
def _sums_3x3(upper, middle, lower, one, w, start, step, count, sums):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """sums[t] = start + the nine weights times what lies at t step; views of their own, whose places cannot be
    negative, let the loop be vectorised."""
    a, b, c = w[0, 0], w[0, 1], w[0, 2]
    d, e, f = w[1, 0], w[1, 1], w[1, 2]
    g, h, k = w[2, 0], w[2, 1], w[2, 2]
    upper_1, upper_2 = upper[one:], upper[2 * one :]
    middle_1, middle_2 = middle[one:], middle[2 * one :]
    lower_1, lower_2 = lower[one:], lower[2 * one :]
    for t in range(count):
        s = t * step
        first = a * upper[s] + b * upper_1[s] + c * upper_2[s]
        second = d * middle[s] + e * middle_1[s] + f * middle_2[s]
        sums[t] = start + first + second + (g * lower[s] + h * lower_1[s] + k * lower_2[s])


@njit(
    types.void(
        *(_INPUT_3D, _INPUT_3D, _INPUT_1D, _GEOMETRY, types.int64, types.int64),
        *(_OUTPUT_1D, _OUTPUT_1D, _OUTPUT_3D),
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "nsz", "reassoc"},
)
def depthwise_padded(x, weights, bias, geometry, first, end, padded, line, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """What `depthwise` gives, from one padded plane at a time; `padded` and `line` are scratch of a padded plane.

    With stride 1 the rows of a plane are one long row, in which a kernel's place is a distance: short rows do not cost
    the start of a loop each, and results that straddle two rows are computed and left out. The nine places of a 3x3
    kernel are summed in registers.
    """
    down, across, row_step, column_step, top, left = geometry
    outputs, height, width = out.shape
    tall, wide = weights.shape[1], weights.shape[2]
    padded_width = (width - 1) * across + (wide - 1) * column_step + 1
    padded_height = (height - 1) * down + (tall - 1) * row_step + 1
    share = outputs // x.shape[0]
    count = (height - 1) * padded_width + width
    down_one, down_two = row_step * padded_width, 2 * row_step * padded_width
    one = column_step
    for o in range(first, end):
        _pad_plane(x, o // share, top, left, padded_height, padded_width, padded)
        start = bias[o]
        if tall == 3 and wide == 3:
            upper, middle, lower = padded, padded[down_one:], padded[down_two:]
            w = weights[o]
            if down == 1 and across == 1:
                _sums_3x3(upper, middle, lower, one, w, start, 1, count, line)
            else:
                for i in range(height):
                    first_of_row = i * down * padded_width
                    rows = (upper[first_of_row:], middle[first_of_row:], lower[first_of_row:])
                    if across == 2:
                        _sums_3x3(rows[0], rows[1], rows[2], one, w, start, 2, width, out[o, i])
                    else:
                        _sums_3x3(rows[0], rows[1], rows[2], one, w, start, across, width, out[o, i])
                continue
        else:
            for t in range(count):
                line[t] = start
            for kh in range(tall):
                for kw in range(wide):
                    weight, moved = weights[o, kh, kw], padded[kh * down_one + kw * one :]
                    for t in range(count):
                        line[t] += weight * moved[t]
        for i in range(height):
            row, result = line[i * padded_width :], out[o, i]
            for j in range(width):
                result[j] = row[j]


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
                    if start >= stop:
                        continue
                    source, result = x[p, row, start * across + offset :], out[p, i, start:]
                    for j in range(stop - start):
                        value = source[j * across]
                        result[j] = result[j] if result[j] >= value else value

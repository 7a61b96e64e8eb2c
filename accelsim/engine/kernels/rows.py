"""Softmax and normalisation over the rows of a matrix, or over groups of channels."""

from __future__ import annotations

import numpy as np
from numba import njit, types

_INPUT_2D = types.Array(types.float32, 2, "C", readonly=True)
_INPUT_1D = types.Array(types.float32, 1, "C", readonly=True)
_INPUT_3D = types.Array(types.float32, 3, "C", readonly=True)
_OUTPUT_2D = types.float32[:, ::1]
_OUTPUT_3D = types.float32[:, :, ::1]

_LOWEST = np.float32(-87.0)
_INFINITELY_LOW = np.float32(-np.inf)
_LOG2_E = np.float32(1.44269504088896341)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_BIAS = np.float32(127.0)
_MANTISSA = np.float32(8388608.0)
_P0 = np.float32(1.9875691500e-4)
_P1 = np.float32(1.3981999507e-3)
_P2 = np.float32(8.3334519073e-3)
_P3 = np.float32(4.1665795894e-2)
_P4 = np.float32(1.6666665459e-1)
_P5 = np.float32(5.0000001201e-1)


@njit(types.float32(types.float32), inline="always", error_model="numpy")
def exp_not_positive(x):  # type: ignore[no-untyped-def]
    """exp(x) for x <= 0 in float32 (Cephes polynomial), 0 below -87, NaN for NaN.

    Relative error below 2e-7 (tested). A call of libm per element would keep the loop from being vectorised.
    """
    clamped = _LOWEST if x < _LOWEST else x
    n = np.floor(clamped * _LOG2_E + _HALF)
    r = clamped - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    # 2^n is built from its bits; the product is exact, and cheaper to vectorise than a shift, which widens.
    scale = np.int32((n + _BIAS) * _MANTISSA).view(np.float32)
    value = (p * r * r + r + _ONE) * scale
    return np.float32(0.0) if x < _LOWEST else value


@njit(
    types.void(_INPUT_2D, types.float32, _OUTPUT_2D),
    cache=True,
    nogil=True,
    error_model="numpy",  # the check for division by zero would keep loops from being vectorised
    fastmath={"reassoc", "contract", "nsz"},
)
def softmax_rows(x, scale, out):  # type: ignore[no-untyped-def]
    """out[r] = softmax(scale * x[r]); `out` may be `x`."""
    rows, columns = x.shape
    for r in range(rows):
        highest = x[r, 0] * scale
        for c in range(columns):
            value = x[r, c] * scale
            highest = value if value > highest else highest
        total = np.float32(0.0)
        for c in range(columns):
            value = exp_not_positive(x[r, c] * scale - highest)
            out[r, c] = value
            total += value
        inverse = _ONE / total
        for c in range(columns):
            out[r, c] *= inverse


@njit(
    types.void(_INPUT_2D, types.float32, types.int64, _OUTPUT_2D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"reassoc", "contract", "nsz"},
)
def seen_softmax_rows(x, scale, first, out):  # type: ignore[no-untyped-def]
    """out[r] = softmax(scale * x[r]) over the columns up to `first` + r, zero behind them; `out` may be `x`.

    A row of nothing but -inf gives zeros.
    """
    rows, columns = x.shape
    for r in range(rows):
        seen = min(first + r + 1, columns)
        highest = _INFINITELY_LOW
        for c in range(seen):
            value = x[r, c] * scale
            highest = value if value > highest else highest
        if highest == _INFINITELY_LOW:
            for c in range(seen):
                value = x[r, c]
                out[r, c] = value if value != value else np.float32(0.0)  # noqa: PLR0124  (NaN stays)
        else:
            total = np.float32(0.0)
            for c in range(seen):
                value = exp_not_positive(x[r, c] * scale - highest)
                out[r, c] = value
                total += value
            inverse = _ONE / total
            for c in range(seen):
                out[r, c] *= inverse
        for c in range(seen, columns):
            out[r, c] = np.float32(0.0)


@njit(
    types.void(_INPUT_2D, _INPUT_1D, _INPUT_1D, types.float64, _OUTPUT_2D),
    cache=True,
    nogil=True,
    error_model="numpy",  # the check for division by zero would keep loops from being vectorised
    fastmath={"reassoc", "contract", "nsz"},
)
def layer_norm_rows(x, weight, bias, epsilon, out):  # type: ignore[no-untyped-def]
    """out[r] = (x[r] - mean) / sqrt(variance + epsilon) * weight + bias, summed in float64."""
    rows, columns = x.shape
    for r in range(rows):
        total = 0.0
        for c in range(columns):
            total += x[r, c]
        mean = total / columns
        squares = 0.0
        for c in range(columns):
            difference = x[r, c] - mean
            squares += difference * difference
        factor = np.float32(1.0 / np.sqrt(squares / columns + epsilon))
        centre = np.float32(mean)
        for c in range(columns):
            out[r, c] = (x[r, c] - centre) * factor * weight[c] + bias[c]


@njit(
    types.void(_INPUT_2D, _INPUT_1D, types.float64, _OUTPUT_2D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"reassoc", "contract", "nsz"},
)
def rms_norm_rows(x, weight, epsilon, out):  # type: ignore[no-untyped-def]
    """out[r] = x[r] / sqrt(mean of x[r]^2 + epsilon) * weight, summed in float64."""
    rows, columns = x.shape
    for r in range(rows):
        squares = 0.0
        for c in range(columns):
            squares += np.float64(x[r, c]) * x[r, c]
        factor = np.float32(1.0 / np.sqrt(squares / columns + epsilon))
        for c in range(columns):
            out[r, c] = x[r, c] * factor * weight[c]


@njit(
    types.void(_INPUT_3D, _INPUT_1D, _INPUT_1D, types.int64, types.float64, _OUTPUT_3D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"reassoc", "contract", "nsz"},
)
def group_norm_planes(x, weight, bias, groups, epsilon, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Groups of the channels of x [images, channels, pixels] to mean 0 and variance 1, then channel by channel scaled.

    Sums are in float64; `groups` divides the channels.
    """
    images, channels, pixels = x.shape
    width = channels // groups
    for n in range(images):
        for g in range(groups):
            total = 0.0
            for c in range(g * width, (g + 1) * width):
                for i in range(pixels):
                    total += x[n, c, i]
            mean = total / (width * pixels)
            squares = 0.0
            for c in range(g * width, (g + 1) * width):
                for i in range(pixels):
                    difference = x[n, c, i] - mean
                    squares += difference * difference
            factor = np.float32(1.0 / np.sqrt(squares / (width * pixels) + epsilon))
            centre = np.float32(mean)
            for c in range(g * width, (g + 1) * width):
                scale = factor * weight[c]
                for i in range(pixels):
                    out[n, c, i] = (x[n, c, i] - centre) * scale + bias[c]

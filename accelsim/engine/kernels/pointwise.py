"""Functions of one element, GELU with a bias, and batch normalisation as scale and shift of planes."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from accelsim.engine.kernels.rows import exp_not_positive

_INPUT_1D = types.Array(types.float32, 1, "C", readonly=True)
_INPUT_2D = types.Array(types.float32, 2, "C", readonly=True)
_OUTPUT_1D = types.float32[::1]
_OUTPUT_2D = types.float32[:, ::1]

_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ROOT_HALF = np.float32(0.70710678118654752)
_TWO = np.float32(2.0)
_SIXTH = np.float32(1 / 6)
_ROOT_2_PI = np.float32(0.79788456080286536)  # sqrt(2 / pi), and the cubic term of the tanh form of GELU
_CUBIC = np.float32(0.044715)
_LIMIT = np.float32(4.0)
_A0 = np.float32(-2.72614225801306e-10)
_A1 = np.float32(2.77068142495902e-08)
_A2 = np.float32(-2.10102402082508e-06)
_A3 = np.float32(-5.69250639462346e-05)
_A4 = np.float32(-7.34990630326855e-04)
_A5 = np.float32(-2.95459980854025e-03)
_A6 = np.float32(-1.60960333262415e-02)
_B0 = np.float32(-1.45660718464996e-05)
_B1 = np.float32(-2.13374055278905e-04)
_B2 = np.float32(-1.68282697438203e-03)
_B3 = np.float32(-7.37332916720468e-03)
_B4 = np.float32(-1.42647390514189e-02)


@njit(types.float32(types.float32), inline="always", error_model="numpy")
def erf(x):  # type: ignore[no-untyped-def]
    """The error function in float32: x P(x^2) / Q(x^2) on [-4, 4], as in Eigen and XLA.

    Absolute error below 5e-7 (tested against math.erf). NaN for NaN.
    """
    low = -_LIMIT if x < -_LIMIT else x
    c = _LIMIT if low > _LIMIT else low
    s = c * c
    p = (((((_A0 * s + _A1) * s + _A2) * s + _A3) * s + _A4) * s + _A5) * s + _A6
    q = (((_B0 * s + _B1) * s + _B2) * s + _B3) * s + _B4
    return c * p / q


@njit(
    types.void(_INPUT_1D, _OUTPUT_1D),
    cache=True,
    nogil=True,
    error_model="numpy",  # the check for division by zero would keep loops from being vectorised
    fastmath={"contract", "nsz"},
)
def gelu(x, out):  # type: ignore[no-untyped-def]
    """out = x/2 (1 + erf(x / sqrt 2)); `out` may be `x`."""
    for i in range(x.size):
        value = x[i]
        out[i] = _HALF * value * (_ONE + erf(value * _ROOT_HALF))


@njit(
    types.void(_INPUT_1D, _OUTPUT_1D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "nsz"},
)
def erf_each(x, out):  # type: ignore[no-untyped-def]
    """out = erf(x); `out` may be `x`."""
    for i in range(x.size):
        out[i] = erf(x[i])


@njit(types.float32(types.float32), inline="always", error_model="numpy")
def logistic(x):  # type: ignore[no-untyped-def]
    """1 / (1 + exp(-x)), from a power of what is not positive, which cannot overflow. NaN for NaN."""
    power = exp_not_positive(-abs(x))
    share = _ONE / (_ONE + power)
    return power * share if x < 0 else share


@njit(
    types.void(_INPUT_1D, _OUTPUT_1D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "nsz"},
)
def sigmoid_each(x, out):  # type: ignore[no-untyped-def]
    """out = 1 / (1 + exp(-x)); `out` may be `x`."""
    for i in range(x.size):
        out[i] = logistic(x[i])


@njit(
    types.void(_INPUT_1D, _OUTPUT_1D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "nsz"},
)
def silu_each(x, out):  # type: ignore[no-untyped-def]
    """out = x / (1 + exp(-x)); `out` may be `x`."""
    for i in range(x.size):
        out[i] = x[i] * logistic(x[i])


@njit(
    types.void(_INPUT_1D, _OUTPUT_1D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "nsz"},
)
def gelu_tanh_each(x, out):  # type: ignore[no-untyped-def]
    """out = x/2 (1 + tanh(u)) = x / (1 + exp(-2 u)), u = sqrt(2 / pi) (x + 0.044715 x^3); `out` may be `x`."""
    for i in range(x.size):
        value = x[i]
        out[i] = value * logistic(_TWO * _ROOT_2_PI * (value + _CUBIC * value * value * value))


@njit(
    types.void(_INPUT_1D, _OUTPUT_1D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "nsz"},
)
def hard_swish_each(x, out):  # type: ignore[no-untyped-def]
    """out = x min(max(x / 6 + 1/2, 0), 1); `out` may be `x`."""
    for i in range(x.size):
        share = x[i] * _SIXTH + _HALF
        low = np.float32(0.0) if share < 0 else share
        out[i] = x[i] * (_ONE if low > _ONE else low)


@njit(
    types.void(_OUTPUT_2D, _INPUT_1D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "nsz"},
)
def add_bias_gelu(x, bias):  # type: ignore[no-untyped-def]
    """x[r] = gelu(x[r] + bias), in place."""
    rows, columns = x.shape
    for r in range(rows):
        for c in range(columns):
            value = x[r, c] + bias[c]
            x[r, c] = _HALF * value * (_ONE + erf(value * _ROOT_HALF))


@njit(
    types.void(_INPUT_2D, _INPUT_1D, _INPUT_1D, _OUTPUT_2D),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "nsz"},
)
def scale_planes(x, scale, shift, out):  # type: ignore[no-untyped-def]
    """out[p] = x[p] * scale[p mod C] + shift[p mod C] for planes p of a batch of C channels."""
    planes, size = x.shape
    for p in range(planes):
        factor = scale[p % scale.size]
        offset = shift[p % scale.size]
        for i in range(size):
            out[p, i] = x[p, i] * factor + offset

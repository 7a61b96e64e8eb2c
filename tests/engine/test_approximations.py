"""The engine's own exp, erf and GELU against the C library."""

from __future__ import annotations

import math

import numpy as np

from accelsim.engine.kernels.pointwise import erf, gelu
from accelsim.engine.kernels.rows import exp_not_positive, softmax_rows


def test_erf_is_within_5e_7_of_the_c_library() -> None:
    for x in np.linspace(-6, 6, 20_001, dtype=np.float32):
        assert abs(erf(x) - math.erf(x)) < 5e-7


def test_gelu_is_within_12e_7_of_the_exact_form() -> None:
    x = np.linspace(-8, 8, 40_001, dtype=np.float32)
    out = np.empty_like(x)
    gelu(x, out)
    exact = np.array([v / 2 * (1 + math.erf(v / math.sqrt(2))) for v in x.astype(np.float64)])
    assert np.abs(out - exact).max() < 1.2e-6


def test_exp_is_within_2e_7_relative_of_the_c_library() -> None:
    for x in np.linspace(-86.9, 0, 20_001, dtype=np.float32):
        exact = math.exp(x)
        assert abs(exp_not_positive(x) - exact) < 2e-7 * exact


def test_exp_far_below_zero_is_zero_and_of_zero_is_one() -> None:
    assert exp_not_positive(np.float32(0)) == 1.0
    assert exp_not_positive(np.float32(-88)) == 0.0
    assert exp_not_positive(np.float32(-np.inf)) == 0.0
    assert math.isnan(exp_not_positive(np.float32(np.nan)))


def test_softmax_is_within_1e_7_of_float64_and_sums_to_one() -> None:
    x = np.random.default_rng(5).standard_normal((200, 197)).astype(np.float32) * 4
    out = np.empty_like(x)
    softmax_rows(x, np.float32(0.5), out)
    wide = np.exp(0.5 * x.astype(np.float64) - 0.5 * x.max(axis=1, keepdims=True))
    assert np.abs(out - wide / wide.sum(axis=1, keepdims=True)).max() < 1e-7
    assert np.abs(out.sum(axis=1, dtype=np.float64) - 1).max() < 1e-6

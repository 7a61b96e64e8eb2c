"""Least squares of a few bounded unknowns: known answers, bounds, whole numbers, determinism."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.evaluate.least_squares import Unknown, fit

POINTS = np.linspace(1.0, 9.0, 12)


def _times(latency: float, rate: float) -> np.ndarray:
    """Twelve latencies: a start-up, and a transfer that hides behind work that takes 3."""
    return latency + np.maximum(3.0, POINTS / rate)


def _residuals(truth: tuple[float, ...], calls: list[tuple[float, ...]] | None = None):
    measured = _times(*truth)

    def residuals(values: tuple[float, ...]) -> np.ndarray:
        if calls is not None:
            calls.append(values)
        return np.log(_times(*values) / measured)

    return residuals


@pytest.mark.parametrize("truth", [(2.0, 0.5), (7.5, 1.7), (0.6, 2.9), (9.9, 0.35)])
def test_the_values_that_made_the_rows_are_found(truth: tuple[float, float]) -> None:
    found = fit(_residuals(truth), [Unknown(5.0, 0.5, 10.0), Unknown(1.0, 0.3, 3.0)])
    assert found is not None
    assert found.values == pytest.approx(truth, rel=2e-3)


def test_a_value_outside_its_bounds_ends_at_the_bound() -> None:
    found = fit(_residuals((12.0, 1.0)), [Unknown(5.0, 0.5, 10.0), Unknown(1.0, 0.9, 1.1)])
    assert found is not None
    assert found.values[0] == 10.0
    assert 0.9 <= found.values[1] <= 1.1


def test_whole_numbers_stay_whole_and_are_exact() -> None:
    unknowns = [Unknown(200, 100, 300, whole=True), Unknown(1.0, 0.3, 3.0)]
    found = fit(_residuals((237.0, 0.8)), unknowns)
    assert found is not None
    assert found.values[0] == 237.0
    assert found.values[1] == pytest.approx(0.8, rel=0.02)


def test_an_unknown_without_effect_has_no_slope() -> None:
    found = fit(_residuals((2.0, 9.0)), [Unknown(2.5, 1.0, 4.0), Unknown(8.0, 6.0, 12.0)])
    assert found is not None
    assert found.values[0] == pytest.approx(2.0, rel=1e-3)
    assert np.abs(found.slopes[:, 1]).max() == 0.0
    assert np.abs(found.slopes[:, 0]).max() > 0.1


def test_values_that_cannot_be_simulated_are_stepped_round() -> None:
    whole = _residuals((2.0, 0.5))
    found = fit(
        lambda values: None if values[1] > 2 else whole(values), [Unknown(5.0, 0.5, 10.0), Unknown(1.0, 0.3, 3.0)]
    )
    assert found is not None
    assert found.values == pytest.approx((2.0, 0.5), rel=2e-3)
    assert fit(lambda values: None, [Unknown(5.0, 0.5, 10.0)]) is None


def test_the_same_input_takes_the_same_way_and_few_simulations() -> None:
    ways: list[list[tuple[float, ...]]] = [[], []]
    for way in ways:
        fit(_residuals((7.5, 1.7), way), [Unknown(5.0, 0.5, 10.0), Unknown(1.0, 0.3, 3.0)])
    assert ways[0] == ways[1]
    assert len(ways[0]) < 60

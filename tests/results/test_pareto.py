from __future__ import annotations

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.results.pareto import hypervolume, on_front


def brute_force(points: np.ndarray, maximise: list[bool]) -> list[bool]:
    signed = np.where(maximise, -points, points)
    kept = []
    for point in signed:
        if np.isnan(point).any():
            kept.append(False)
            continue
        beaten = (signed <= point).all(axis=1) & (signed < point).any(axis=1)
        kept.append(not beaten.any())
    return kept


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_the_front_equals_all_pairs_compared(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    for _ in range(300):
        points = rng.integers(0, 6, (rng.integers(1, 40), objectives)).astype(float)
        points[rng.random(points.shape) < 0.02] = np.nan
        maximise = (rng.random(objectives) < 0.5).tolist()
        assert on_front(points, maximise).tolist() == brute_force(points, maximise)


def test_equal_points_are_on_the_front_together() -> None:
    assert on_front(np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [2.0, 2.0]]), [False, False]).tolist() == [
        True,
        True,
        True,
        False,
    ]


def test_a_missing_value_is_on_no_front_and_beats_nothing() -> None:
    assert on_front(np.array([[np.nan, 0.0], [1.0, 1.0]]), [False, False]).tolist() == [False, True]


def test_points_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="2 objectives"):
        on_front(np.zeros((3, 3)), [False, False])


def test_the_hypervolume_of_two_boxes() -> None:
    assert hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), [False, False], [3.0, 3.0]) == 3.0
    assert hypervolume(np.array([[np.nan, 2.0]]), [False, False], [3.0, 3.0]) == 0.0

"""Pareto fronts: the points that no other point beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, MissingExtraError

Points = npt.NDArray[np.float64]


def on_front(points: Points, maximise: Sequence[bool]) -> npt.NDArray[np.bool_]:
    """For each of [points, objectives] whether no other point is as good in all objectives and better in one.

    `maximise` says of each objective which way is better. Points that are equal in all objectives stand or fall
    together. A point with a missing value (NaN) is never on the front and beats none. Exact, in O(n log n) for up to
    three objectives (Kung, Luccio, Preparata, "On finding the maxima of a set of vectors", JACM 1975; by moocore).
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != len(maximise) or not maximise:
        raise InputError(f"a front of {len(maximise)} objectives needs points of shape [n, {len(maximise)}]")
    front = np.zeros(len(points), bool)
    known = np.flatnonzero(~np.isnan(points).any(axis=1))
    if known.size:
        front[known] = _moocore().is_nondominated(points[known], maximise=list(maximise), keep_weakly=True)
    return front


def hypervolume(points: Points, maximise: Sequence[bool], reference: Sequence[float]) -> float:
    """The volume between the points and `reference`, which is as bad as the worst point or worse in each objective."""
    points = np.asarray(points, np.float64)
    known = points[~np.isnan(points).any(axis=1)]
    if not known.size:
        return 0.0
    return float(_moocore().hypervolume(known, ref=list(reference), maximise=list(maximise)))


def _moocore() -> Any:
    try:
        import moocore
    except ModuleNotFoundError:
        raise MissingExtraError("moocore", "sweep", "a Pareto front") from None
    return moocore

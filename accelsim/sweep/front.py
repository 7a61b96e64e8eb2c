"""The Pareto front of a store: objectives, limits and conditions applied to its points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, did_you_mean
from accelsim.results.pareto import on_front
from accelsim.sweep.expression import parse_condition

if TYPE_CHECKING:
    import pandas

MORE_IS_BETTER = ("throughput_per_s", "utilisation")
"""Columns that are maximised unless something else is said, as accuracies say; all others are minimised."""

ACCURACY = "accuracy"
"""Stands for the one accuracy of a sweep that has a single one."""


@dataclass(frozen=True)
class Front:
    """`points` are those on the front, in order of the first objective; the counts say what became of the others.

    `within` tells of each point whether it was timed and holds the limits.
    """

    points: pandas.DataFrame
    maximise: Mapping[str, bool]
    considered: int
    failed: int
    over_limits: int
    within: npt.NDArray[np.bool_]


def front_of(frame: pandas.DataFrame, objectives: Mapping[str, bool], limits: Sequence[str] = ()) -> Front:
    """The front of all points that could be timed and hold every condition of `limits`.

    `objectives` maps columns to whether more is better. Raises InputError for a column that is not there or holds no
    numbers, and where nothing is left.
    """
    for name in objectives:
        if name not in frame.columns:
            raise InputError(f"no column '{name}'{did_you_mean(name, frame.columns)}")
        if frame[name].dtype.kind not in "iufb":
            raise InputError(f"column '{name}' holds no numbers; an objective must")
    timed = frame[list(objectives)].notna().all(axis=1).to_numpy()
    kept = timed.copy()
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    for text in limits:
        kept &= parse_condition(text, columns).holds(columns)
    if not kept.any():
        raise InputError(
            f"of {len(frame):,} points, {int(timed.sum()):,} were timed and none holds {' and '.join(limits)}"
        )
    considered = frame[kept]
    values = considered[list(objectives)].to_numpy(np.float64)
    points = considered[on_front(values, list(objectives.values()))]
    first = next(iter(objectives))
    points = points.sort_values([first, "point"] if "point" in points.columns else [first], kind="stable")
    return Front(points, dict(objectives), int(kept.sum()), int((~timed).sum()), int(timed.sum() - kept.sum()), kept)


def column_of(name: str, measured: Iterable[str]) -> str:
    """The column that a name stands for: `accuracy` is that of the task. Raises InputError where there are several."""
    there = list(measured)
    if name != ACCURACY or name in there or not there:
        return name
    if len(there) > 1:
        raise InputError(f"'{ACCURACY}' could be {', '.join(there)}; name one")
    return there[0]


def senses(names: Sequence[str], stated: Mapping[str, str], maximise: Sequence[str]) -> dict[str, bool]:
    """For each objective whether more is better: as the user says, as the sweep says, or by what the column is."""
    return {
        name: name in maximise or (stated[name] == "maximise" if name in stated else name in MORE_IS_BETTER)
        for name in names
    }

"""What a sweep would be: how many points, about how long, and the first of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.sweep.parts import Parts
from accelsim.sweep.spec import SweepSpec

if TYPE_CHECKING:
    import pandas
    import pyarrow

SAMPLED = 256
GROUPS = 4
PROBE_S = 0.5
SHOWN = 8


@dataclass(frozen=True)
class Preview:
    """`points` is what will be timed: exact where there are no conditions, else from the share that a sample keeps.

    `seconds` is predicted from timing samples on this machine, of some models and hardware where there are many;
    loading models is not counted.
    """

    points: int
    before_where: int
    seconds: float
    first: pandas.DataFrame
    varied: tuple[str, ...]


def preview(spec: SweepSpec, *, jobs: int = 1) -> Preview:
    """Times some points of the sweep on `jobs` cores. Raises InputError where no point is left by its conditions."""
    parts = Parts(spec)
    parts.check()
    space = parts.space
    settings = _spread(space.inner, SAMPLED)
    groups = _spread(len(space.groups), GROUPS).tolist()
    kept = {group: space.kept(group, settings) for group in groups}
    share = sum(own.size for own in kept.values()) / (settings.size * len(groups))
    if not share:
        raise InputError(f"{spec.name}: of {settings.size * len(groups):,} points looked at, `where` keeps none")
    probes = [_probe(parts, group, int(own[0]), jobs) for group, own in kept.items() if own.size]
    expected = round(parts.points * share) if spec.where else parts.points
    varied = (*space.group_columns(0, 1), *space.paths)
    seconds = float(np.mean([each for each, _ in probes])) * expected
    return Preview(expected, parts.points, seconds, probes[0][1].to_pandas(), varied)


def _probe(parts: Parts, group: int, first: int, jobs: int) -> tuple[float, pyarrow.Table]:
    """Seconds a point, from ever longer runs from `first` on, because neighbours share work; and the first points."""
    inner, size = parts.space.inner, SHOWN
    begin = parts.space.kept(group, np.arange(first, min(first + SAMPLED, inner)))[:SHOWN]
    shown = parts.evaluated(group, begin, threads=jobs)  # loads the model and compiles
    while True:
        settings = parts.space.kept(group, np.arange(first, min(first + size, inner)))
        started = time.perf_counter()
        parts.evaluated(group, settings, threads=jobs)
        took = time.perf_counter() - started
        if took > PROBE_S or first + size >= inner:
            return took / settings.size, shown
        size *= 4


def _spread(count: int, most: int) -> npt.NDArray[np.int64]:
    """At most so many of the first `count` numbers, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))

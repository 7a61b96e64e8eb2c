"""What a sweep would be: how many points, about how long, and the first of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import InputError
from accelsim.sweep.parts import Parts
from accelsim.sweep.spec import Search, SweepSpec

if TYPE_CHECKING:
    import pandas

SAMPLED = 256
SHOWN = 8


@dataclass(frozen=True)
class Preview:
    """`points` is what will be timed: exact where there are no conditions, else from the share that a sample keeps.

    `seconds` is predicted from timing a sample on this machine, loading models not counted.
    """

    points: int
    before_where: int
    seconds: float
    first: pandas.DataFrame
    varied: tuple[str, ...]


def preview(spec: SweepSpec) -> Preview:
    """Times some points of the sweep. Raises InputError where no point is left by its conditions."""
    parts = Parts(spec)
    space = parts.space
    total = spec.strategy.budget if isinstance(spec.strategy, Search) else parts.points
    settings = np.unique(np.linspace(0, space.inner - 1, min(SAMPLED, space.inner)).astype(np.int64))
    kept = space.kept(0, settings)
    if not kept.size:
        raise InputError(f"{spec.name}: of {settings.size} points looked at, `where` keeps none")
    parts.evaluated(0, kept[:1])  # loads the model and compiles
    started = time.perf_counter()
    table = parts.evaluated(0, kept)
    each = (time.perf_counter() - started) / kept.size
    expected = round(total * kept.size / settings.size) if spec.where else total
    frame = table.to_pandas()
    varied = tuple(name for name in (*space.group_columns(0, 1), *space.paths))
    return Preview(expected, total, each * expected, frame.head(SHOWN), varied)

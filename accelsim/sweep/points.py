"""From a part's number to its table: which points it holds, and their results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.evaluate.points import NUMBERS, TEXTS, WHOLE, PointEvaluator
from accelsim.sweep.space import Group, Indices, Space, space_of
from accelsim.sweep.spec import Random, Search, SweepSpec

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class Parts:
    """The points of a sweep cut into parts, all of one group each."""

    spec: SweepSpec

    @cached_property
    def space(self) -> Space:
        return space_of(self.spec)

    @cached_property
    def ranges(self) -> list[tuple[int, Indices]]:
        """For each part its group and settings, before conditions; a search proposes its own."""
        space, spec, strategy = self.space, self.spec, self.spec.strategy
        if isinstance(strategy, Search):
            return []
        if not isinstance(strategy, Random):
            return [(group, np.arange(first, last)) for group, first, last in space.chunks(spec.part_points)]
        rng = np.random.Generator(np.random.Philox(spec.seed))
        count = min(strategy.budget, len(space))
        chosen = np.sort(rng.choice(len(space), count, replace=False, shuffle=False))
        found = []
        for group in range(len(space.groups)):
            own = chosen[chosen // space.inner == group] % space.inner
            found += [(group, own[first : first + spec.part_points]) for first in range(0, own.size, spec.part_points)]
        return found

    def __len__(self) -> int:
        if isinstance(self.spec.strategy, Search):
            return self.spec.strategy.budget  # at most: a batch has at least one new point
        return len(self.ranges)

    @property
    def points(self) -> int:
        """Points before conditions; of a search its budget."""
        if isinstance(self.spec.strategy, Search):
            return min(self.spec.strategy.budget, len(self.space))
        return self.points_of(range(len(self)))

    def points_of(self, parts: Iterable[int]) -> int:
        """Points of these parts before conditions."""
        return sum(self.ranges[part][1].size for part in parts)

    def table(self, part: int, *, threads: int = 1) -> pyarrow.Table:
        """The points of a part with their results, in order."""
        group, settings = self.ranges[part]
        return self.evaluated(group, self.space.kept(group, settings), threads=threads)

    def evaluated(self, group: int, settings: Indices, *, threads: int = 1) -> pyarrow.Table:
        """Those settings of a group with their results."""
        space = self.space
        values = space.setting_columns(settings)
        evaluator = _evaluator(space.groups[group], self.spec.activity)
        columns: dict[str, Any] = {
            "point": group * space.inner + settings,
            **space.group_columns(group, settings.size),
            **values,
            **evaluator.columns(values, settings.size, threads=threads),
        }
        return _table(columns)


def _table(columns: dict[str, Any]) -> pyarrow.Table:
    """Columns with the same types in every part, empty ones and missing values included."""
    import pyarrow as pa

    types = dict.fromkeys(WHOLE, pa.int64()) | dict.fromkeys(NUMBERS, pa.float64()) | dict.fromkeys(TEXTS, pa.string())
    types |= {"fits": pa.bool_(), "point": pa.int64()}
    arrays = {name: pa.array(values, types.get(name), from_pandas=True) for name, values in columns.items()}
    return pa.table(arrays)


@lru_cache(maxsize=8)
def _evaluator(group: Group, activity: str) -> PointEvaluator:
    return PointEvaluator(
        group.model,
        group.hardware,
        task=group.task,
        arguments=dict(group.arguments),
        batch=group.batch,
        activity=activity,
    )

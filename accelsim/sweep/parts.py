"""From a part's number to its table: which points it holds, and their results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import InputError, did_you_mean
from accelsim.evaluate.points import NUMBERS, TEXTS, WHOLE, PointEvaluator, provenance_of
from accelsim.evaluate.simulate import hardware_for
from accelsim.hw.schema import Hardware
from accelsim.sweep.accuracy import joined, measured_columns
from accelsim.sweep.axis import Value, number_of
from accelsim.sweep.expression import parse_condition
from accelsim.sweep.front import ACCURACY
from accelsim.sweep.space import ARGUMENT, Indices, Space, space_of
from accelsim.sweep.spec import Random, Search, SweepSpec

if TYPE_CHECKING:
    import pyarrow

_THROUGHPUT = "throughput_per_s"
_READY = 8
"""Models on hardware that are kept loaded at a time."""


@dataclass(frozen=True)
class Parts:
    """The points of a sweep cut into parts, all of one group each."""

    spec: SweepSpec
    _evaluators: dict[int, PointEvaluator] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def space(self) -> Space:
        return space_of(self.spec)

    @cached_property
    def hardware(self) -> dict[str, Hardware]:
        """The hardware descriptions by the names that the sweep has for them. Raises InputError."""
        return {name: hardware_for(name) for name in self.spec.hardware}

    @cached_property
    def provenance(self) -> dict[str, str]:
        """Digests of what the sweep names. Raises InputError."""
        return provenance_of([choice.model for choice in self.spec.models], self.hardware)

    def check(self) -> None:
        """Refuse, before a point is timed, what no store of this sweep can answer.

        Raises InputError for an objective or limit about a column that there will not be, or an objective of texts.
        """
        name = self.spec.name
        for objective in self.spec.objectives:
            if objective == ACCURACY and not measured_columns(self.spec):
                raise InputError(f"{name}: objectives: {ACCURACY} needs a table: accuracy: {{file: accuracy.csv}}")
            if objective not in self.columns:
                raise InputError(f"{name}: objectives: no column '{objective}'{did_you_mean(objective, self.columns)}")
            if self.columns[objective] is str:
                raise InputError(f"{name}: objectives: column '{objective}' holds no numbers; an objective must")
        for text in self.spec.limits:
            try:
                parse_condition(text, self.columns)
            except InputError as error:
                raise InputError(f"{name}: limits: {error}") from None

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

    def together(self, parts: Sequence[int], most: int) -> list[int]:
        """The first of these parts that one call can evaluate: of one group, at most so many."""
        group = self.ranges[parts[0]][0]
        ends = (index for index, part in enumerate(parts) if index == most or self.ranges[part][0] != group)
        return list(parts[: next(ends, len(parts))])

    def tables(self, parts: Sequence[int], *, threads: int = 1) -> Iterator[pyarrow.Table]:
        """The points of each of these parts, all of one group, with their results, in order.

        They are evaluated in one call: points that differ in rates alone share work, in whatever part they are.
        """
        group = self.ranges[parts[0]][0]
        kept = [self.space.kept(group, self.ranges[part][1]) for part in parts]
        table = self.evaluated(group, np.concatenate(kept), threads=threads)
        first = 0
        for settings in kept:
            yield table.slice(first, settings.size)
            first += settings.size

    def evaluated(self, group: int, settings: Indices, *, threads: int = 1) -> pyarrow.Table:
        """Those settings of a group with their results."""
        space = self.space
        values = space.setting_columns(settings)
        evaluator = self.evaluator(group)
        results = evaluator.columns(values, settings.size, threads=threads)
        columns: dict[str, Any] = {
            "point": group * space.inner + settings,
            **space.group_columns(group, settings.size),
            **values,
            **results,
            **joined(self.spec, space.groups[group], evaluator.task, results["precision"]),
        }
        return self._table(columns)

    def evaluator(self, number: int) -> PointEvaluator:
        """What evaluates the points of a group; the first call loads its model."""
        if number not in self._evaluators:
            if len(self._evaluators) == _READY:
                self._evaluators.pop(next(iter(self._evaluators)))
            group = self.space.groups[number]
            self._evaluators[number] = PointEvaluator(
                group.model,
                self.hardware[group.hardware],
                named=group.hardware,
                task=group.task,
                arguments=dict(group.arguments),
                batch=group.batch,
                activity=self.spec.activity,
                intervals=any(_THROUGHPUT in asked for asked in (*self.spec.objectives, *self.spec.limits)),
            )
        return self._evaluators[number]

    def _table(self, columns: dict[str, Any]) -> pyarrow.Table:
        """Columns with the same types in every part, empty ones and missing values included."""
        import pyarrow as pa

        arrays = {}
        for name, values in columns.items():
            kind = self.columns[name]
            texts = kind is str and values.dtype.kind != "U"
            given = [None if value is None else str(value) for value in values.tolist()] if texts else values
            arrays[name] = pa.array(given, getattr(pa, _ARROW[kind])(), from_pandas=True)
        return pa.table(arrays)

    @cached_property
    def columns(self) -> dict[str, type]:
        """What each column of the store holds, in every part: values that are of several kinds are texts."""
        kinds: dict[str, type] = dict.fromkeys(("model", "task", "hardware", *TEXTS), str)
        kinds |= dict.fromkeys((*NUMBERS, *measured_columns(self.spec)), float)
        kinds |= dict.fromkeys(("point", *WHOLE), int) | {"fits": bool}
        for axis in self.space.axes:
            kinds |= {path: _kind(number_of(value) for value in axis.raw(path)) for path in axis.paths}
        for name in self.space.arguments:
            kinds[f"{ARGUMENT}{name}"] = _kind(group.arguments.get(name) for group in self.space.groups)
        return kinds


_ARROW: dict[type, str] = {int: "int64", float: "float64", bool: "bool_", str: "string"}


def _kind(values: Iterable[Value]) -> type:
    """The narrowest of bool, int, float and str that holds them all; missing ones fit into each."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) == 1:
        return kinds.pop()
    return float if kinds == {int, float} else str

"""All points of a sweep, numbered: what a number stands for, without listing them all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.ir.frozen import FrozenMap
from accelsim.sweep.axis import Value, number_of, values_of
from accelsim.sweep.expression import Condition, parse_condition
from accelsim.sweep.spec import ModelChoice, Settings, SweepSpec

Indices = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[Any]]

ARGUMENT = "arg."
"""Prefix of the columns that hold arguments of a model's builder."""


@dataclass(frozen=True)
class Axis:
    """Settings that change together: `rows[i]` are the values of `paths` at step i."""

    paths: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def raw(self, path: str) -> list[Value]:
        """Values of one path, a step each, as a hardware file holds them."""
        column = self.paths.index(path)
        return [row[column] for row in self.rows]


@dataclass(frozen=True)
class Group:
    """Points that share a model, a task, arguments and a hardware; only settings differ."""

    model: str
    task: str | None
    arguments: FrozenMap[str, Value]
    batch: int | None
    hardware: str


@dataclass(frozen=True)
class Space:
    """`groups` x the product of `axes`: point g * inner + i is setting i of group g, the last axis fastest."""

    groups: tuple[Group, ...]
    axes: tuple[Axis, ...]
    where: tuple[Condition, ...]

    @property
    def inner(self) -> int:
        """Settings of one group."""
        return math.prod(len(axis) for axis in self.axes)

    def __len__(self) -> int:
        return len(self.groups) * self.inner

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Hardware settings that vary."""
        return tuple(path for axis in self.axes for path in axis.paths)

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """Names of builder arguments that any group has."""
        return tuple(dict.fromkeys(name for group in self.groups for name in group.arguments))

    def steps(self, settings: Indices) -> list[Indices]:
        """For each axis the step of every one of `settings` (0..inner-1)."""
        found: list[Indices] = []
        rest = settings
        for axis in reversed(self.axes):
            rest, step = np.divmod(rest, len(axis))
            found.append(step)
        return found[::-1]

    def setting_columns(self, settings: Indices) -> Columns:
        """The varied settings as columns of numbers (quantities in SI) or texts."""
        return {
            path: _column([number_of(value) for value in axis.raw(path)])[step]
            for axis, step in zip(self.axes, self.steps(settings), strict=True)
            for path in axis.paths
        }

    def kept(self, group: int, settings: Indices) -> Indices:
        """Those of `settings` that no condition of `where` leaves out, in order."""
        if not self.where or not settings.size:
            return settings
        columns = {**self.group_columns(group, settings.size), **self.setting_columns(settings)}
        keep = np.ones(settings.size, bool)
        for condition in self.where:
            keep &= condition.holds(columns)
        return settings[keep]

    def group_columns(self, group: int, count: int) -> Columns:
        """What names the model and hardware of a group, `count` times."""
        chosen = self.groups[group]
        names: dict[str, Value] = {"model": chosen.model, "task": chosen.task or "", "hardware": chosen.hardware}
        names |= {f"{ARGUMENT}{name}": chosen.arguments.get(name) for name in self.arguments}
        return {name: np.full(count, value, object if value is None else None) for name, value in names.items()}

    def chunks(self, size: int) -> Iterator[tuple[int, int, int]]:
        """(group, first, last) of runs of at most `size` settings that together are the whole space."""
        for group in range(len(self.groups)):
            for first in range(0, self.inner, size):
                yield group, first, min(first + size, self.inner)


def space_of(spec: SweepSpec) -> Space:
    """The points of a sweep. Raises InputError for an axis or condition that is none."""
    groups = tuple(
        Group(choice.model, task, FrozenMap(zip(choice.arguments, values, strict=True)), choice.batch, hardware)
        for choice in spec.models
        for task in (choice.tasks or (None,))
        for values in itertools.product(*(values_of(f"arguments.{k}", v) for k, v in choice.arguments.items()))
        for hardware in spec.hardware
    )
    axes = axes_of(spec.settings)
    paths = [path for axis in axes for path in axis.paths]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise InputError(f"settings: '{twice}' is varied twice")
    known = [*paths, "model", "task", "hardware", *_argument_names(spec.models)]
    return Space(groups, axes, tuple(parse_condition(text, known) for text in spec.where))


def axes_of(settings: Settings) -> tuple[Axis, ...]:
    """The axes that settings span, in order. Raises InputError for what is none."""
    single = [Axis((path,), tuple((value,) for value in values_of(path, v))) for path, v in settings.grid.items()]
    return (*single, *(_zipped(together) for together in settings.zip))


def _argument_names(models: Sequence[ModelChoice]) -> list[str]:
    return [f"{ARGUMENT}{name}" for choice in models for name in choice.arguments]


def _zipped(together: Mapping[str, Any]) -> Axis:
    columns = {path: values_of(path, values, repeated=True) for path, values in together.items()}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        said = ", ".join(f"{path} has {len(values)}" for path, values in columns.items())
        raise InputError(f"settings.zip: values that change together must be as many: {said or 'nothing is given'}")
    return Axis(tuple(columns), tuple(zip(*columns.values(), strict=True)))


def _column(values: Sequence[Value]) -> npt.NDArray[Any]:
    """An array of one kind; mixed kinds stay objects."""
    kinds = {type(value) for value in values}
    if kinds <= {int, float} or len(kinds) == 1:
        return np.array(values)
    return np.array(values, object)

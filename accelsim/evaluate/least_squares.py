"""Bounded least squares of a few unknowns: Levenberg-Marquardt on unit coordinates, then single steps of whole numbers.

Deterministic and small on purpose: each call of the residuals is a simulation. (Levenberg 1944, Marquardt 1963; steps
are cut at the bounds and taken only if the sum of squares falls.)
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Residuals = Callable[[tuple[float, ...]], Vector | None]
"""Residuals at values of the unknowns; None where there are none, such as a design that cannot run."""

_STEP = 0.01  # of the range, for derivatives
_ROUNDS = 60
_SMALL = 1e-9
_DAMPED = 1e5  # a step cut this far that does not help says that none will
_SETTLED = 1e-5  # of the sum of squares, what a round must gain to go on


@dataclass(frozen=True)
class Unknown:
    """A value between `low` and `high`, both included; `whole` ones take whole values only."""

    start: float
    low: float
    high: float
    whole: bool = False

    @cached_property
    def _logs(self) -> bool:
        return self.low > 0 and self.high / self.low > 4

    def value(self, unit: float) -> float:
        """The value at a coordinate between 0 and 1: linear, or by ratio where the range spans more than 4x."""
        unit = min(1.0, max(0.0, unit))
        found = self.low * (self.high / self.low) ** unit if self._logs else self.low + (self.high - self.low) * unit
        return float(round(found)) if self.whole else min(self.high, max(self.low, found))

    def unit(self, value: float) -> float:
        """The coordinate of a value."""
        if self.high == self.low:
            return 0.0
        if self._logs:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return (value - self.low) / (self.high - self.low)

    @property
    def step(self) -> float:
        """A step of the coordinate that changes the value."""
        return max(_STEP, 1.5 / (self.high - self.low)) if self.whole and self.high > self.low else _STEP


@dataclass(frozen=True)
class Fit:
    """The values found, the residuals there, and their derivatives by the unit coordinates, [residuals, unknowns]."""

    values: tuple[float, ...]
    residuals: Vector
    slopes: Vector


def fit(residuals: Residuals, unknowns: Sequence[Unknown]) -> Fit | None:
    """The values with the least sum of squares, descending from the best of the start and of a coarse grid.

    None if there are no residuals at the starting values.
    """
    known: dict[tuple[float, ...], Vector | None] = {}

    def at(units: Vector) -> Vector | None:
        values = _values(unknowns, units)
        if values not in known:
            known[values] = residuals(values)
        return known[values]

    start = np.array([one.unit(one.start) for one in unknowns])
    if at(start) is None:
        return None
    grid = [np.array(point) for point in itertools.product((0.2, 0.8), repeat=len(unknowns))]
    best = min([start, *grid], key=lambda point: _cost(at(point)))
    best = _stepped(at, unknowns, _descended(at, unknowns, best))
    found = at(best)
    assert found is not None  # descents only go where there are residuals, and the first starts where there are
    return Fit(_values(unknowns, best), found, _slopes(at, unknowns, best, found))


def _values(unknowns: Sequence[Unknown], units: Vector) -> tuple[float, ...]:
    return tuple(one.value(float(unit)) for one, unit in zip(unknowns, units, strict=True))


def _cost(found: Vector | None) -> float:
    return float("inf") if found is None else float(found @ found)


def _slopes(at: Callable[[Vector], Vector | None], unknowns: Sequence[Unknown], units: Vector, here: Vector) -> Vector:
    columns = []
    for index, one in enumerate(unknowns):
        column = np.zeros_like(here)
        for direction in (1.0, -1.0) if units[index] < 0.5 else (-1.0, 1.0):
            moved = units.copy()
            moved[index] = min(1.0, max(0.0, units[index] + direction * one.step))
            there = at(moved)
            width = one.unit(one.value(moved[index])) - one.unit(one.value(units[index]))
            if there is not None and width:
                column = (there - here) / width
                break
        columns.append(column)
    return np.stack(columns, axis=1)


def _descended(at: Callable[[Vector], Vector | None], unknowns: Sequence[Unknown], units: Vector) -> Vector:
    here, damping = at(units), 1e-3
    for _ in range(_ROUNDS):
        if here is None or _cost(here) < _SMALL**2:
            break
        slopes = _slopes(at, unknowns, units, here)
        normal, gradient = slopes.T @ slopes, slopes.T @ here
        while damping < _DAMPED:
            damped = normal + damping * np.diag(np.maximum(np.diag(normal), _SMALL))
            moved = np.clip(units - np.linalg.solve(damped, gradient), 0.0, 1.0)
            there = at(moved)
            if there is not None and _cost(there) < _cost(here):
                break
            damping *= 10
        else:
            break
        settled = _cost(there) > _cost(here) * (1 - _SETTLED)
        units, here, damping = moved, there, max(damping / 100, 1e-6)
        if settled:
            break
    return units


def _stepped(at: Callable[[Vector], Vector | None], unknowns: Sequence[Unknown], units: Vector) -> Vector:
    """Whole numbers one up or down as long as that helps; derivatives cannot see single steps."""
    improved = any(one.whole for one in unknowns)
    while improved:
        improved = False
        for index, one in enumerate(unknowns):
            for step in (-1.0, 1.0) if one.whole else ():
                moved = units.copy()
                moved[index] = one.unit(min(one.high, max(one.low, one.value(units[index]) + step)))
                if _cost(at(moved)) < _cost(at(units)):
                    units, improved = moved, True
    return units

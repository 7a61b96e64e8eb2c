"""Two results side by side: what changed as a whole, by cause, by node; and conditions on the change."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from accelsim.errors import InputError, did_you_mean
from accelsim.results.result import Result

METRICS = (
    "latency_s",
    "cycles",
    "initiation_interval_s",
    "throughput_per_s",
    "energy_j",
    "dram_bytes",
    "on_chip_bytes",
    "macs",
    "utilisation",
)

_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION = (
    ("a metric", r"[A-Za-z_][\w.]*"),
    ("one of >=, <=, >, <", r">=|<=|>|<"),
    ("a number", r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"),
    ("%", r"%?"),
    ("% or the end", r"$"),
)
"""What a condition consists of, in order; spaces may stand between."""

_EXAMPLES = "'latency_s > +2%' or 'cycles > 1000000'"


@dataclass(frozen=True)
class Change:
    """A number before and after; None where one side does not have it."""

    name: str
    before: float | None
    after: float | None

    @property
    def percent(self) -> float | None:
        """Change in percent of before; None where one side has no number or before is 0."""
        if self.before is None or self.after is None or (self.before == 0 and self.after != 0):
            return None
        return 0.0 if self.before == self.after else 100 * (self.after - self.before) / abs(self.before)


@dataclass(frozen=True)
class SettingChange:
    """A setting before and after, as text; '' where one side does not have it."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class NodeChange:
    """One node of the model on both sides; `bound` is what limits it before and after, '' where it is not there."""

    name: str
    cycles: Change
    energy_j: Change
    dram_bytes: Change
    bound: tuple[str, str]

    @property
    def differs(self) -> bool:
        numbers = (self.cycles, self.energy_j, self.dram_bytes)
        return self.bound[0] != self.bound[1] or any(number.before != number.after for number in numbers)


@dataclass(frozen=True)
class Comparison:
    """What changed from one result to another. `nodes` begin with the largest change of cycles.

    `untold` names the sides that do not say their hardware's settings: results of accelsim before they were stored.
    """

    before: str
    after: str
    settings: tuple[SettingChange, ...]
    metrics: tuple[Change, ...] = ()
    stalls: tuple[Change, ...] = ()
    nodes: tuple[NodeChange, ...] = ()
    untold: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Change]:
        """Everything that a condition can be about."""
        return {change.name: change for change in (*self.metrics, *self.stalls)}


def compare(before: Result, after: Result, *, names: tuple[str, str] | None = None) -> Comparison:
    """What changed from `before` to `after`."""
    sides = (before, after)
    names = names or (before.hardware, after.hardware)
    untold = tuple(name for name, result in zip(names, sides, strict=True) if not result.settings)
    hardware = [{} if untold else dict(result.settings) for result in sides]
    settings = [_scenario(result) | own for result, own in zip(sides, hardware, strict=True)]
    return Comparison(
        *names,
        settings=changed_settings(*settings),
        metrics=_changes(_metrics(before), _metrics(after)),
        stalls=_changes(*({f"stall_{cause}": float(n) for cause, n in result.stalls.items()} for result in sides)),
        nodes=_node_changes(before, after),
        untold=untold,
    )


def changed_settings(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[SettingChange, ...]:
    """Settings that differ, in the order of the files."""
    paths = dict.fromkeys((*before, *after))
    rows = (SettingChange(path, before.get(path, ""), after.get(path, "")) for path in paths)
    return tuple(row for row in rows if row.before != row.after)


@dataclass(frozen=True)
class Trip:
    """A condition on a change: `latency_s > +2%` (relative) or `latency_s > 0.033` (the new value itself)."""

    text: str
    metric: str
    relation: str
    bound: float
    relative: bool

    def value(self, comparison: Comparison) -> float | None:
        """What is held against the bound. Raises InputError for a metric that is not compared."""
        known = comparison.by_name
        if self.metric not in known:
            place, hint = self.text.index(self.metric), did_you_mean(self.metric, known)
            raise _located(self.text, place, f"'{self.metric}' is not compared{hint}")
        change = known[self.metric]
        return change.percent if self.relative else change.after

    def trips(self, comparison: Comparison) -> bool:
        """Whether the change is one to fail on. A change that cannot be told (from 0, or missing) trips."""
        value = self.value(comparison)
        return value is None or _RELATIONS[self.relation](value, self.bound)


def parse_trip(text: str) -> Trip:
    """Raises InputError, with the column, for what is no condition on a change."""
    place = 0
    words: list[str] = []
    for expected, pattern in _CONDITION:
        match = re.compile(rf"\s*({pattern})").match(text, place)
        if match is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            found = f"'{text[place:]}'" if text[place:] else "the end"
            raise _located(text, place, f"expected {expected}, found {found}; write it as {_EXAMPLES}")
        words.append(match.group(1))
        place = match.end()
    metric, relation, number, percent, _ = words
    return Trip(text, metric, relation, float(number), bool(percent))


def _located(text: str, place: int, what: str) -> InputError:
    return InputError(f"condition '{text}', column {place + 1}: {what}")


def _scenario(result: Result) -> dict[str, str]:
    """What was run, as settings beside those of the hardware."""
    return {
        "model": result.model,
        "tasks": ", ".join(result.scenario.tasks),
        "batch": str(result.scenario.batch),
        "activity": result.scenario.activity_source,
        "graph digest": result.graph_digest[:16],
        "accelsim": result.accelsim_version,
    }


def _metrics(result: Result) -> dict[str, float]:
    found = {name: float(getattr(result, name)) for name in METRICS}
    found |= {f"energy_{scope}_j": joules for scope, joules in result.energy.items()}
    return found | {kind: use.demand for kind, use in result.resources.items()} | dict(result.accuracy or {})


def _changes(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[Change, ...]:
    return tuple(Change(name, before.get(name), after.get(name)) for name in dict.fromkeys((*before, *after)))


def _node_changes(before: Result, after: Result) -> tuple[NodeChange, ...]:
    sides = [{node.name: node for node in result.nodes} for result in (before, after)]

    def change(name: str, metric: str) -> Change:
        first, second = (getattr(side[name], metric) if name in side else None for side in sides)
        return Change(metric, first, second)

    found = [
        NodeChange(
            name,
            change(name, "cycles"),
            change(name, "energy_j"),
            change(name, "dram_bytes"),
            (sides[0][name].bound if name in sides[0] else "", sides[1][name].bound if name in sides[1] else ""),
        )
        for name in dict.fromkeys((*sides[0], *sides[1]))
    ]
    return tuple(sorted(found, key=lambda node: -abs((node.cycles.after or 0) - (node.cycles.before or 0))))

"""Two results side by side: what changed as a whole, by cause, by node; and conditions on the change."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
_CONDITION = re.compile(r"^\s*([\w.]+)\s*(>=|<=|>|<)\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(%?)\s*$")


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
    """A setting of the hardware before and after, as text; '' where one side does not have it."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """What changed from one result to another. `nodes` compares cycles, the largest change first."""

    before: str
    after: str
    settings: tuple[SettingChange, ...]
    metrics: tuple[Change, ...]
    stalls: tuple[Change, ...]
    nodes: tuple[Change, ...]

    def metric(self, name: str) -> Change:
        """The change of a metric. Raises InputError for one that is not compared."""
        known = {change.name: change for change in (*self.metrics, *self.stalls)}
        if name not in known:
            raise InputError(f"'{name}' is not compared{did_you_mean(name, known)}")
        return known[name]


def compare(
    before: Result,
    after: Result,
    *,
    settings: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
    names: tuple[str, str] | None = None,
) -> Comparison:
    """What changed from `before` to `after`; `settings` are those of their hardware by path."""
    first, second = ({n.name: float(n.cycles) for n in result.nodes} for result in (before, after))
    nodes = [Change(name, first.get(name), second.get(name)) for name in dict.fromkeys((*first, *second))]
    return Comparison(
        *(names or (before.hardware, after.hardware)),
        settings=changed_settings(*settings),
        metrics=_changes(_metrics(before), _metrics(after)),
        stalls=_changes(
            *({f"stall_{cause}": float(n) for cause, n in result.stalls.items()} for result in (before, after))
        ),
        nodes=tuple(sorted(nodes, key=lambda change: -abs((change.after or 0) - (change.before or 0)))),
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

    def trips(self, comparison: Comparison) -> bool:
        """Whether the change is one to fail on. A change that cannot be told (from 0, or missing) trips."""
        change = comparison.metric(self.metric)
        value = change.percent if self.relative else change.after
        return value is None or _RELATIONS[self.relation](value, self.bound)


def parse_trip(text: str) -> Trip:
    """Raises InputError for what is no condition on a change."""
    match = _CONDITION.match(text)
    if match is None:
        raise InputError(f"condition '{text}' cannot be read; write it as 'latency_s > +2%' or 'cycles > 1000000'")
    metric, relation, number, percent = match.groups()
    return Trip(text, metric, relation, float(number), bool(percent))


def _metrics(result: Result) -> dict[str, float]:
    found = {name: float(getattr(result, name)) for name in METRICS}
    found |= {f"energy_{scope}_j": joules for scope, joules in result.energy.items()}
    return found | {kind: use.demand for kind, use in result.resources.items()}


def _changes(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[Change, ...]:
    return tuple(Change(name, before.get(name), after.get(name)) for name in dict.fromkeys((*before, *after)))

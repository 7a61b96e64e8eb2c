"""The page of a sweep: front, all settings at once, main effects, failures by reason, a table to sort."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.report.front import COLOURS
from accelsim.report.page.columns import Column, Spelling
from accelsim.report.page.effects import Effect, effect_of, share_table
from accelsim.report.page.render import Figure, render
from accelsim.report.page.run_figures import SYMBOLS
from accelsim.report.sweep import cell, points_table
from accelsim.report.table import Table

if TYPE_CHECKING:
    import pandas

MOST_SAMPLED = 5_000
"""Points that the page holds beside the front: more would be slow to open and no clearer."""

MOST_ON_FRONT = 40_000
"""Points of the front that the page holds, which is 15 MB at the worst; of a larger front, evenly spread ones."""

_FEW_ON_FRONT = 30
"""Of a smaller front, the parallel coordinates begin with all points: a few lines show no pattern."""

_TABLE_ROWS = 500
_FRONT_ROWS = 100
_REASONS = 20
_WIDE = 10
"""Columns whose largest value is that many times their smallest are drawn on a log scale."""

_DETAILS = ("stall_", "energy_")
"""Results of which the page has the total only."""

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,_]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?:\s?(?:[kKMGT]i?)?B\b)?")
_LONG = re.compile(r"\d+\.\d{4,}")


@dataclass(frozen=True)
class SweepPage:
    """What the page of a sweep shows.

    `frame` has all points, `front` those of the Pareto front, `within` which of `frame` were timed and hold the
    `limits`. `groups` and `settings` name the columns that tell points apart, `objectives` map columns to whether more
    is better. `spellings` has for a setting the texts that its values have in a hardware file, where they differ;
    `options` are words of `accelsim simulate` that hold for all points.
    """

    name: str
    title: str
    source: str
    frame: pandas.DataFrame
    front: pandas.DataFrame
    within: npt.NDArray[np.bool_]
    groups: Sequence[str]
    settings: Sequence[str]
    objectives: Mapping[str, bool]
    limits: Sequence[str] = ()
    spellings: Mapping[str, Spelling] = field(default_factory=dict)
    options: str = ""

    def html(self, *, seed: int = 0) -> str:
        """The whole page. Raises MissingExtraError."""
        shown = self._shown(seed)
        effects = [effect_of(name, self._timed, self.objectives, said=self._said) for name in self._varied]
        pictures = [effect.figure(index) for index, effect in enumerate(effects)]
        return render(
            "sweep.html.j2",
            script="sweep.js",
            figures=pictures,
            data=self._data(shown, effects),
            subject=f"{self.name}: sweep",
            heading=self.title or self.name,
            about=f"Sweep {self.name}",
            contents=_CONTENTS,
            facts=self._facts(),
            best=self._best(),
            front=self._front_table(),
            front_note=self._front_note(),
            sample_note=self._sample_note(shown),
            scatter=Figure("scatter", "Points and Pareto front; the table below has the front's numbers", height=520),
            parallel=Figure("parallel", "Parallel coordinates of settings and objectives", height=460, wide=True),
            shares=share_table(effects, list(self.objectives)) if effects else None,
            effects=[(picture, effect.table()) for picture, effect in zip(pictures, effects, strict=True)],
            failures=self._failures(),
            source=self.source,
        )

    @cached_property
    def _timed(self) -> pandas.DataFrame:
        return self.frame[self.frame[list(self.objectives)].notna().all(axis=1)]

    @cached_property
    def _varied(self) -> list[str]:
        return [name for name in (*self.groups, *self.settings) if self.frame[name].nunique(dropna=False) > 1]

    def _shown(self, seed: int) -> pandas.DataFrame:
        """The front, and a sample of the other timed points."""
        front = self.front.index
        if len(front) > MOST_ON_FRONT:
            front = front[np.linspace(0, len(front) - 1, MOST_ON_FRONT).astype(np.int64)]
        others = self._timed.index.difference(self.front.index)
        if len(others) > MOST_SAMPLED:
            others = self._timed.loc[others].sample(MOST_SAMPLED, random_state=seed).index
        return self._timed.loc[front.union(others)]

    def _sample_note(self, shown: pandas.DataFrame) -> str:
        left_out = len(self._timed) - len(shown)
        if not left_out:
            return f"All {len(shown):,} timed points are in this page."
        front = len(self.front)
        whole = "the whole front" if front <= MOST_ON_FRONT else f"{MOST_ON_FRONT:,} of the {front:,} on the front"
        return (
            f"{len(shown):,} of {len(self._timed):,} timed points are in this page: {whole} and a random sample of "
            f"the others; {left_out:,} are left out."
        )

    def _front_note(self) -> str:
        over = int(len(self._timed) - self.within.sum())
        limits = f" {over:,} points over the limits ({'; '.join(self.limits)}) cannot be on it." if over else ""
        senses = ", ".join(f"{name} {'maximised' if more else 'minimised'}" for name, more in self.objectives.items())
        return f"{len(self.front):,} of {len(self._timed):,} timed points are on the front ({senses}).{limits}"

    def _facts(self) -> list[tuple[str, bool]]:
        failed = len(self.frame) - len(self._timed)
        over = int(len(self._timed) - self.within.sum())
        return [
            (f"{len(self.frame):,} points", False),
            (f"{len(self.front):,} on the front", False),
            (f"{over:,} over the limits", False),
            (f"{failed:,} could not be timed", failed > 0),
        ]

    def _best(self) -> list[str]:
        """The points of the front that are best in an objective, and in which."""
        found: dict[Any, list[str]] = {}
        for name, more in self.objectives.items():
            values = self.front[name]
            index = values.idxmax() if more else values.idxmin()
            best = "highest" if more else "lowest"
            found.setdefault(index, []).append(f"{best} {name}, {cell(name, values[index])}")
        return [f"{' and '.join(told)}: {self._told(self.front.loc[index])}" for index, told in found.items()]

    def _front_table(self) -> Table:
        more = len(self.front) - _FRONT_ROWS
        note = f"{more:,} more are in the table of points and its CSV" if more > 0 else ""
        columns = ("point", *self._varied, *self.objectives, "fits")
        return points_table("", self.front.head(_FRONT_ROWS), columns, note=note, said=self._said)

    def _colour(self, effects: Sequence[Effect]) -> str:
        """The setting that decides most of the first objective, of those whose values can be told apart."""
        first = next(iter(self.objectives))
        numeric = {name for name in self._varied if self.frame[name].dtype.kind in "iuf"}
        clear = [effect for effect in effects if effect.name in numeric or len(effect.labels) <= len(COLOURS)]
        return max(clear, key=lambda effect: effect.share[first]).name if clear else first

    def _data(self, shown: pandas.DataFrame, effects: Sequence[Effect]) -> dict[str, Any]:
        objectives = list(self.objectives)
        columns = self._columns(shown)
        positive = [c for c in columns if c.values.dtype.kind in "iuf" and c.values.min() > 0]
        within = np.flatnonzero(self.within)
        return {
            "name": self.name,
            "count": len(shown),
            "columns": [column.record() for column in columns],
            "front": np.flatnonzero(shown.index.isin(self.front.index)).tolist(),
            "over": np.flatnonzero(~shown.index.isin(self.frame.index[within])).tolist(),
            "maximised": [name for name, more in self.objectives.items() if more],
            "x": objectives[0],
            "y": objectives[min(1, len(objectives) - 1)],
            "color": self._colour(effects),
            "log": [c.name for c in positive if c.values.max() > _WIDE * c.values.min()],
            "colours": [*COLOURS[:-1], "var(--ink)"],
            "symbols": list(SYMBOLS),
            "most": _TABLE_ROWS,
            "few": _FEW_ON_FRONT,
            "options": self.options,
        }

    def _columns(self, shown: pandas.DataFrame) -> list[Column]:
        """Names and settings, objectives, then the other results but for their details."""
        roles = {"point": "point"} if "point" in shown.columns else {}
        roles |= dict.fromkeys(self.groups, "name") | dict.fromkeys(self.settings, "setting")
        roles |= dict.fromkeys(self.objectives, "objective")
        rest = [name for name in shown.columns if not name.startswith(_DETAILS) or name == "energy_j"]
        roles |= {name: "result" for name in rest if name not in roles}
        return [Column(name, role, shown[name], self._spelling(name)) for name, role in roles.items()]

    def _spelling(self, name: str) -> Spelling | None:
        return self.spellings.get(name, {}) if name in self.settings else None

    def _failures(self) -> Table:
        """Failed and unfit points by reason; numbers are left out, or every point would have a reason of its own."""
        texts = self.frame["failure"].fillna("")
        texts = texts[texts != ""]
        reasons = texts.map({text: _NUMBER.sub("#", text) for text in texts.unique()})
        counts = reasons.value_counts()
        first = reasons.drop_duplicates()
        examples = {reason: self.frame.loc[index] for index, reason in first.items()}
        rows = tuple(
            (f"{count:,}", f"{100 * count / len(self.frame):.1f}", str(reason), self._told(examples[reason]))
            for reason, count in counts.head(_REASONS).items()
        )
        more = len(counts) - _REASONS
        return Table("", (">points", ">%", "reason", "for example"), rows, f"{more} more reasons" if more > 0 else "")

    def _told(self, row: pandas.Series) -> str:
        return ", ".join(f"{name} = {self._said(name, row[name])}" for name in self._varied)

    def _said(self, name: str, value: Any) -> str:
        """A value as the sweep file spells it, or as people read it."""
        spelled = self.spellings.get(name, {}).get(value) or cell(name, value)
        return _LONG.sub(lambda number: f"{float(number.group()):.6g}", spelled)


_CONTENTS = (
    *(("front", "Front"), ("all", "All settings"), ("effects", "Main effects"), ("failures", "Failures")),
    *(("points", "Points"), ("sweep", "Sweep file")),
)

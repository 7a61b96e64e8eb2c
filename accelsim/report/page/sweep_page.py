"""The page of a sweep: front, all settings at once, main effects, failures by reason, a table to sort."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.report.front import COLOURS
from accelsim.report.page.render import render
from accelsim.report.sweep import cell, points_table
from accelsim.report.table import Table

if TYPE_CHECKING:
    import pandas

MOST_POINTS = 5_000
"""Points that the page holds beside the front: more would be slow to open and no clearer."""

_PAGE_ROWS = 500
_FRONT_ROWS = 100
_REASONS = 20
_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,_]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?:\s?(?:[kKMGT]i?)?B\b)?")


@dataclass(frozen=True)
class SweepPage:
    """What the page of a sweep shows.

    `frame` has all points, `front` those of the Pareto front, `groups` and `settings` name the columns that tell points
    apart, `objectives` map columns to whether more is better.
    """

    name: str
    title: str
    source: str
    frame: pandas.DataFrame
    front: pandas.DataFrame
    groups: Sequence[str]
    settings: Sequence[str]
    objectives: Mapping[str, bool]
    over_limits: int

    def html(self, *, seed: int = 0) -> str:
        """The whole page. Raises MissingExtraError."""
        timed = self.frame[self.frame[list(self.objectives)].notna().all(axis=1)]
        others = timed.index.difference(self.front.index)
        left_out = max(0, len(others) - MOST_POINTS)
        sample = timed.loc[others].sample(MOST_POINTS, random_state=seed).index if left_out else others
        shown = timed.loc[self.front.index.union(sample)]
        said = f"{len(shown):,} of {len(timed):,} timed points are in this page: the front and a sample"
        note = (
            f"{said}; {left_out:,} are left out." if left_out else f"All {len(shown):,} timed points are in this page."
        )
        varied = self._varied()
        return render(
            "sweep.html.j2",
            data=self._data(shown, varied),
            name=self.name,
            title=self.title,
            verdict=self._verdict(len(timed)),
            front=self._front_table(varied),
            front_note=f"{len(self.front):,} of {len(timed):,} points are on the front.",
            sample_note=note,
            effects=[self._effect(name, timed) for name in varied],
            failures=_failures(self.frame),
            source=self.source,
        )

    def _varied(self) -> list[str]:
        return [name for name in (*self.groups, *self.settings) if self.frame[name].nunique(dropna=False) > 1]

    def _verdict(self, timed: int) -> list[str]:
        failed = len(self.frame) - timed
        lines = [f"{len(self.frame):,} points, {failed:,} could not be timed, {self.over_limits:,} are over limits."]
        for name, more in self.objectives.items():
            values = self.front[name]
            row = self.front.loc[values.idxmax() if more else values.idxmin()]
            told = ", ".join(f"{key} = {cell(key, row[key])}" for key in self._varied())
            best = "Highest" if more else "Lowest"
            lines.append(f"{best} {name}: {cell(name, row[name])}" + (f" ({told})" if told else ""))
        return lines

    def _front_table(self, varied: Sequence[str]) -> Table:
        more = len(self.front) - _FRONT_ROWS
        note = f"{more:,} more are in the store" if more > 0 else ""
        columns = (*varied, *self.objectives, "fits")
        return points_table("", self.front.head(_FRONT_ROWS), columns, note=note)

    def _effect(self, name: str, timed: pandas.DataFrame) -> Table:
        rows = []
        for value, own in timed.groupby(name, sort=True, dropna=False):
            cells = [cell(name, value), f"{len(own):,}"]
            for objective, more in self.objectives.items():
                best = own[objective].max() if more else own[objective].min()
                cells += [cell(objective, float(own[objective].mean())), cell(objective, float(best))]
            rows.append(tuple(cells))
        headings = [name, ">points"] + [f">{kind} {one}" for one in self.objectives for kind in ("mean", "best")]
        return Table(name, tuple(headings), tuple(rows))

    def _data(self, shown: pandas.DataFrame, varied: Sequence[str]) -> dict[str, Any]:
        objectives = list(self.objectives)
        rest = ("latency_s", "energy_j", "utilisation", "dsp", "bram36", "lut", "fits", "limited_by")
        columns = list(dict.fromkeys((*varied, *objectives, *(name for name in rest if name in shown.columns))))
        x, y = objectives[0], objectives[min(1, len(objectives) - 1)]
        colour = next((n for n in varied if shown[n].nunique() <= len(COLOURS)), varied[0] if varied else x)
        numbers = [name for name in columns if shown[name].dtype.kind in "if"]
        wide = [n for n in numbers if shown[n].min() > 0 and shown[n].max() > 20 * shown[n].min()]
        return {
            "name": self.name,
            "columns": columns,
            "rows": [[_plain(value) for value in row] for row in shown[columns].itertuples(index=False, name=None)],
            "front": shown.index.isin(self.front.index).tolist(),
            "commands": [self._command(row) for row in shown.to_dict("records")],
            "settings": list(varied) or columns[:1],
            "varied": list(varied),
            "x": x,
            "y": y,
            "color": colour,
            "log": wide,
            "colours": list(COLOURS),
            "symbols": list(_SYMBOLS),
            "page": _PAGE_ROWS,
        }

    def _command(self, row: Mapping[str, Any]) -> str:
        """What times this one point again."""
        words = ["accelsim simulate", str(row["model"]), str(row["hardware"])]
        words += [f"--task {row['task']}"] if row.get("task") else []
        return " ".join([*words, *(f"-s {name}='{self.spelled(name, row[name])}'" for name in self.settings)])

    def spelled(self, name: str, value: Any) -> str:
        """A setting's value as a hardware file would hold it."""
        return str(value)


def _failures(frame: pandas.DataFrame) -> Table:
    """Failed and unfit points by reason; numbers are left out, or every point would have a reason of its own."""
    reasons = frame["failure"].fillna("")
    reasons = reasons[reasons != ""].map(lambda text: _NUMBER.sub("#", text))
    counts = reasons.value_counts()
    rows = tuple((f"{count:,}", str(reason)) for reason, count in counts.head(_REASONS).items())
    more = len(counts) - _REASONS
    return Table("", (">points", "reason"), rows, f"{more} more reasons" if more > 0 else "")


def _plain(value: Any) -> Any:
    """A value as JSON has it; missing numbers are null."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value

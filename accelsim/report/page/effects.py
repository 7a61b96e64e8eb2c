"""What each setting of a sweep does alone: how much of the variation it explains, and means and best values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.report.front import COLOURS
from accelsim.report.page.render import Figure
from accelsim.report.sweep import cell
from accelsim.report.table import Table

if TYPE_CHECKING:
    import pandas

MOST_GROUPS = 24
"""Values of a setting that are told apart; more become as many ranges, or the most frequent and the others."""

_GAP = 0.09


@dataclass(frozen=True)
class Effect:
    """One setting: labels of its values in order, points of each, and for each objective their mean and best.

    `share` maps an objective to the part of its variance that lies between the values: the first-order effect of
    analysis of variance, 1 where the setting alone decides.
    """

    name: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    means: Mapping[str, tuple[float, ...]]
    best: Mapping[str, tuple[float, ...]]
    share: Mapping[str, float]

    def table(self) -> Table:
        headings = [self.name, ">points"] + [f">{kind} {name}" for name in self.means for kind in ("mean", "best")]
        columns = [column for name in self.means for column in zip(self.means[name], self.best[name], strict=True)]
        width = len(self.labels)
        per_objective = [columns[i * width : (i + 1) * width] for i in range(len(self.means))]
        rows = tuple(
            (label, f"{count:,}", *(cell(name, one) for name, found in zip(self.means, per_objective, strict=True)
                                    for one in found[row]))
            for row, (label, count) in enumerate(zip(self.labels, self.counts, strict=True))
        )  # fmt: skip
        return Table(self.name, tuple(headings), rows)

    def figure(self, index: int) -> Figure:
        """Mean and best of each objective over the values, side by side."""
        width = (1 + _GAP) / len(self.means)
        traces: list[dict[str, Any]] = []
        layout: dict[str, Any] = {"showlegend": True}
        for place, objective in enumerate(self.means):
            axis = "" if place == 0 else str(place + 1)
            start = place * width
            layout[f"xaxis{axis}"] = {"domain": [start, start + width - _GAP], "anchor": f"y{axis}", "type": "category"}
            layout[f"yaxis{axis}"] = {"title": {"text": objective}, "anchor": f"x{axis}", "rangemode": "tozero"}
            for kind, values, dash, symbol in (
                ("mean", self.means[objective], "solid", "circle"),
                ("best", self.best[objective], "dot", "diamond"),
            ):
                colour = COLOURS[0 if kind == "mean" else 1]
                traces.append(
                    {
                        "type": "scatter",
                        "mode": "lines+markers",
                        "name": kind,
                        "showlegend": place == 0,
                        "x": self.labels,
                        "y": [float(f"{value:.6g}") for value in values],
                        "xaxis": f"x{axis}",
                        "yaxis": f"y{axis}",
                        "line": {"color": colour, "dash": dash},
                        "marker": {"color": colour, "symbol": symbol, "size": 7},
                        "hovertemplate": f"%{{x}}<br>{kind} {objective}: %{{y:.5g}}<extra></extra>",
                    }
                )
        alt = f"Mean and best values over {self.name}; the table below has the numbers"
        return Figure(f"effect-{index}", alt, tuple(traces), layout, height=290, wide=True)


def effect_of(
    name: str, frame: pandas.DataFrame, objectives: Mapping[str, bool], *, said: Callable[[str, Any], str] = cell
) -> Effect:
    """The effect of column `name` over the rows of `frame`; `objectives` map columns to whether more is better, `said`
    makes the text of a value."""
    groups, labels = _groups(name, frame[name], said)
    counts = np.bincount(groups, minlength=len(labels))
    means: dict[str, tuple[float, ...]] = {}
    best: dict[str, tuple[float, ...]] = {}
    share: dict[str, float] = {}
    for objective, more in objectives.items():
        values = frame[objective].to_numpy(np.float64)
        mean = np.bincount(groups, values, len(labels)) / counts
        extreme = np.full(len(labels), -np.inf if more else np.inf)
        (np.maximum if more else np.minimum).at(extreme, groups, values)
        total = float(((values - values.mean()) ** 2).sum())
        between = float((counts * (mean - values.mean()) ** 2).sum())
        means[objective], best[objective] = tuple(mean.tolist()), tuple(extreme.tolist())
        share[objective] = between / total if total else 0.0
    return Effect(name, labels, tuple(counts.tolist()), means, best, share)


def share_table(effects: Sequence[Effect], objectives: Sequence[str]) -> Table:
    """The settings, the one that decides most of the first objective first."""
    ranked = sorted(effects, key=lambda effect: -effect.share[objectives[0]])
    rows = tuple((effect.name, *(f"{100 * effect.share[name]:.1f}" for name in objectives)) for effect in ranked)
    note = "What is missing to 100 % comes from settings acting together. Over all timed points."
    headings = ("setting", *(f">{name} %" for name in objectives))
    return Table("Share of the variance that each setting explains alone", headings, rows, note)


def _groups(
    name: str, values: pandas.Series, said: Callable[[str, Any], str]
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """For each row the number of its group, and the groups' labels; no group is empty."""
    import pandas

    numeric = values.dtype.kind in "iuf" and bool(values.notna().all())
    codes, levels = pandas.factorize(values, sort=numeric, use_na_sentinel=False)
    codes = codes.astype(np.int64)
    if len(levels) <= MOST_GROUPS:
        return codes, tuple(said(name, level) for level in levels.tolist())
    if numeric:
        places = np.arange(len(levels)) * MOST_GROUPS // len(levels)
        runs = [np.flatnonzero(places == group)[[0, -1]] for group in range(MOST_GROUPS)]
        return places[codes], tuple(" - ".join(said(name, levels[end]) for end in dict.fromkeys(run)) for run in runs)
    frequent = np.argsort(-np.bincount(codes), kind="stable")[: MOST_GROUPS - 1]
    places = np.full(len(levels), MOST_GROUPS - 1, np.int64)
    places[frequent] = np.arange(MOST_GROUPS - 1)
    told = [said(name, level) for level in levels[frequent].tolist()]
    return places[codes], (*told, f"{len(levels) - len(told)} others")

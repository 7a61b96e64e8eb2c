"""The picture of a Pareto front, as data and as a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, MissingExtraError, did_you_mean

if TYPE_CHECKING:
    import pandas

MOST_POINTS = 20_000
MOST_COLOURS = 8
# Okabe and Ito's colours, told apart by people with any colour vision ("Color Universal Design", 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
_OVER_COLOUR = "#B0B0B0"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


@dataclass(frozen=True)
class FrontFigure:
    """All timed points as a cloud (a sample where there are too many) and the front.

    `maximise` maps the objectives to whether more is better; with two of them, drawn as `x` and `y`, the front is a
    line, below or beyond which no point lies. `groups` map a value of the colour column to rows of `cloud`, `over` are
    the rows over the limits; `shade` is the colour column where it has more numbers than colours can tell apart.
    `left_out` counts points not drawn.
    """

    x: str
    y: str
    cloud: pandas.DataFrame
    front: pandas.DataFrame
    color: str | None
    groups: dict[str, list[int]]
    left_out: int
    maximise: Mapping[str, bool]
    over: list[int]
    shade: str | None = None

    @property
    def stairs(self) -> str:
        """How matplotlib joins the points of the front: each holds until the next one; '' where there is no line."""
        if set(self.maximise) != {self.x, self.y}:
            return ""
        return "steps-pre" if self.maximise[self.x] else "steps-post"


def front_figure(
    frame: pandas.DataFrame,
    front: pandas.DataFrame,
    *,
    x: str,
    y: str,
    color: str | None,
    maximise: Mapping[str, bool],
    within: npt.NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> FrontFigure:
    """What to draw; `within` tells which points hold the limits (None: all).

    Raises InputError for a colour column that is not there, or has too many values and is no number.
    """
    if color is not None and color not in frame.columns:
        raise InputError(f"no column '{color}' to colour by{did_you_mean(color, frame.columns)}")
    there = frame[[x, y]].notna().all(axis=1).to_numpy()
    held = there if within is None else there & within
    rows = np.flatnonzero(there)
    left_out = max(0, rows.size - MOST_POINTS)
    if left_out:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_POINTS, replace=False))
    cloud, inside = frame.iloc[rows], np.flatnonzero(held[rows])
    groups: dict[str, list[int]] = {"": inside.tolist()}
    shade = None
    if color is not None:
        values = frame[color]
        levels = (
            np.unique(values.to_numpy()) if values.dtype.kind in "iufb" else np.array(sorted(map(str, values.unique())))
        )
        numeric = values.dtype.kind in "iuf"
        if len(levels) <= MOST_COLOURS:
            own = cloud[color].to_numpy() if numeric else cloud[color].astype(str).to_numpy()
            groups = {str(level): inside[own[inside] == level].tolist() for level in levels}
        elif numeric:
            shade = color
        else:
            found = f"column '{color}' has {len(levels)} values that are no numbers"
            raise InputError(f"{found}; at most {MOST_COLOURS} can be told apart")
    over = np.flatnonzero(~held[rows]).tolist()
    return FrontFigure(x, y, cloud, front.sort_values(x), color, groups, left_out, maximise, over, shade)


def draw_front(figure: FrontFigure) -> Any:
    """The figure for PNG, SVG or PDF, a matplotlib Figure. Raises MissingExtraError."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtraError("matplotlib", "plot", "a plot") from None
    drawing = Figure(figsize=(7, 4.5), layout="constrained")
    axes = drawing.add_subplot()
    xs, ys = figure.cloud[figure.x].to_numpy(), figure.cloud[figure.y].to_numpy()
    if figure.over:
        axes.scatter(xs[figure.over], ys[figure.over], s=6, color=_OVER_COLOUR, marker="x", linewidths=0.5,
                     label=f"over the limits ({len(figure.over):,})")  # fmt: skip
    for index, (name, rows) in enumerate(figure.groups.items()):
        style: dict[str, Any] = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}
        if figure.shade:
            style = {"c": figure.cloud[figure.shade].to_numpy()[rows], "cmap": "cividis"}
        drawn = axes.scatter(xs[rows], ys[rows], s=9, alpha=0.5, linewidths=0, label=name or "points", **style)
        if figure.shade:
            drawing.colorbar(drawn, ax=axes, label=figure.shade)
    line: dict[str, Any] = {"color": "black", "linewidth": 1, "marker": "o", "markersize": 4, "markerfacecolor": "none"}
    line |= {"drawstyle": figure.stairs} if figure.stairs else {"linestyle": "none"}
    axes.plot(figure.front[figure.x], figure.front[figure.y], label=f"front ({len(figure.front)})", **line)
    for axis, name in (("x", figure.x), ("y", figure.y)):
        values = figure.cloud[name].to_numpy(np.float64)
        if (values > 0).all() and values.max() > 20 * values.min():
            getattr(axes, f"set_{axis}scale")("log")
        sense = "maximised" if figure.maximise[name] else "minimised"
        getattr(axes, f"set_{axis}label")(f"{name}, {sense}")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8, markerscale=1.6, title=None if figure.shade else figure.color, title_fontsize=8)
    if figure.left_out:
        axes.set_title(f"{len(figure.cloud):,} points drawn, {figure.left_out:,} left out", fontsize=9)
    return drawing

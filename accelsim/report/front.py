"""The picture of a Pareto front, as data and as a matplotlib figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import pandas

MOST_POINTS = 20_000
MOST_COLOURS = 8
# Okabe and Ito's colours, told apart by people with any colour vision ("Color Universal Design", 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


@dataclass(frozen=True)
class FrontFigure:
    """All points as a cloud (a sample where there are too many), the front as a line through its points.

    `groups` maps a value of the colour column to the rows of `cloud`; `left_out` counts points not drawn.
    """

    x: str
    y: str
    cloud: pandas.DataFrame
    front: pandas.DataFrame
    color: str | None
    groups: dict[str, list[int]]
    left_out: int


def front_figure(
    frame: pandas.DataFrame, front: pandas.DataFrame, *, x: str, y: str, color: str | None, seed: int = 0
) -> FrontFigure:
    """What to draw. Raises InputError for a colour column that is not there or has too many values."""
    shown = frame[frame[[x, y]].notna().all(axis=1)]
    left_out = max(0, len(shown) - MOST_POINTS)
    cloud = shown.sample(MOST_POINTS, random_state=seed).sort_index() if left_out else shown
    groups: dict[str, list[int]] = {"": list(range(len(cloud)))}
    if color is not None:
        if color not in frame.columns:
            raise InputError(f"no column '{color}' to colour by")
        names = sorted(map(str, frame[color].unique()))
        if len(names) > MOST_COLOURS:
            raise InputError(f"column '{color}' has {len(names)} values; at most {MOST_COLOURS} can be told apart")
        values = cloud[color].astype(str).to_numpy()
        groups = {name: np.flatnonzero(values == name).tolist() for name in names}
    return FrontFigure(x, y, cloud, front.sort_values(x), color, groups, left_out)


def draw_front(figure: FrontFigure) -> Any:
    """The figure for PNG, SVG or PDF, a matplotlib Figure. Raises MissingExtraError."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtraError("matplotlib", "plot", "a plot") from None
    drawing = Figure(figsize=(7, 4.5), layout="constrained")
    axes = drawing.add_subplot()
    xs, ys = figure.cloud[figure.x].to_numpy(), figure.cloud[figure.y].to_numpy()
    for index, (name, rows) in enumerate(figure.groups.items()):
        style: dict[str, Any] = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}
        axes.scatter(xs[rows], ys[rows], s=9, alpha=0.35, linewidths=0, label=name or "points", **style)
    line: dict[str, Any] = {"color": "black", "linewidth": 1, "marker": "o", "markersize": 4, "markerfacecolor": "none"}
    axes.plot(figure.front[figure.x], figure.front[figure.y], label=f"front ({len(figure.front)})", **line)
    for axis, name in (("x", figure.x), ("y", figure.y)):
        values = figure.cloud[name].to_numpy(np.float64)
        if (values > 0).all() and values.max() > 20 * values.min():
            getattr(axes, f"set_{axis}scale")("log")
        getattr(axes, f"set_{axis}label")(name)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    if figure.left_out:
        axes.set_title(f"{len(figure.cloud):,} points drawn, {figure.left_out:,} left out", fontsize=9)
    return drawing

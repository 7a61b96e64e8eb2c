"""latency.png: where the time of a frame goes, by kind of work and by cause. The only file that draws."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from accelsim.errors import MissingExtraError
from accelsim.report.figures import CAUSE_COLOURS, CAUSE_TITLES, Bar, by_part, merged
from accelsim.report.scale import Scale, percent, time_scale
from accelsim.report.verdict import headline, subject
from accelsim.results.result import Result

MOST_BARS = 12


def require_plot() -> None:
    """Raises MissingExtraError when figures cannot be drawn, so that a long run can stop before it starts."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "plot", "drawing figures")


def latency_png(result: Result, path: Path) -> None:
    """Draw the latency breakdown to `path`; the same result gives the same bytes."""
    draw_latency(result).savefig(path, format="png", metadata={"Software": None})


def draw_latency(result: Result) -> Any:
    """Where the time goes, by kind of work and by cause, a matplotlib Figure. Raises MissingExtraError."""
    require_plot()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    breakdown = merged(by_part(result), MOST_BARS)
    scale = time_scale(breakdown.cycles / breakdown.clock_hz)
    ticks_per_unit = breakdown.clock_hz * scale.factor
    causes = _drawn_causes(breakdown.bars)
    figure = Figure(figsize=(10, 1.9 + 0.42 * len(breakdown.bars)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    bars = tuple(reversed(breakdown.bars))
    left = [0.0] * len(bars)
    for cause in causes:
        sizes = [bar.causes.get(cause, 0) / ticks_per_unit for bar in bars]
        colour = CAUSE_COLOURS.get(cause, "#000000")
        axes.barh(
            range(len(bars)),
            sizes,
            left=left,
            height=0.72,
            color=colour,
            label=CAUSE_TITLES.get(cause, cause),
        )
        left = [start + size for start, size in zip(left, sizes, strict=True)]
    for row, bar in enumerate(bars):
        axes.annotate(
            _label(bar, breakdown.cycles, scale, ticks_per_unit),
            (left[row], row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars])
    axes.set_xlabel(f"time in a frame, {scale.unit}" if not result.frames else f"time, {scale.unit}")
    axes.set_xlim(0, 1.16 * max(left, default=1.0))
    _plain_frame(axes)
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    figure.suptitle(subject(result), fontsize=12, fontweight="bold", x=0.01, ha="left")
    axes.set_title(headline(result), fontsize=9.5, loc="left", color="#444444")
    return figure


def _drawn_causes(bars: tuple[Bar, ...]) -> list[str]:
    present = {cause for bar in bars for cause, cycles in bar.causes.items() if cycles}
    return [cause for cause in CAUSE_COLOURS if cause in present] + sorted(present - set(CAUSE_COLOURS))


def _label(bar: Bar, cycles: int, scale: Scale, ticks_per_unit: float) -> str:
    value = bar.cycles / ticks_per_unit * scale.factor
    return f"{scale.cell(value)} {scale.unit}, {percent(bar.cycles, cycles)} %"


def _plain_frame(axes: Any) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)

"""A page of a claim: Markdown with tables, and a figure in which simulated and published numbers look different."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.claims.published import Point

_OURS, _THEIRS = "#0072B2", "#D55E00"


@dataclass(frozen=True)
class Bar:
    """A number of the figure; `published` ones are drawn hatched, with their confidence in the label."""

    label: str
    value: float
    published: bool = False


@dataclass(frozen=True)
class Figure:
    """Horizontal bars of one unit, from the top down; `log` for values that are orders of magnitude apart."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    log: bool = False


@dataclass(frozen=True)
class Page:
    """What a page says: the claim, what the simulator finds, sections of Markdown, and the published points."""

    name: str
    title: str
    claim: str
    found: str
    sections: tuple[str, ...]
    figure: Figure
    points: tuple[Point, ...]
    commands: tuple[str, ...]


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are right-aligned."""
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, rule, *rows))


def section(title: str, *parts: str) -> str:
    return "\n\n".join([f"## {title}", *parts])


def bar_of(point: Point, scale: float = 1.0) -> Bar:
    """A published point as a bar."""
    return Bar(f"{point.model} ({point.confidence})", point.value * scale, published=True)


def markdown(page: Page) -> str:
    """The page as text. Simulated numbers stand in its own sections, published ones at the end."""
    parts = [
        f"# {page.title}",
        f"Claim: {page.claim}",
        f"On the simulator: {page.found}",
        f"![{page.figure.title}]({page.name}.png)",
        *page.sections,
        section("Published points", _NEVER_MIXED, _points(page.points)),
        section("Made by", "\n".join(f"    {command}" for command in page.commands)),
    ]
    return "\n\n".join(parts) + "\n"


_NEVER_MIXED = (
    "Numbers of papers, for comparison; no simulated number stands among them. quoted: read in the paper. third-party: "
    "read elsewhere. unverified: remembered or contradicted. derived: arithmetic on quoted numbers."
)


def _points(points: Sequence[Point]) -> str:
    rows = [
        (p.paper, p.model, p.dataset, p.metric, f"{p.value:g} {p.unit}".strip(), p.cost, p.confidence, p.source)
        for p in points
    ]
    return table(("paper", "model", "data", "metric", "value", "cost", "confidence", "source"), rows)


def write_page(page: Page, folder: Path) -> None:
    """NAME.md and NAME.png in `folder`; the same page gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{page.name}.md").write_text(markdown(page), encoding="utf-8")
    _draw(page.figure, folder / f"{page.name}.png")


def _draw(figure: Figure, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas
    from matplotlib.patches import Patch

    bars = tuple(reversed(figure.bars))
    canvas = Canvas(figsize=(9, 1.3 + 0.36 * len(bars)), dpi=110, layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.add_subplot()
    for row, bar in enumerate(bars):
        look = {"color": "none", "edgecolor": _THEIRS, "hatch": "////"} if bar.published else {"color": _OURS}
        axes.barh(row, bar.value, height=0.7, **look)
        axes.annotate(
            f"{bar.value:.4g}", (bar.value, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=8)
    if figure.log:
        axes.set_xscale("log")
    values = [bar.value for bar in bars if bar.value]
    axes.set_xlim(min(values) / 5 if figure.log else 0, max(values) * (3.0 if figure.log else 1.15))
    axes.set_xlabel(figure.unit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(figure.title, loc="left", fontsize=10)
    kinds = [Patch(color=_OURS, label="simulated")]
    if any(bar.published for bar in bars):
        kinds.append(Patch(facecolor="none", edgecolor=_THEIRS, hatch="////", label="published"))
    canvas.legend(handles=kinds, loc="outside lower right", ncols=2, frameon=False, fontsize=8)
    canvas.savefig(path, format="png", metadata={"Software": None})

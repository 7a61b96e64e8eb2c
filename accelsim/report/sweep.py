"""Tables about many points: what a sweep would be, and the front of one that was run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from accelsim.report.table import Notes, Section, Table
from accelsim.units import format_joules, format_seconds

if TYPE_CHECKING:
    import pandas

_SHOWN = ("latency_s", "energy_j", "fits")
_FORMATS = {"latency_s": format_seconds, "energy_j": format_joules}


def preview_sections(
    name: str,
    *,
    points: int,
    before_where: int,
    seconds: float,
    cores: int,
    first: pandas.DataFrame,
    varied: Sequence[str],
) -> list[Section]:
    """How many points, how long, the first rows."""
    left_out = (
        f" of {before_where:,} ({1 - points / before_where:.0%} left out by where)" if points < before_where else ""
    )
    lines = (
        f"{points:,} points{left_out}",
        f"about {format_seconds(seconds)} on {cores} core{'s' if cores > 1 else ''} of this machine",
    )
    return [Notes(f"Sweep {name}", lines), points_table("First points", first, (*varied, *_SHOWN))]


def cell(name: str, value: Any) -> str:
    """A value as people read it: seconds and joules with their unit, missing ones as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if name in _FORMATS:
        return _FORMATS[name](float(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.6g}" if isinstance(value, (int, float)) else str(value)


def points_table(
    title: str,
    frame: pandas.DataFrame,
    columns: Sequence[str],
    *,
    note: str = "",
    said: Callable[[str, Any], str] = cell,
) -> Table:
    """Points as rows; settings that are the same in all of them go into the note. `said` makes the text of a value."""
    there = [name for name in columns if name in frame.columns]
    same = [name for name in there if len(frame) > 1 and name not in _SHOWN and frame[name].nunique(dropna=False) == 1]
    shown = [name for name in there if name not in same]
    headings = tuple(f">{name}" if frame[name].dtype.kind in "if" else name for name in shown)
    rows = tuple(tuple(said(name, value) for name, value in zip(shown, row, strict=True))
                 for row in frame[shown].itertuples(index=False, name=None))  # fmt: skip
    fixed = ", ".join(f"{name} = {said(name, frame[name].iloc[0])}" for name in same)
    return Table(title, headings, rows, "; ".join(text for text in (f"all: {fixed}" if fixed else "", note) if text))

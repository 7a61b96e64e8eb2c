"""Validation rows as a table, JSON or CSV: published numbers beside simulated ones."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields

from accelsim.report.scale import significant
from accelsim.report.table import Notes, Section, Table
from accelsim.results.validation import ValidationRow, failures

_MOST_ROWS, _MOST_NAMED = 60, 12
_SUMMARY = ("metric", "unit", ">rows", ">within band", ">worst error %")
_HEADINGS = ("case", "metric", ">published", ">simulated", "range", ">err %", ">band %", "verdict")


def validation_sections(rows: Sequence[ValidationRow]) -> list[Section]:
    """A table a suite, then what the rows assume, then the count of scored rows in and out of their bands.

    A suite of more than 60 rows is shown as one row a metric and the rows outside their band.
    """
    sections: list[Section] = []
    for suite in dict.fromkeys(row.suite for row in rows):
        members = [row for row in rows if row.suite == suite]
        if len(members) > _MOST_ROWS:
            sections.extend(_summarised(suite, members))
            notes = tuple(_notes_by_metric(members))
        else:
            sections.append(Table(suite, _HEADINGS, tuple(_cells(row) for row in members)))
            notes = tuple(f"{row.case}, {row.metric}: {row.note}" for row in members if row.note)
        sources = tuple(dict.fromkeys(f"published: {row.source} ({row.evidence})" for row in members if row.source))
        sections.append(Notes(f"About {suite}", (*notes, *sources)))
    return [*sections, Notes("Verdict", (summary(rows),))]


def _notes_by_metric(rows: Sequence[ValidationRow]) -> Iterator[str]:
    """What the notes of a metric's rows have in common, and where to find the rest."""
    for metric in dict.fromkeys(row.metric for row in rows):
        notes = [row.note.split("; ") for row in rows if row.metric == metric]
        shared = [part for part in notes[0] if part and all(part in note for note in notes)]
        if any(set(note) - {"", *shared} for note in notes):
            shared.append("a note for each row, see --format csv")
        if shared:
            yield f"{metric}: {'; '.join(shared)}"


def _summarised(suite: str, rows: Sequence[ValidationRow]) -> list[Section]:
    """One row a metric, and the rows outside their band: the first 60 and how many more."""
    cases = len({row.case for row in rows})
    lines = []
    for metric in dict.fromkeys(row.metric for row in rows):
        members = [row for row in rows if row.metric == metric]
        scored = [row for row in members if row.scored]
        inside = str(sum(1 for row in scored if row.ok)) if scored else "shown"
        worst = max((abs(row.error_pct) for row in members if row.error_pct is not None), default=0.0)
        lines.append((metric, members[0].unit, str(len(members)), inside, f"{worst:.3g}"))
    found: list[Section] = [Table(f"{suite}, {cases} cases", _SUMMARY, tuple(lines))]
    outside = failures(rows)
    if outside:
        shown = outside[:_MOST_ROWS]
        title = f"{suite}, outside their band: {len(shown)} of {len(outside)} rows"
        found.append(Table(title, _HEADINGS, tuple(_cells(row) for row in shown)))
    return found


def summary(rows: Sequence[ValidationRow]) -> str:
    scored = [row for row in rows if row.scored]
    outside = failures(rows)
    text = f"{len(scored) - len(outside)} of {len(scored)} scored rows are within their band"
    if outside:
        text += "; outside: " + ", ".join(f"{row.suite} {row.case} {row.metric}" for row in outside[:_MOST_NAMED])
        if len(outside) > _MOST_NAMED:
            text += f" and {len(outside) - _MOST_NAMED} more"
    return f"{text}; {len(rows) - len(scored)} rows are shown and not scored"


def validation_json(rows: Sequence[ValidationRow]) -> str:
    return json.dumps([asdict(row) for row in rows], indent=1, allow_nan=False) + "\n"


def validation_csv(rows: Sequence[ValidationRow]) -> str:
    names = [item.name for item in fields(ValidationRow)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    return text.getvalue()


def _cells(row: ValidationRow) -> tuple[str, ...]:
    verdicts = {True: "ok", False: "OUTSIDE", None: "shown"}
    return (
        row.case,
        _metric(row),
        "-" if row.published is None else significant(row.published, 4),
        significant(row.simulated, 4),
        _range(row),
        "-" if row.error_pct is None else f"{row.error_pct:+.1f}",
        "" if row.band_pct is None else f"{row.band_pct:g}",
        verdicts[row.ok],
    )


def _metric(row: ValidationRow) -> str:
    """The metric with its unit, unless its name ends with it."""
    return (
        row.metric
        if row.unit in ("", "1") or row.metric.endswith(f"_{row.unit.lower()}")
        else f"{row.metric} {row.unit}"
    )


def _range(row: ValidationRow) -> str:
    if row.low is None or row.high is None:
        return ""
    low, high = significant(row.low, 3), significant(row.high, 3)
    return "" if low == high else f"[{low}-{high}]"

"""Tables of a comparison."""

from __future__ import annotations

import json
from dataclasses import asdict

from accelsim.report.table import Notes, Section, Table
from accelsim.results.compare import Change, Comparison

_SHOWN_NODES = 15


def comparison_sections(comparison: Comparison) -> list[Section]:
    """Settings, totals, causes and nodes that changed; what is equal is counted only."""
    found: list[Section] = []
    if comparison.settings:
        rows = tuple((row.path, row.before or "-", row.after or "-") for row in comparison.settings)
        found.append(Table("Settings", ("setting", comparison.before, comparison.after), rows))
    else:
        found.append(Notes("Settings", ("no value of the hardware differs",)))
    for title, changes in (("Totals", comparison.metrics), ("Cycles by cause", comparison.stalls)):
        found.append(_table(title, changes, comparison))
    if comparison.nodes:
        found.append(_table("Cycles of nodes", comparison.nodes, comparison, most=_SHOWN_NODES))
    return found


def _table(title: str, changes: tuple[Change, ...], comparison: Comparison, most: int | None = None) -> Table:
    different = [change for change in changes if change.before != change.after]
    shown = different[:most]
    equal, more = len(changes) - len(different), len(different) - len(shown)
    notes = [f"{equal} equal"] * bool(equal) + [f"{more} more differ (--format csv has all)"] * bool(more)
    rows = tuple((c.name, _number(c.before), _number(c.after), _percent(c)) for c in shown)
    headings = ("", f">{comparison.before}", f">{comparison.after}", ">change")
    return Table(title, headings, rows, ", ".join(notes))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}" if value % 1 else f"{int(value):,}"


def _percent(change: Change) -> str:
    return "-" if change.percent is None else f"{change.percent:+.1f} %"


def comparison_json(comparison: Comparison) -> str:
    """All changes, with the percentages."""
    record = asdict(comparison)
    for kind in ("metrics", "stalls", "nodes"):
        record[kind] = [{**asdict(c), "percent": c.percent} for c in getattr(comparison, kind)]
    return json.dumps(record, indent=1) + "\n"


def comparison_csv(comparison: Comparison) -> str:
    """A row for each setting, metric, cause and node."""
    rows = [("setting", row.path, row.before, row.after, "") for row in comparison.settings]
    for kind, changes in (("metric", comparison.metrics), ("stall", comparison.stalls), ("node", comparison.nodes)):
        rows += [(kind, c.name, _plain(c.before), _plain(c.after), _plain(c.percent)) for c in changes]
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("kind", "name", "before", "after", "change_percent"))
    writer.writerows(rows)
    return text.getvalue()


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"

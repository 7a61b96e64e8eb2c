"""Tables of a comparison."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from accelsim.report.figures import place
from accelsim.report.table import Notes, Section, Table
from accelsim.results.compare import Change, Comparison, NodeChange, Trip

_SHOWN_NODES = 15


def comparison_sections(comparison: Comparison) -> list[Section]:
    """Settings, totals, causes and nodes that changed; what is equal is counted only."""
    found: list[Section] = [Notes("Compared", (f"A: {comparison.before}", f"B: {comparison.after}"))]
    found.append(_settings(comparison))
    for title, changes in (("Totals", comparison.metrics), ("Cycles by cause", comparison.stalls)):
        if changes:
            found.append(_changes(title, changes))
    if comparison.nodes:
        found.append(_nodes(comparison))
    return found


def _settings(comparison: Comparison) -> Section:
    told = ""
    if comparison.untold:
        sides = " and ".join(comparison.untold)
        told = f"{sides} does not tell the settings of its hardware, so they are not compared; make it again"
    if not comparison.settings:
        return Notes("Settings", (told or "no value of the hardware differs",))
    rows = tuple((row.path, row.before or "-", row.after or "-") for row in comparison.settings)
    return Table("Settings", ("setting", "A", "B"), rows, told)


def _changes(title: str, changes: Sequence[Change]) -> Table:
    different = [change for change in changes if change.before != change.after]
    rows = tuple((change.name, *_cells(change)) for change in different)
    equal = len(changes) - len(different)
    return Table(title, ("", ">A", ">B", ">%"), rows, f"{equal} equal" if equal else "")


def _nodes(comparison: Comparison) -> Table:
    """The nodes that changed most; those of repeated blocks that changed alike share a row."""
    different = [node for node in comparison.nodes if node.differs]
    groups: dict[tuple[str, ...], list[NodeChange]] = {}
    for node in different:
        cells = (*_cells(node.cycles), _percent(node.energy_j), _percent(node.dram_bytes), _bounds(node))
        groups.setdefault((place(node.name), *cells), []).append(node)
    shown = dict(list(groups.items())[:_SHOWN_NODES])
    rows = tuple((alike[0].name, f"{len(alike)}", *key[1:]) for key, alike in shown.items())
    equal, more = len(comparison.nodes) - len(different), len(different) - sum(map(len, shown.values()))
    notes = [f"{equal} equal"] * bool(equal) + [f"{more} more differ (--format csv has all)"] * bool(more)
    headings = (
        *("node (the first of those alike)", ">alike", ">A cycles", ">B cycles", ">%", ">energy %", ">DRAM %"),
        "limited by",
    )
    return Table("Nodes", headings, rows, ", ".join(notes))


def _cells(change: Change) -> tuple[str, str, str]:
    return _number(change.before), _number(change.after), _percent(change)


def _bounds(node: NodeChange) -> str:
    before, after = (bound or "-" for bound in node.bound)
    return after if before == after else f"{before} -> {after}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}" if value % 1 else f"{int(value):,}"


def _percent(change: Change) -> str:
    return "-" if change.percent is None else f"{change.percent:+.1f}"


def comparison_json(comparison: Comparison, trips: Iterable[Trip] = ()) -> str:
    """All changes, with the percentages, and what became of the conditions. Raises InputError."""
    record: dict[str, Any] = {
        "before": comparison.before,
        "after": comparison.after,
        "settings": [asdict(row) for row in comparison.settings],
        "settings_unknown": list(comparison.untold),
        "metrics": [_record(change) for change in comparison.metrics],
        "stalls": [_record(change) for change in comparison.stalls],
        "nodes": [
            {
                **_record(node.cycles),
                "name": node.name,
                "energy_j": _record(node.energy_j),
                "dram_bytes": _record(node.dram_bytes),
                "bound_before": node.bound[0],
                "bound_after": node.bound[1],
            }
            for node in comparison.nodes
        ],
        "conditions": [
            {**asdict(trip), "value": trip.value(comparison), "tripped": trip.trips(comparison)} for trip in trips
        ],
    }
    return json.dumps(record, indent=1) + "\n"


def _record(change: Change) -> dict[str, Any]:
    return {**asdict(change), "percent": change.percent}


def comparison_csv(comparison: Comparison) -> str:
    """A row for each setting, metric, cause, and for cycles, energy and traffic of each node."""
    rows = [("setting", row.path, row.before, row.after, "") for row in comparison.settings]
    for kind, changes in (("metric", comparison.metrics), ("stall", comparison.stalls)):
        rows += [_row(kind, change.name, change) for change in changes]
    for node in comparison.nodes:
        rows += [_row("node", node.name, node.cycles), ("node_bound", node.name, *node.bound, "")]
        rows += [_row(f"node_{change.name}", node.name, change) for change in (node.energy_j, node.dram_bytes)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("kind", "name", "before", "after", "change_percent"))
    writer.writerows(rows)
    return text.getvalue()


def _row(kind: str, name: str, change: Change) -> tuple[str, str, str, str, str]:
    return (kind, name, _plain(change.before), _plain(change.after), _plain(change.percent))


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"

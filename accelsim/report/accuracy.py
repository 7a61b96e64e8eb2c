"""Accuracies as a table or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from accelsim.report.table import Table
from accelsim.results.accuracy import AccuracyRow


def accuracy_table(rows: Sequence[AccuracyRow], notes: Sequence[str] = ()) -> Table:
    """One line a row; PyTorch's column only where it was asked for. `notes` on the metrics stand below."""
    compared = any(row.torch is not None for row in rows)
    headings = (
        "model",
        "task",
        "precision",
        "metric",
        ">value",
        ">+-",
        *((">torch", "against torch") if compared else ()),
    )
    sets = dict.fromkeys(f"{row.samples:,} samples of {row.data} ({row.split})" for row in rows)
    note = f"{', '.join(sets)}. +- is the standard error from resampling them. Shares are from 0 to 1."
    return Table("", headings, tuple(_cells(row, compared) for row in rows), " ".join((note, *notes)))


def _cells(row: AccuracyRow, compared: bool) -> tuple[str, ...]:
    """Four digits, as many as the comparison holds to."""
    name = f"{row.model} {row.variant}".rstrip()
    metric = f"{row.metric} {row.unit}".rstrip()
    cells = (name, row.task, row.precision, metric, f"{row.value:.4f}", f"{row.standard_error:.4f}")
    if not compared:
        return cells
    if row.torch is None:
        return (*cells, "", "")
    same = "equal" if row.agrees else "DIFFERENT"
    verdict = same if row.precision == "float32" else f"{row.value - row.torch:+.4f}"
    return (*cells, f"{row.torch:.4f}", verdict)


def accuracy_json(rows: Sequence[AccuracyRow]) -> str:
    return json.dumps([asdict(row) for row in rows], indent=1, allow_nan=False) + "\n"

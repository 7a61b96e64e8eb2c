"""Published numbers beside simulated ones: one row a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ValidationRow:
    """One published number and what the simulator says.

    `unit` holds for `published`, `simulated`, `low` and `high` (the range that estimates allow). `scored`
    rows count: they are `ok` when |error_pct| <= band_pct. A row that is shown only, or that calibrated a
    value, has ok = None. `evidence` tells how good the published number is (measured on a board,
    analytical, ...), `source` where it stands.
    """

    suite: str
    case: str
    metric: str
    unit: str
    published: float | None
    simulated: float
    error_pct: float | None
    scored: bool
    band_pct: float | None
    ok: bool | None
    evidence: str
    source: str
    note: str = ""
    low: float | None = None
    high: float | None = None


def compare(
    suite: str,
    case: str,
    *,
    metric: str,
    unit: str,
    published: float | None,
    simulated: float,
    evidence: str,
    source: str,
    band_pct: float | None = None,
    scored: bool = True,
    note: str = "",
    low: float | None = None,
    high: float | None = None,
) -> ValidationRow:
    """A row with error and verdict worked out; without a published number or a band it is shown and not
    scored.
    """
    error = None if not published else 100.0 * (simulated - published) / published
    counts = scored and error is not None and band_pct is not None
    ok = abs(error) <= band_pct if counts and error is not None and band_pct is not None else None
    return ValidationRow(
        suite,
        case,
        metric,
        unit,
        published,
        simulated,
        error,
        counts,
        band_pct,
        ok,
        evidence,
        source,
        note,
        low,
        high,
    )


def failures(rows: Sequence[ValidationRow]) -> tuple[ValidationRow, ...]:
    """The scored rows outside their band."""
    return tuple(row for row in rows if row.ok is False)

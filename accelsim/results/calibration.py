"""What a calibration found: constants, and the rows they were fitted to and checked on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from accelsim.results.codec import encode


@dataclass(frozen=True)
class Constant:
    """One fitted number of a hardware file, in the SI unit of `dimension`.

    `low` and `high` are the bounds of the search; `declared` tells whether they are the range of an estimate or, for
    lack of one, a factor around the value. `error_pct` is the standard error that the scatter of the rows implies
    (None: as many rows as constants).
    """

    path: str
    before: float
    value: float
    text: str
    low: float
    high: float
    dimension: str
    declared: bool
    at_bound: bool
    error_pct: float | None


@dataclass(frozen=True)
class CalibratedRow:
    """A measured latency beside the simulated ones, in seconds; `held_out` rows took no part in the fit."""

    id: str
    held_out: bool
    measured_s: float
    before_s: float
    after_s: float

    @property
    def before_pct(self) -> float:
        return 100 * (self.before_s / self.measured_s - 1)

    @property
    def after_pct(self) -> float:
        return 100 * (self.after_s / self.measured_s - 1)


@dataclass(frozen=True)
class Calibration:
    """`overlay` is the text of the YAML file, `notes` what a reader should know about the fit."""

    hardware: str
    constants: tuple[Constant, ...]
    rows: tuple[CalibratedRow, ...]
    overlay: str
    notes: tuple[str, ...] = ()

    def error_pct(self, *, held_out: bool, before: bool = False) -> float | None:
        """Root of the mean square of the relative errors of one split; None if it has no rows."""
        own = [row for row in self.rows if row.held_out is held_out]
        return _rms(row.before_pct if before else row.after_pct for row in own)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the errors of the rows and of both splits."""
        record: dict[str, Any] = encode(self)
        for plain, row in zip(record["rows"], self.rows, strict=True):
            plain |= {"before_pct": row.before_pct, "after_pct": row.after_pct}
        for name, held_out in (("fitted", False), ("held_out", True)):
            record[f"{name}_rms_pct"] = {
                "before": self.error_pct(held_out=held_out, before=True),
                "after": self.error_pct(held_out=held_out),
            }
        return record


def _rms(values: Iterable[float]) -> float | None:
    squares = [value * value for value in values]
    return math.sqrt(sum(squares) / len(squares)) if squares else None

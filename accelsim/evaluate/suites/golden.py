"""Published rows as a table: `system, board, clock_mhz, array, precision, model, metric, value, unit, source, evidence,
notes`, read from a file that ships with accelsim or from one of the user's with the same columns.

The shipped file has one column more, `role`: empty for a row that is scored, `calibrates` for one that a constant was
taken from, `shown` for one whose conditions are not known well enough to be scored. A row of the user's that is equal
to a shipped one in all but its value has the same role.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from accelsim.errors import InputError
from accelsim.results import ValidationRow
from accelsim.results.validation import compare

PUBLISHED = Path(__file__).parent.parent / "published"
_FIELDS = (
    "system", "board", "clock_mhz", "array", "precision", "model", "metric", "value", "unit", "source", "evidence",
    "notes",
)  # fmt: skip
_ROLES = ("", "calibrates", "shown")


@dataclass(frozen=True)
class GoldenRow:
    """One published number and the conditions it holds under, as they stand in the file."""

    system: str
    board: str
    clock_mhz: str
    array: str
    precision: str
    model: str
    metric: str
    value: float
    unit: str
    source: str
    evidence: str
    notes: str
    role: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What tells one row from another, whatever its value."""
        return (self.system, self.board, self.clock_mhz, self.array, self.precision, self.model, self.metric)


class Simulated(NamedTuple):
    """What accelsim says about a row, in the row's unit; `low` and `high` are the ends that estimates allow."""

    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""
    scored: bool = True


@dataclass(frozen=True)
class GoldenSuite:
    """Rows of some systems. `simulate` returns None for a row that it has no model of.

    `bands` gives the error in per cent that a scored row of a metric may have; a metric without one is shown.
    """

    name: str
    systems: tuple[str, ...]
    simulate: Callable[[GoldenRow], Simulated | None]
    bands: Mapping[str, float]

    @property
    def path(self) -> Path:
        return PUBLISHED / f"{self.name}.csv"

    def __call__(self, rows: Path | None, progress: Callable[[str], None]) -> list[ValidationRow]:
        """Every row of the suite's own file, or of `rows`, beside what is simulated. Raises InputError."""
        shipped = read_rows(self.path)
        roles = {row.key: row.role for row in shipped}
        wanted = shipped if rows is None else read_rows(rows)
        mine = [row for row in wanted if row.system in self.systems]
        if not mine:
            raise InputError(f"{rows}: no row of suite '{self.name}'; its systems are {', '.join(self.systems)}")
        if len(mine) < len(wanted):
            progress(f"{len(wanted) - len(mine)} rows of other systems left out of {self.name}")
        found, unknown = [], 0
        for index, row in enumerate(mine):
            progress(f"{self.name}: row {index + 1} of {len(mine)}")
            simulated = self.simulate(row)
            if simulated is None:
                unknown += 1
            else:
                found.append(self._compared(row, roles.get(row.key, row.role), simulated))
        if unknown:
            progress(f"{unknown} rows that nothing here models left out of {self.name}")
        return found

    def _compared(self, row: GoldenRow, role: str, simulated: Simulated) -> ValidationRow:
        notes = [simulated.note, row.notes]
        if role == "calibrates":
            notes.insert(0, "calibrated a constant, not scored")
        return compare(
            self.name,
            " ".join(part for part in (row.array, row.precision.strip("-"), row.model.strip("-")) if part),
            metric=row.metric,
            unit=row.unit,
            published=row.value,
            simulated=simulated.value,
            evidence=row.evidence,
            source=row.source,
            band_pct=self.bands.get(row.metric),
            scored=simulated.scored and not role,
            note="; ".join(note for note in notes if note),
            low=simulated.low,
            high=simulated.high,
        )


def read_rows(path: Path) -> list[GoldenRow]:
    """The rows of a file with the columns above. Raises InputError, located."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _FIELDS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}:1: columns {', '.join(missing)} are missing")
            return [_row(path, number, record) for number, record in enumerate(reader, start=2)]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error


def _row(path: Path, line: int, record: Mapping[str, str | None]) -> GoldenRow:
    values = {name: (record.get(name) or "").strip() for name in (*_FIELDS, "role")}
    try:
        number = float(values.pop("value"))
    except ValueError as error:
        raise InputError(f"{path}:{line}: value: '{record['value']}' is not a number") from error
    if not math.isfinite(number):
        raise InputError(f"{path}:{line}: value: '{record['value']}' is not finite")
    if values["role"] not in _ROLES:
        raise InputError(f"{path}:{line}: role: '{values['role']}' is none of {', '.join(_ROLES[1:])} or empty")
    return GoldenRow(value=number, **values)

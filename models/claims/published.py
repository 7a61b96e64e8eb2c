"""Published points: what papers print, with the source and how far it can be trusted; never mixed with measured ones.

A file of models/published holds the points of a system and of what its paper compares with. Confidence:
quoted (read in the paper itself), third-party (read in a later paper, a table of a repository or a leaderboard),
unverified (remembered, or contradicted elsewhere), derived (arithmetic on quoted numbers).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from pathlib import Path

from accelsim.errors import InputError
from accelsim.shipped import shipped_dir

CONFIDENCE = ("quoted", "third-party", "unverified", "derived")


@dataclass(frozen=True)
class Point:
    """One printed number; `cost` tells what the model takes, in words, where the source says it."""

    paper: str
    model: str
    dataset: str
    metric: str
    value: float
    unit: str
    cost: str
    source: str
    confidence: str


def published(system: str) -> tuple[Point, ...]:
    """The points of models/published/SYSTEM.csv. Raises InputError that names file and line."""
    return read_points(shipped_dir("models") / "published" / f"{system}.csv")


def read_points(path: Path) -> tuple[Point, ...]:
    """Raises InputError for a missing file, other columns, a value that is no number, an unknown confidence."""
    names = [field.name for field in fields(Point)]
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != names:
                raise InputError(f"{path}:1: the columns must be {','.join(names)}")
            return tuple(_point(path, reader.line_num, row) for row in reader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _point(path: Path, line: int, row: dict[str, str]) -> Point:
    try:
        value = float(row["value"])
    except (TypeError, ValueError):
        raise InputError(f"{path}:{line}: value {row['value']!r} is not a number") from None
    if row["confidence"] not in CONFIDENCE or not row["source"]:
        raise InputError(f"{path}:{line}: needs a source and a confidence of {', '.join(CONFIDENCE)}")
    return Point(**{**row, "value": value})

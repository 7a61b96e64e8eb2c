"""How right a model is at a precision: one row a task, kept in a CSV file that sweeps join."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from accelsim.errors import InputError


@dataclass(frozen=True)
class AccuracyRow:
    """One number. `variant` are the builder's arguments that were set, as `ratio=0.3;top_k=1`.

    `value` is in `unit` (empty: a share, or the unit of the labels); `standard_error` comes from resampling the
    samples. `torch` is the same metric of PyTorch on the same weights, None where it was not asked for. `weights` and
    `data_digest` are digests of what was evaluated, `accelsim` the version that did.
    """

    model: str
    variant: str
    task: str
    precision: str
    metric: str
    value: float
    standard_error: float
    unit: str
    higher_is_better: bool
    torch: float | None
    data: str
    split: str
    samples: int
    weights: str
    data_digest: str
    accelsim: str

    @property
    def key(self) -> tuple[str | int, ...]:
        """What makes two rows answers to the same question."""
        settings = (self.model, self.variant, self.task, self.precision, self.data, self.split, self.samples)
        return (*settings, self.weights, self.data_digest)

    @property
    def agrees(self) -> bool | None:
        """Whether PyTorch's metric is the same to four digits; None where there is none to compare with."""
        return None if self.torch is None else abs(self.value - self.torch) <= 5e-5 * max(1.0, abs(self.torch))


_NAMES = tuple(field.name for field in fields(AccuracyRow))


def read_accuracy(path: Path) -> tuple[AccuracyRow, ...]:
    """The rows of a file, none where there is no file. Raises InputError naming file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable: {error}") from None
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != _NAMES:
        raise InputError(f"{path}:1: not a table of accuracies; its columns are {', '.join(_NAMES)}")
    return tuple(_row(path, number, record) for number, record in enumerate(reader, 2))


def _row(path: Path, number: int, record: Mapping[str, str | None]) -> AccuracyRow:
    try:
        given = {name: record[name] or "" for name in _NAMES}
        return AccuracyRow(
            **{
                **given,
                "value": float(given["value"]),
                "standard_error": float(given["standard_error"]),
                "higher_is_better": {"True": True, "False": False}[given["higher_is_better"]],
                "torch": float(given["torch"]) if given["torch"] else None,
                "samples": int(given["samples"]),
            }  # type: ignore[arg-type]
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}:{number}: not a row of accuracies: {type(error).__name__}: {error}") from None


def append_accuracy(path: Path, rows: Sequence[AccuracyRow]) -> None:
    """Add rows; one with the key of a row that is there takes its place. The file is replaced in one step.

    Raises InputError where it cannot be written.
    """
    kept = {row.key: row for row in (*read_accuracy(path), *rows)}
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(
            accuracy_csv(sorted(kept.values(), key=lambda row: tuple(map(str, row.key)))), encoding="utf-8"
        )
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}") from None


def accuracy_csv(rows: Sequence[AccuracyRow]) -> str:
    """A heading and a line for each row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _NAMES, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()

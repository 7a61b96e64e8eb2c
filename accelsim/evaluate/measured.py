"""A user's own measurements: a CSV file with a latency a row, to calibrate a hardware description on or to compare.

Columns: `model`, `latency_s`; and, where they are needed, `task`, `batch`, `activity`, `settings` (values of the
hardware as PATH=VALUE, separated by ';'), `id` (by default FILE:line), `split` (fit or holdout), `hardware` and
`band_pct` (both for `accelsim validate measured`).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accelsim.errors import InputError, did_you_mean
from accelsim.evaluate.load import load_model
from accelsim.evaluate.simulate import activity_of, frame_of, hardware_for, simulate_spec
from accelsim.frontends.catalogue import LoadedModel
from accelsim.frontends.inputs import InputOptions, input_options
from accelsim.hw.document import parse_scalar
from accelsim.ir import FrozenMap
from accelsim.results import ValidationRow, compare
from accelsim.sim.timing import Frame

COLUMNS = ("model", "latency_s", "task", "batch", "activity", "settings", "id", "split", "hardware", "band_pct")
SPLITS = ("", "fit", "holdout")
_NEEDED = COLUMNS[:2]


@dataclass(frozen=True)
class Measured:
    """One measured latency, and what was run."""

    id: str
    model: str
    latency_s: float
    task: str | None = None
    batch: int | None = None
    activity: str = "uniform"
    settings: FrozenMap[str, object] = field(default_factory=FrozenMap)
    split: str = ""
    hardware: str = ""
    band_pct: float | None = None


def read_measured(path: Path) -> tuple[Measured, ...]:
    """The rows of a file. Raises InputError with the line of the fault."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names = tuple(name.strip() for name in reader.fieldnames or ())
            _check_columns(path, names)
            reader.fieldnames = names
            rows = tuple(_row(path, reader.line_num, row) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: cannot be read: {reason}") from error
    if not rows:
        raise InputError(f"{path}: has no rows")
    repeated = [row.id for index, row in enumerate(rows) if row.id in {other.id for other in rows[:index]}]
    if repeated:
        raise InputError(f"{path}: the id '{repeated[0]}' is given twice")
    return rows


def frames_for(rows: Sequence[Measured], progress: Callable[[str], None]) -> tuple[Frame, ...]:
    """What each row ran, ready to be timed; a model is loaded once for each task and batch. Raises InputError."""
    loaded: dict[tuple[str, str | None, int | None], LoadedModel] = {}
    frames: list[Frame] = []
    for row in rows:
        key = (row.model, row.task, row.batch)
        if key not in loaded:
            progress(f"loading {row.model}{f' for {row.task}' if row.task else ''}")
            loaded[key] = load_model(row.model, task=row.task, options=_options(row))
        frames.append(frame_of(loaded[key], activity_of(loaded[key].graph, row.activity)))
    return tuple(frames)


def _options(row: Measured) -> InputOptions | None:
    return None if row.batch is None else input_options({}, row.batch)


def measured_rows(path: Path | None, progress: Callable[[str], None]) -> list[ValidationRow]:
    """The suite 'measured': the rows of a user's file beside the simulator, those that a constant was fitted to not
    scored. Without a file there are none."""
    rows = read_measured(path) if path is not None else ()
    found = []
    for row in rows:
        if not row.hardware:
            raise InputError(f"{path}: {row.id}: needs the column 'hardware', a name or a file")
        progress(f"measured: {row.id}")
        result = simulate_spec(
            row.model,
            row.hardware,
            task=row.task,
            overrides=row.settings,
            activity=row.activity,
            options=_options(row),
        )
        fitted = any(row.id in number.rows for number in hardware_for(row.hardware, row.settings).calibrated())
        ends = result.ranges["latency_s"]
        found.append(
            compare(
                "measured",
                row.id,
                metric="latency_ms",
                unit="ms",
                published=row.latency_s * 1e3,
                simulated=result.latency_s * 1e3,
                evidence="measured",
                source=str(path),
                band_pct=10.0 if row.band_pct is None else row.band_pct,
                scored=not fitted,
                note="calibrated a constant, not scored" if fitted else "",
                low=ends.low * 1e3,
                high=ends.high * 1e3,
            )
        )
    return found


def _check_columns(path: Path, names: tuple[str, ...]) -> None:
    for name in _NEEDED:
        if name not in names:
            raise InputError(f"{path}:1: needs a column '{name}' -- columns are {', '.join(COLUMNS)}")
    for name in names:
        if name not in COLUMNS:
            raise InputError(f"{path}:1: unknown column '{name}'{did_you_mean(name, COLUMNS)}")


def _row(path: Path, line: int, row: dict[str, str | None]) -> Measured:
    where = f"{path}:{line}"
    if None in row or None in row.values():
        raise InputError(f"{where}: has more or fewer cells than there are columns")
    cells = {name: (value or "").strip() for name, value in row.items()}
    if not cells["model"]:
        raise InputError(f"{where}: 'model' is empty")
    split = cells.get("split", "")
    if split not in SPLITS:
        raise InputError(f"{where}: split '{split}' is neither fit nor holdout")
    latency = _number(where, "latency_s", cells["latency_s"])
    assert latency is not None
    batch = _number(where, "batch", cells.get("batch", ""))
    if batch is not None and batch != int(batch):
        raise InputError(f"{where}: batch '{cells['batch']}' is no whole number")
    return Measured(
        id=cells.get("id", "") or f"{path.name}:{line}",
        model=cells["model"],
        latency_s=latency,
        task=cells.get("task", "") or None,
        batch=None if batch is None else int(batch),
        activity=cells.get("activity", "") or "uniform",
        settings=_settings(where, cells.get("settings", "")),
        split=split,
        hardware=cells.get("hardware", ""),
        band_pct=_number(where, "band_pct", cells.get("band_pct", "")),
    )


def _number(where: str, name: str, text: str) -> float | None:
    """A number above zero; None of an empty cell, except for the latency."""
    if not text and name != "latency_s":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{where}: {name} '{text}' is no number above zero")
    return value


def _settings(where: str, text: str) -> FrozenMap[str, object]:
    values: dict[str, object] = {}
    for setting in filter(None, (part.strip() for part in text.split(";"))):
        path, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"{where}: settings: '{setting}' is not PATH=VALUE")
        values[path.strip()] = parse_scalar(value.strip())
    return FrozenMap(values)

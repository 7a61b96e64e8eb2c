"""Fitting a few named constants of a hardware description to measured latencies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import numpy as np

from accelsim.errors import AccelsimError, InputError
from accelsim.evaluate.least_squares import Fit, Unknown, Vector, fit
from accelsim.evaluate.measured import Measured, frames_for, read_measured
from accelsim.evaluate.simulate import Progress, hardware_for, silent
from accelsim.hw.changed import Path, changed, limits, quantity_at, split_path
from accelsim.hw.load import hardware_path
from accelsim.hw.schema import Hardware
from accelsim.results.calibration import CalibratedRow, Calibration, Constant
from accelsim.shipped import shipped_dir
from accelsim.sim.timing import Frame, time_frames
from accelsim.units import exact_text

MOST = 4
"""Constants that may be fitted at once: more than a few explain any rows."""

_REACH = 4.0  # bounds of a value without a range, as a factor
_NO_SLOPE = 1e-6  # change of the log of every latency over a whole range that counts as none
_LOCKED = 0.98  # correlation of two constants above which rows hardly tell them apart
_DIGITS = 5


def calibrate(
    hardware: str,
    file: File,
    free: Sequence[str],
    *,
    holdout: int | None = None,
    out: File | None = None,
    progress: Progress = silent,
) -> Calibration:
    """Fit the numbers at the dotted paths `free` to the rows of a file, in the least squares of relative errors.

    Rows of split 'holdout', or every `holdout`-th row, are only compared. A number is searched within the range of its
    estimate, or within a factor of 4 if it has none. `out` is where the overlay will be, which says how it names the
    file it extends. Raises InputError for what cannot be fitted, and what simulating a row raises.
    """
    rows = read_measured(file)
    held_out = _held_out(file, rows, holdout)
    described = hardware_for(hardware)
    paths = _paths(described, free, len(rows) - sum(held_out))
    frames = frames_for(rows, progress)
    hardwares = [hardware_for(hardware, row.settings) for row in rows]
    _check_settings(rows, paths)
    runs = _Runs(frames, hardwares, paths)
    before = [runs.seconds(index, ()) for index in range(len(rows))]
    fitted = [index for index, out_of_fit in enumerate(held_out) if not out_of_fit]
    unknowns = [_unknown(described, path) for path in paths]

    def residuals(values: tuple[float, ...]) -> Vector | None:
        try:
            found = [runs.seconds(index, values) / rows[index].latency_s for index in fitted]
        except AccelsimError:
            return None
        return np.log(np.array(found, np.float64))

    progress(f"fitting {len(paths)} constants to {len(fitted)} rows")
    found = fit(residuals, unknowns)
    assert found is not None  # `before` has simulated every row at the starting values
    _check_slopes(described, paths, found)
    values = tuple(_shown(value, one) for value, one in zip(found.values, unknowns, strict=True))
    after = [runs.seconds(index, values) for index in range(len(rows))]
    constants = _constants(described, paths, unknowns, values, found)
    compared = tuple(
        CalibratedRow(row.id, out_of_fit, row.latency_s, was, now)
        for row, out_of_fit, was, now in zip(rows, held_out, before, after, strict=True)
    )
    result = Calibration(described.name, constants, compared, "", _notes(constants, compared, found, paths))
    return replace(result, overlay=_overlay(result, described, hardware, file, out))


class _Runs:
    """The latency of each row with values for the free constants."""

    def __init__(self, frames: Sequence[Frame], hardwares: Sequence[Hardware], paths: Sequence[Path]) -> None:
        self._frames, self._hardwares, self._paths = frames, hardwares, paths

    def seconds(self, index: int, values: Sequence[float]) -> float:
        """Seconds of a row; no values: as the description has them."""
        hardware = self._hardwares[index]
        if values:
            given = zip(self._paths, values, strict=True)
            whole = {path: int(v) if isinstance(quantity_at(hardware, path).value, int) else v for path, v in given}
            hardware = changed(hardware, whole)
        return time_frames([self._frames[index]], hardware).cycles / hardware.clock_hz


def _held_out(file: File, rows: Sequence[Measured], holdout: int | None) -> list[bool]:
    split = any(row.split for row in rows)
    if split and holdout is not None:
        raise InputError(f"{file}: has a column 'split', so that --holdout has nothing to say")
    if holdout is not None and holdout < 2:
        raise InputError(f"--holdout {holdout}: every row would be held out; 2 or more")
    return [
        row.split == "holdout" if holdout is None else number % holdout == 0 for number, row in enumerate(rows, start=1)
    ]


def _paths(hardware: Hardware, free: Sequence[str], rows: int) -> tuple[Path, ...]:
    if not free:
        raise InputError("--free names no constant, such as memories.ddr.efficiency")
    if len(free) > MOST:
        raise InputError(f"--free names {len(free)} constants; at most {MOST}: more than a few explain any rows")
    if len(set(free)) < len(free):
        raise InputError("--free names a constant twice")
    if len(free) > rows:
        raise InputError(f"{len(free)} constants cannot be fitted to {rows} rows; give more rows or fewer constants")
    paths = []
    for dotted in free:
        path = split_path(hardware, dotted)
        quantity_at(hardware, path)
        if any(word.isdigit() for word in path):
            raise InputError(f"{hardware.name}: '{dotted}' is an element of a list; only fields by name can be fitted")
        paths.append(path)
    return tuple(paths)


def _check_settings(rows: Sequence[Measured], paths: Sequence[Path]) -> None:
    for row in rows:
        for path in paths:
            if ".".join(path) in row.settings:
                raise InputError(f"{row.id}: its settings give '{'.'.join(path)}', which is to be fitted")


def _unknown(hardware: Hardware, path: Path) -> Unknown:
    quantity = quantity_at(hardware, path)
    whole = isinstance(quantity.value, int)
    if quantity.low < quantity.high:
        return Unknown(quantity.value, quantity.low, quantity.high, whole)
    least, most = limits(hardware, path)
    low, high = quantity.value / _REACH, (quantity.value or 1) * _REACH
    low, high = (math.ceil(low), math.floor(high)) if whole else (low, high)
    return Unknown(quantity.value, max(low, least), min(high, most), whole)


def _check_slopes(hardware: Hardware, paths: Sequence[Path], found: Fit) -> None:
    for path, slopes in zip(paths, found.slopes.T, strict=True):
        if float(np.abs(slopes).max()) < _NO_SLOPE:
            raise InputError(
                f"{hardware.name}: no fitted row depends on '{'.'.join(path)}' around the best value found, so that "
                "the rows cannot tell it"
            )


def _shown(value: float, unknown: Unknown) -> float:
    """Five significant digits, within the bounds: what the overlay will hold."""
    if unknown.whole or not value:
        return value
    digits = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    return min(unknown.high, max(unknown.low, round(value, digits)))


def _constants(
    hardware: Hardware, paths: Sequence[Path], unknowns: Sequence[Unknown], values: Sequence[float], found: Fit
) -> tuple[Constant, ...]:
    errors = _standard_errors(unknowns, values, found)
    constants = []
    for path, unknown, value, error in zip(paths, unknowns, values, errors, strict=True):
        quantity = quantity_at(hardware, path)
        shown = int(value) if unknown.whole else value
        constants.append(
            Constant(
                path=".".join(path),
                before=float(quantity.value),
                value=float(value),
                text=exact_text(shown, quantity.dimension),
                low=float(unknown.low),
                high=float(unknown.high),
                dimension=quantity.dimension,
                declared=quantity.low < quantity.high,
                at_bound=min(unknown.unit(value), 1 - unknown.unit(value)) < 1e-4,
                error_pct=error,
            )
        )
    return tuple(constants)


def _standard_errors(unknowns: Sequence[Unknown], values: Sequence[float], found: Fit) -> list[float | None]:
    """Standard errors in percent of the values, from the scatter of the residuals (linear regression)."""
    spare = len(found.residuals) - len(values)
    covariance = _covariance(found)
    if spare < 1 or covariance is None:
        return [None] * len(values)
    variance = float(found.residuals @ found.residuals) / spare
    errors: list[float | None] = []
    for index, (unknown, value) in enumerate(zip(unknowns, values, strict=True)):
        units = math.sqrt(variance * covariance[index, index])
        step = 1e-3
        slope = abs(_smooth(unknown, unknown.unit(value) + step) - _smooth(unknown, unknown.unit(value) - step))
        errors.append(100 * units * slope / (2 * step) / abs(value) if value else None)
    return errors


def _smooth(unknown: Unknown, unit: float) -> float:
    return replace(unknown, whole=False).value(unit)


def _covariance(found: Fit) -> Vector | None:
    normal = found.slopes.T @ found.slopes
    return np.asarray(np.linalg.inv(normal), np.float64) if np.linalg.cond(normal) < 1e12 else None


def _notes(
    constants: Sequence[Constant], rows: Sequence[CalibratedRow], found: Fit, paths: Sequence[Path]
) -> tuple[str, ...]:
    notes = []
    for constant in constants:
        if constant.at_bound:
            end = "low" if constant.value - constant.low < constant.high - constant.value else "high"
            what = "the range of its estimate" if constant.declared else f"{_REACH:g} times what the description says"
            notes.append(
                f"{constant.path} is at its {end} bound, {what}: the rows ask for more, or something else is wrong"
            )
    covariance = _covariance(found)
    if covariance is None:
        notes.append("the rows cannot tell the constants apart: other values explain them as well")
    else:
        spread = np.sqrt(np.diag(covariance))
        related = covariance / np.outer(spread, spread)
        for i in range(len(paths)):
            for j in range(i):
                if abs(related[i, j]) > _LOCKED:
                    pair = f"{'.'.join(paths[j])} and {'.'.join(paths[i])}"
                    notes.append(f"{pair} have a correlation of {related[i, j]:.2f}: the rows hardly tell them apart")
    if not any(row.held_out for row in rows):
        notes.append(
            "no row was held out, so that the error on other models is not known (--holdout, or a column split)"
        )
    return tuple(notes)


def _overlay(result: Calibration, hardware: Hardware, spec: str, file: File, out: File | None) -> str:
    """A description that extends the other one with the fitted values."""
    fitted = [row.id for row in result.rows if not row.held_out]
    was, now = (result.error_pct(held_out=False, before=before) for before in (True, False))
    how = f"fitted to {len(fitted)} rows of {file.name}: rms error of the latency {now:.3g} %, before {was:.3g} %"
    held = result.error_pct(held_out=True)
    how += "" if held is None else f"; {held:.3g} % on {sum(row.held_out for row in result.rows)} held-out rows"
    tree: dict[str, Any] = {}
    for constant in result.constants:
        *above, field = constant.path.split(".")
        node = tree
        for key in above:
            node = node.setdefault(key, {})
        node[field] = {"value": constant.text, "calibrated": how, "rows": fitted}
    lines = [
        f"name: {hardware.name}-calibrated",
        f"title: {_quoted(f'{hardware.title}, calibrated on {file.name}')}",
        f"extends: {_quoted(_extended(spec, out))}",
        *_lines(tree, 0),
    ]
    return "\n".join(lines) + "\n"


def _extended(spec: str, out: File | None) -> str:
    """How the overlay names the file it extends: a shipped name, or a path from where the overlay will be."""
    path = hardware_path(spec).resolve()
    if path.is_relative_to(shipped_dir("hwconfigs").resolve()):
        return spec
    start = (File.cwd() if out is None else out.resolve().parent).resolve()
    return path.relative_to(start).as_posix() if path.is_relative_to(start) else path.as_posix()


def _lines(tree: dict[str, Any], depth: int) -> list[str]:
    lines = []
    for key, value in tree.items():
        pad = "  " * depth
        if "calibrated" in value:
            rows = ", ".join(_quoted(row) for row in value["rows"])
            lines.append(f"{pad}{key}:")
            lines.append(f"{pad}  value: {value['value']}")
            lines.append(f"{pad}  calibrated: {_quoted(value['calibrated'])}")
            lines.append(f"{pad}  rows: [{rows}]")
        else:
            lines += [f"{pad}{key}:", *_lines(value, depth + 1)]
    return lines


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

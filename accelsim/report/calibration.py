"""A calibration as tables."""

from __future__ import annotations

from accelsim.report.scale import fixed, significant, time_scale
from accelsim.report.table import Notes, Section, Table
from accelsim.results.calibration import Calibration, Constant
from accelsim.units import format_value


def calibration_headline(found: Calibration) -> tuple[str, ...]:
    """How good the fit is, and on what."""
    lines = [f"{found.hardware}, calibrated: {_errors(found, held_out=False)}"]
    if any(row.held_out for row in found.rows):
        lines.append(_errors(found, held_out=True))
    return tuple(lines)


def _errors(found: Calibration, *, held_out: bool) -> str:
    count = sum(row.held_out is held_out for row in found.rows)
    before, after = (found.error_pct(held_out=held_out, before=which) for which in (True, False))
    which = "held-out" if held_out else "fitted"
    return f"rms error {significant(after or 0.0)} % on {count} {which} rows, before {significant(before or 0.0)} %"


def calibration_sections(found: Calibration) -> list[Section]:
    """The constants, the rows, and what to know."""
    constants = tuple(
        (
            constant.path,
            format_value(constant.before, constant.dimension),
            format_value(constant.value, constant.dimension),
            "" if constant.error_pct is None else f"{significant(constant.error_pct, 2)}",
            " - ".join(format_value(end, constant.dimension) for end in (constant.low, constant.high)),
            _bound(constant),
        )
        for constant in found.constants
    )
    scale = time_scale(max(row.measured_s for row in found.rows))
    rows = tuple(
        (
            row.id,
            "held out" if row.held_out else "fitted",
            scale.cell(row.measured_s),
            scale.cell(row.before_s),
            _signed(row.before_pct),
            scale.cell(row.after_s),
            _signed(row.after_pct),
        )
        for row in found.rows
    )
    sections: list[Section] = [
        Table("Constants", ("path", ">was", ">now", ">+- %", "searched", "bound"), constants),
        Table(
            "Rows",
            ("row", "split", f">measured {scale.unit}", ">before", ">error %", ">after", ">error %"),
            rows,
        ),
    ]
    return [*sections, *([Notes("Mind", found.notes)] if found.notes else [])]


def _bound(constant: Constant) -> str:
    kind = "range of the estimate" if constant.declared else "no range: a factor of 4"
    return f"AT ITS BOUND ({kind})" if constant.at_bound else kind


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{fixed(value, 2)}"

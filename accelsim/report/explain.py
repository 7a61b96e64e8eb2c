"""What would help: levers that were simulated anew, and the values at which a resource stops helping."""

from __future__ import annotations

from accelsim.report.scale import energy_scale, percent, time_scale
from accelsim.report.table import Section, Table, shortened
from accelsim.results.result import Lever, Result, Stop
from accelsim.units import format_value

TOP_LEVERS = 14
TOP_REFUSED = 4
SMALLEST_GAIN = 0.005
"""Levers that gain less than this share of the latency are only counted."""


def explanation_sections(result: Result) -> list[Section]:
    """Absent where nothing was tried."""
    sections: list[Section] = []
    if result.levers:
        sections.append(_levers(result))
    if result.stops:
        sections.append(_stops(result))
    return sections


def _levers(result: Result) -> Table:
    time, joules = time_scale(result.latency_s), energy_scale(result.energy_j)
    run = [lever for lever in result.levers if lever.speedup is not None]
    refused = [lever for lever in result.levers if lever.speedup is None]
    useful = [lever for lever in run if _gain(lever) >= SMALLEST_GAIN]
    shown = [*useful[:TOP_LEVERS], *refused[:TOP_REFUSED]]
    rows = tuple(
        (
            lever.name,
            "" if lever.latency_s is None else time.cell(lever.latency_s),
            "" if lever.speedup is None else f"{lever.speedup:.2f}x",
            "" if lever.energy_ratio is None else f"{100 * (lever.energy_ratio - 1):+.1f}",
            "yes" if lever.fits else "NO" if lever.speedup is not None else "-",
            shortened(lever.reason) if lever.reason else _setting(lever),
        )
        for lever in shown
    )
    parts = [f"{len(useful)} of {len(result.levers)} changes gain at least {100 * SMALLEST_GAIN:g} %"]
    if len(useful) > TOP_LEVERS:
        parts.append(f"the best {TOP_LEVERS} are shown")
    if refused:
        parts.append(f"{len(refused)} cannot run at all")
    base = f"{time.cell(result.latency_s)} {time.unit} and {joules.text(result.energy_j)} {joules.unit} now"
    note = (
        f"{'; '.join(parts)}; all are in result.json. Each is simulated anew with a mapping of its own, beside {base}. "
        "Accuracy of other formats is not simulated here."
    )
    headings = ("change", f">{time.unit}", ">speed", ">energy %", "fits", "set with -s, or why not")
    return Table("What would help", headings, rows, note)


def _gain(lever: Lever) -> float:
    return 1 - 1 / lever.speedup if lever.speedup else 0.0


def _setting(lever: Lever) -> str:
    first, *others = lever.settings.items()
    path, value = first
    return f"{path}={value}" + (f" and {len(others)} more" if others else "")


def _stops(result: Result) -> Table:
    time = time_scale(result.latency_s)
    rows = tuple(
        (
            stop.path,
            format_value(stop.value, stop.dimension),
            _stop_text(stop),
            time.cell(stop.latency_s),
            percent(max(0.0, result.latency_s - stop.latency_s), result.latency_s),
            stop.mapping,
        )
        for stop in result.stops
    )
    tolerance = max(stop.tolerance for stop in result.stops)
    note = (
        f"With more than that, no further {100 * tolerance:g} % of the latency can be gained; with less, there is more "
        "to gain. Tiles held: cut as they are now; searched: cut anew for each size. The latency is that with much "
        "more of the resource, and the rest as it is."
    )
    headings = ("resource", ">has", "stops helping at", f">{time.unit} then", ">gain %", "tiles")
    return Table("Where more stops helping", headings, rows, note)


def _stop_text(stop: Stop) -> str:
    if stop.stops_at is not None:
        return format_value(_rounded_up(stop.stops_at), stop.dimension)
    if stop.limits:
        return f"not below {format_value(stop.high, stop.dimension)}"
    return f"no effect from {format_value(stop.low, stop.dimension)} on"


def _rounded_up(value: float) -> float:
    """Three significant digits that are no less than the value; counts below a million as they are."""
    if value == int(value) and value < 1e6:
        return value
    step = 10.0 ** (len(f"{value:.0f}") - 3)
    return -(-value // step) * step

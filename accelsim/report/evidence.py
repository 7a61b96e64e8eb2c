"""The sections that say how far to trust a result: equivalence, provenance, assumptions, limits."""

from __future__ import annotations

from collections.abc import Callable

from accelsim.report.scale import Scale, byte_scale, energy_scale, time_scale
from accelsim.report.table import Notes, Section, Table, shortened
from accelsim.results.equivalence import Equivalence, EquivalenceEntry
from accelsim.results.result import EstimateEffect, Result

TOP_ESTIMATES = 8
SMALLEST_EFFECT = 1e-3
"""Estimates that move the latency, or the energy, by less than this share of it are only counted."""

Ends = Callable[[EstimateEffect], tuple[float, float]]
"""What a metric is with an estimate at its low and at its high end."""

EQUIVALENCE_TITLE = "Outputs beside other engines"


def evidence_sections(result: Result) -> list[Section]:
    sections: list[Section] = []
    if result.equivalence is not None:
        sections += equivalence_sections(result.equivalence)
    if result.executor is not None:
        sections.append(_executor(result))
    if result.provenance.counts:
        sections += _provenance(result)
    sections += [
        Notes(title, lines)
        for title, lines in (("Assumptions", result.assumptions), ("Not modelled", result.not_modelled))
        if lines
    ]
    digests = f"graph {result.graph_digest[:16] or '-'}, hardware {result.hardware_digest[:16] or '-'}"
    version = f"accelsim {result.accelsim_version}, " if result.accelsim_version else ""
    return [*sections, Notes("Made by", (f"{version}{digests}",))]


def equivalence_sections(
    equivalence: Equivalence, *, title: str = EQUIVALENCE_TITLE, detailed: bool = False
) -> list[Section]:
    """Our outputs beside those of other engines, and what flipped routings changed.

    The nodes with the largest differences follow for engines that disagree, or for all when `detailed`.
    """
    headings = (
        "engine",
        "verdict",
        ">max abs",
        ">max rel",
        ">allowed",
        ">nodes",
        "first node outside",
        ">flips",
    )
    rows = tuple(_entry_row(entry, equivalence.tolerance) for entry in equivalence.entries)
    differ = "yes" if equivalence.inputs_differ else "NO: the output does not depend on the input"
    note = f"Two different inputs give different outputs: {differ}. max rel is max|a-b| / max|b|."
    if equivalence.rounding is not None:
        note += (
            f" Rounding alone puts torch's outputs {equivalence.rounding:.1e} off those it gives in float64: three "
            "times that is allowed, and at most 1e-3."
        )
    sections: list[Section] = [Table(title, headings, rows, note)]
    flips = tuple(_flips(entry) for entry in equivalence.entries if entry.routing_flips)
    if flips:
        sections.append(Notes("Routings that flipped", flips))
    worst = tuple(
        (node.name, entry.engine, f"{node.max_abs_err:.1e}", f"{node.max_rel_err:.1e}")
        for entry in equivalence.entries
        if detailed or not entry.ok
        for node in entry.worst
    )
    if worst:
        columns = ("node", "engine", ">max abs", ">max rel")
        sections.append(Table("Nodes with the largest differences", columns, worst))
    return sections


def _entry_row(entry: EquivalenceEntry, tolerance: float) -> tuple[str, ...]:
    name = f"{entry.engine} {entry.version}".rstrip()
    return (
        name,
        "equal" if entry.ok else "DIFFERENT",
        f"{entry.max_abs_err:.1e}",
        f"{entry.max_rel_err:.1e}",
        f"{tolerance:.0e}",
        f"{entry.nodes_compared or 'outputs'}",
        entry.first_bad or ("none" if entry.nodes_compared else "not compared"),
        f"{entry.routing_flips}",
    )


def _flips(entry: EquivalenceEntry) -> str:
    plural = "s" if entry.routing_flips > 1 else ""
    text = f"{entry.engine}: {entry.routing_flips} token{plural} took other experts"
    if entry.flip_margins:
        text += f", at a gate margin of at most {max(entry.flip_margins):.1e}"
    if entry.forced_ok is not None:
        error = "" if entry.forced_max_rel_err is None else f" (max rel {entry.forced_max_rel_err:.1e})"
        text += f"; with equal routing the outputs are {'equal' if entry.forced_ok else 'DIFFERENT'}{error}"
    return text


def _executor(result: Result) -> Notes:
    executor = result.executor
    assert executor is not None
    latency = time_scale(executor.latency_s).full(executor.latency_s)
    peak = byte_scale(executor.peak_bytes).full(executor.peak_bytes)
    lines = [
        f"{latency} on this CPU with {executor.threads} threads, {peak} planned at the peak, weights and activations"
    ]
    if executor.fallbacks:
        lines.append(f"run by the slow NumPy reference: {', '.join(executor.fallbacks)}")
    return Notes("Execution by the engine", tuple(lines))


def _provenance(result: Result) -> list[Section]:
    counts = ", ".join(f"{count} {kind}" for kind, count in result.provenance.counts.items())
    calibrated = result.provenance.calibrated
    fitted = f" Calibrated on (and never scored against): {', '.join(calibrated)}." if calibrated else ""
    summary = Notes("Provenance", (f"Values of the hardware file: {counts}.{fitted}",))
    time, joules = time_scale(result.latency_s), energy_scale(result.energy_j, joules_from=1.0)
    tables = (
        _estimates(result, "latency", time, result.latency_s, lambda e: (e.latency_low_s, e.latency_high_s)),
        _estimates(result, "energy", joules, result.energy_j, lambda e: (e.energy_low_j, e.energy_high_j)),
    )
    return [summary, *(table for table in tables if table.rows)]


def _estimates(result: Result, what: str, scale: Scale, nominal: float, ends: Ends) -> Table:
    """The estimates that move one metric, the one that moves it most first."""
    moved = {effect: abs(ends(effect)[1] - ends(effect)[0]) for effect in result.sensitivities}
    shown = [effect for effect, swing in moved.items() if swing >= SMALLEST_EFFECT * nominal]
    shown = sorted(shown, key=lambda effect: (-moved[effect], effect.path))[:TOP_ESTIMATES]
    rows = tuple(
        (
            effect.path,
            effect.value,
            _span(effect),
            " - ".join(scale.cell(end) for end in ends(effect)),
            shortened(effect.reason),
        )
        for effect in shown
    )
    headings = ("estimate", "value", "may be", f"{what} then, {scale.unit}", "why")
    note = (
        f"Each at both ends of its range, the others as given. {len(moved) - len(shown)} others move the {what} less; "
        "they are in result.json."
    )
    return Table(f"Estimates and what they do to the {what}", headings, rows, note)


def _span(effect: EstimateEffect) -> str:
    """Both ends, the unit once: '178 - 305 cycles'."""
    low, _, unit = effect.low.partition(" ")
    return f"{low} - {effect.high}" if unit and effect.high.endswith(f" {unit}") else f"{effect.low} - {effect.high}"

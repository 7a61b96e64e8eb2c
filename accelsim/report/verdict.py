"""The verdict: what an architect reads first, in a few lines."""

from __future__ import annotations

from accelsim.report.scale import byte_scale, energy_scale, significant, time_scale
from accelsim.report.table import WIDTH
from accelsim.results.equivalence import Equivalence
from accelsim.results.result import Result


def verdict(result: Result) -> tuple[str, ...]:
    """Time, energy, fits, what limits; memory; accuracy and correctness. At most 100 columns a line."""
    return (subject(result), *(line for group in _phrases(result) for line in _packed(group)))


def facts(result: Result) -> tuple[tuple[str, bool], ...]:
    """The phrases of the verdict one by one, each with whether it is bad news: unfit, or other outputs."""
    phrases = [phrase for group in _phrases(result) for phrase in group]
    bad = {_fits(result): not result.fits}
    if result.equivalence is not None:
        bad[correctness(result.equivalence)] = not result.equivalence.ok
    return tuple((phrase, bad.get(phrase, False)) for phrase in phrases)


def _phrases(result: Result) -> tuple[list[str], ...]:
    """Cost; memory and use; numbers."""
    return (
        _cost(result),
        [*_memory(result), f"MAC utilisation {significant(100 * result.utilisation)} %"],
        [_accuracy(result), correctness(result.equivalence)],
    )


def subject(result: Result) -> str:
    """'m3vit-tiny (semseg) on edge-moe-zcu102'."""
    tasks = ", ".join(task for task in result.scenario.tasks if task)
    return f"{result.model} ({tasks}) on {result.hardware}" if tasks else f"{result.model} on {result.hardware}"


def headline(result: Result) -> str:
    """The cost part of the verdict on lines of its own: time, energy, fits, limit."""
    return "\n".join(_packed(_cost(result)))


def correctness(equivalence: Equivalence | None) -> str:
    """Whether the numbers of our engine equal those of the others, in a phrase."""
    if equivalence is None:
        return "outputs: not verified"
    if not equivalence.inputs_differ:
        return "outputs: WRONG, two different inputs give the same output"
    bad = [entry for entry in equivalence.entries if not entry.ok]
    if bad:
        first = f" from {bad[0].first_bad}" if bad[0].first_bad else ""
        return f"outputs: DIFFER from {bad[0].engine} by {bad[0].max_rel_err:.1e}{first}"
    worst = max((entry.max_rel_err for entry in equivalence.entries), default=0.0)
    engines = " and ".join(entry.engine for entry in equivalence.entries)
    return f"outputs: equal to {engines} (worst {worst:.1e}, allowed {equivalence.tolerance:.0e})"


def _packed(phrases: list[str]) -> list[str]:
    """Phrases side by side, on as few lines as the width allows."""
    lines = [phrases[0]]
    for phrase in phrases[1:]:
        if len(lines[-1]) + 2 + len(phrase) <= WIDTH:
            lines[-1] += f"  {phrase}"
        else:
            lines.append(phrase)
    return lines


def _cost(result: Result) -> list[str]:
    limit = f"limited by: {result.limited_by}" if result.limited_by else "limited by: unknown"
    return [_latency(result), _throughput(result), _energy(result), _fits(result), limit]


def _latency(result: Result) -> str:
    scale = time_scale(result.latency_s)
    text = scale.full(result.latency_s)
    limits = result.ranges.get("latency_s")
    if limits is not None:
        text += scale.span(limits.low, limits.high)
    return f"{text} for {len(result.frames)} frames" if result.frames else text


def _throughput(result: Result) -> str:
    return f"{significant(result.throughput_per_s)} frames/s"


def _energy(result: Result) -> str:
    scale = energy_scale(result.energy_j)
    text = scale.full(result.energy_j, 2)
    limits = result.ranges.get("energy_j")
    if limits is not None:
        text += scale.span(limits.low, limits.high, 2)
    return f"{text} (accelerator+DRAM+static)"


def _fits(result: Result) -> str:
    where = result.board or result.hardware
    if result.fits:
        return f"fits {where}"
    return f"DOES NOT FIT {where} ({', '.join(failure.what for failure in result.misfits)})"


def _memory(result: Result) -> list[str]:
    on_chip = byte_scale(result.on_chip_bytes).full(result.on_chip_bytes)
    read = byte_scale(result.dram_read_bytes).full(result.dram_read_bytes)
    written = byte_scale(result.dram_write_bytes).full(result.dram_write_bytes)
    return [f"{on_chip} on chip", f"DRAM: {read} read, {written} written"]


def _accuracy(result: Result) -> str:
    if not result.accuracy:
        return "accuracy: not measured"
    return "accuracy: " + ", ".join(f"{name} {significant(value)}" for name, value in result.accuracy.items())

"""The times of samples for people: percentiles beside the bound, and a histogram as text or as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from accelsim.report.plot import require_plot
from accelsim.report.scale import Scale, time_scale
from accelsim.report.table import Notes, Section, Table
from accelsim.results.distribution import PERCENTILES, Distribution, SampleTimes

BINS = 12
_BAR = 40


def distribution_sections(found: Distribution) -> list[Section]:
    """Percentiles of each task, a histogram of each that varies, and what is not proven."""
    scale = _scale(found)
    sections: list[Section] = [_percentiles(found, scale)]
    sections += [_histogram(found, one, scale) for one in found.tasks if one.sorted_cycles[0] < one.sorted_cycles[-1]]
    notes = [
        f"{one.task or found.model}: no bound over all routings: {one.reason}" for one in found.tasks if one.reason
    ]
    if not any(one.routed for one in found.tasks):
        notes.append("no node routes: each sample takes the same time")
    return [*sections, Notes("Notes", tuple(notes))] if notes else sections


def distribution_headline(found: Distribution) -> tuple[str, ...]:
    samples = len(found.tasks[0].cycles)
    return (f"{found.model} on {found.hardware}", f"{samples:,} samples of {found.data} ({found.split}), each executed")


def _scale(found: Distribution) -> Scale:
    return time_scale(found.seconds(max(one.bound_cycles or one.sorted_cycles[-1] for one in found.tasks)))


def _percentiles(found: Distribution, scale: Scale) -> Table:
    rows = []
    for one in found.tasks:
        cycles = [one.sorted_cycles[0], one.mean, *map(one.percentile, PERCENTILES), one.sorted_cycles[-1]]
        bound = "-" if one.bound_cycles is None else scale.cell(found.seconds(one.bound_cycles))
        rows.append((one.task, f"{len(one.cycles):,}", *(scale.cell(found.seconds(n)) for n in cycles), bound))
    named = (f">p{percent}" for percent in PERCENTILES)
    return Table(
        f"Latency of the samples, {scale.unit}",
        ("task", ">samples", ">min", ">mean", *named, ">max", ">bound"),
        tuple(rows),
        note="bound: no routing of this model on this hardware takes longer, whatever the input.",
    )


def _histogram(found: Distribution, one: SampleTimes, scale: Scale) -> Table:
    counts, edges = np.histogram([found.seconds(n) for n in one.cycles], bins=BINS)
    rows = tuple(
        (scale.cell(low), scale.cell(high), f"{count:,}", "#" * -(-_BAR * int(count) // int(counts.max())))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    )
    title = f"Samples by latency{f', {one.task}' if one.task else ''}"
    return Table(title, (f">from {scale.unit}", f">to {scale.unit}", ">samples", ""), rows)


def draw_distribution(found: Distribution) -> Any:
    """Histograms of all tasks over one axis with p99 and the bound, a matplotlib Figure. Raises MissingExtraError."""
    require_plot()
    from matplotlib.figure import Figure

    scale = _scale(found)
    figure = Figure(figsize=(9, 1.1 + 1.9 * len(found.tasks)), dpi=120, layout="constrained")
    for axes, one in zip(np.ravel(figure.subplots(len(found.tasks), sharex=True)), found.tasks, strict=True):
        axes.hist([found.seconds(n) / scale.factor for n in one.cycles], bins=40, color="#0072B2")
        axes.axvline(found.seconds(one.percentile(99)) / scale.factor, color="#E69F00", label="p99")
        if one.bound_cycles is not None:
            axes.axvline(found.seconds(one.bound_cycles) / scale.factor, color="#D55E00", ls="--", label="bound")
        axes.set_ylabel(f"samples{f', {one.task}' if one.task else ''}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    axes.set_xlabel(f"latency, {scale.unit}")
    figure.suptitle(" - ".join(distribution_headline(found)), fontsize=11, x=0.01, ha="left")
    return figure


def save_distribution(found: Distribution, path: Path) -> None:
    """The figure as PNG, SVG or PDF, whichever the name ends with. Raises MissingExtraError."""
    draw_distribution(found).savefig(path)

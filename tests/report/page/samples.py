"""A run and a sweep to make pages of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from accelsim.ir.frozen import FrozenMap
from accelsim.report.page.sweep_page import SweepPage
from accelsim.results import Event, Result
from accelsim.results.memory import MemoryUse
from accelsim.results.pareto import on_front
from tests.results.sample import sample_result


def run(events: int = 0) -> Result:
    """The sample with what a run of today stores; with `events` short loads on a link besides those of its nodes."""
    result = sample_result()
    loads = tuple(
        Event("link weights", f"load {i}", 500 * i, 500 * i + 100 + i % 7, "weight_load") for i in range(events)
    )
    return replace(
        result,
        events=(*result.events, *loads),
        nodes=tuple(
            replace(node, macs_per_dram_byte=node.macs / node.dram_bytes, attainable_macs_per_cycle=200.0)
            if node.macs
            else node
            for node in result.nodes
        ),
        memories=(MemoryUse("weights", 589_824, 400_000, "weights"), MemoryUse("rows", 3072, None)),
        dram_bytes_per_s=12.8e9,
        settings=FrozenMap({"clocks.pl.frequency": "300 MHz", "units.linear.inputs": "16"}),
    )


def points(count: int) -> pd.DataFrame:
    """Larger arrays are faster and dearer; every ninth point does not fit, every hundredth cannot be timed."""
    rng = np.random.default_rng(0)
    rows, words = rng.integers(1, 9, count) * 8, 2 ** rng.integers(8, 13, count)
    noise = rng.uniform(1, 1.5, (2, count))
    latency, energy = noise[0] * 2 / rows, noise[1] * 1e-3 * (rows + words / 100)
    index = np.arange(count)
    failed = index % 100 == 7
    failure = np.where(failed, "node 'fc' needs 64 KiB", np.where(index % 9 == 3, "DSP slices: needs 3,000", ""))
    return pd.DataFrame(
        {
            "point": index,
            "model": "m",
            "task": "semseg",
            "hardware": "h",
            "units.array.rows": rows,
            "memories.weights.size": words,
            "latency_s": np.where(failed, np.nan, latency),
            "energy_j": np.where(failed, np.nan, energy),
            "stall_compute": index,
            "dsp": rows * 8.0,
            "fits": failure == "",
            "failure": failure,
        }
    )


def sweep(frame: pd.DataFrame, *, title: str = "A sweep") -> SweepPage:
    """The page of points such as `points` makes; those that do not fit are over the limits."""
    timed = frame["latency_s"].notna().to_numpy()
    within = timed & frame["fits"].to_numpy(bool)
    kept = frame[within]
    front = kept[on_front(kept[["latency_s", "energy_j"]].to_numpy(np.float64), [False, False])].sort_values(
        "latency_s"
    )
    sizes = {int(size): f"{size} B" for size in sorted(frame["memories.weights.size"].unique())}
    return SweepPage(
        name="small",
        title=title,
        source="name: small",
        frame=frame,
        front=front,
        within=within,
        groups=("model", "task", "hardware"),
        settings=("units.array.rows", "memories.weights.size"),
        objectives={"latency_s": False, "energy_j": False},
        limits=("fits",),
        spellings={"memories.weights.size": sizes},
    )

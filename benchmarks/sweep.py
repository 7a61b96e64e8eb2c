"""What a sweep costs over the bare many-points call: `python benchmarks/sweep.py [POINTS] [ROUNDS] [--dask]`.

Two processes on the same hardware points of m3vit-tiny, in turn: one that loads the model and calls `simulate_many`,
and `accelsim sweep --jobs 2`, which also writes the store. Prints wall clock, CPU time and peak memory (medians), and
ratios to the call alone: its process shows what of them is imports and loading. With `--dask` it times the sweep on a
local scheduler with one worker and with two, a core each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

SPACE = """
name: hundred-thousand
models: [{model: m3vit-tiny, tasks: [semseg]}]
hardware: [systolic-32]
settings:
  grid:
    units.array.rows: {from: 16, to: 64, factor: 2}
    units.array.cols: {from: 16, to: 64, factor: 2}
    memories.weights.words: [1024, 2048, 4096, 8192]
    memories.ddr.bandwidth: {from: 4 GB/s, to: 20 GB/s, steps: 56}
    clocks.pl.frequency: {from: 100 MHz, to: 300 MHz, steps: 50}
"""
BARE = """
import sys, time
import numpy as np
import accelsim as ac
from accelsim.evaluate.load import load_model
from accelsim.sweep.parts import Parts
from accelsim.sweep.load import load_sweep

parts = Parts(load_sweep(sys.argv[1]))
chosen = np.concatenate([settings for _, settings in parts.ranges])
columns = parts.space.setting_columns(chosen)
graph = load_model("m3vit-tiny", task="semseg", weights=False).graph
hardware, activity = ac.load_hardware("systolic-32"), ac.load_activity("uniform", graph)
started, cpu = time.perf_counter(), time.process_time()
many = ac.simulate_many(graph, hardware, columns, activity=activity, threads=2)
assert (many["cycles"] > 0).all()
print(chosen.size, time.perf_counter() - started, time.process_time() - cpu)
"""


class Cost(NamedTuple):
    """What a process took, and what it said."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    said: str


def cost_of(command: Sequence[str]) -> Cost:
    """Run a process. Raises RuntimeError where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, said)


def space_file(folder: Path, points: int) -> Path:
    """The sweep, of so many of its points."""
    path = folder / "space.yaml"
    path.write_text(f"{SPACE}strategy: {{kind: random, budget: {points}}}\n" if points else SPACE)
    return path


def overhead(points: int, rounds: int) -> None:
    bare, call, whole = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = str(space_file(folder, points))
        for turn in range(rounds + 1):  # the first fills caches
            cost = cost_of([sys.executable, "-c", BARE, path])
            count, wall, cpu = cost.said.split()
            out = folder / f"store{turn}"
            swept = cost_of([sys.executable, "-m", "accelsim", "sweep", path, "--out", str(out), "--jobs", "2"])
            if turn:
                bare.append(cost)
                call.append(Cost(float(wall), float(cpu), 0, ""))
                whole.append(swept)
    print(f"{int(count):,} points, medians of {rounds}")
    print(f"{'':34}{'wall s':>9}{'CPU s':>9}{'GiB':>7}{'CPU ratio':>11}{'wall ratio':>12}")
    base = call
    for label, costs in (
        ("simulate_many, the call", call),
        ("... its process", bare),
        ("accelsim sweep --jobs 2", whole),
    ):
        wall, cpu, peak = (median(cost[field] for cost in costs) for field in range(3))
        ratios = [median(one[field] / other[field] for one, other in zip(costs, base, strict=True)) for field in (1, 0)]
        print(f"{label:34}{wall:9.2f}{cpu:9.2f}{peak / 2**30:7.2f}{ratios[0]:11.2f}{ratios[1]:12.2f}")


def dask(points: int) -> None:
    """One worker against two. Workers load and compile first, and report to nobody."""
    from distributed import LocalCluster

    from accelsim.sweep.load import load_sweep
    from accelsim.sweep.run import prepare, run_on_dask

    walls = {}
    for workers in (1, 2):
        with (
            tempfile.TemporaryDirectory() as name,
            LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
            ) as cluster,
        ):
            file = space_file(Path(name), points)
            if not points:
                file.write_text(SPACE.replace("steps: 56", "steps: 112"))  # twice as many: two hundred thousand
            parts, store = prepare(load_sweep(file), Path(name) / "store")
            missing = store.missing()
            address = cluster.scheduler_address
            run_on_dask(parts, store, missing[:workers], address=address, done=lambda *_: None)
            started = time.perf_counter()
            run_on_dask(parts, store, store.missing(), address=address, done=lambda *_: None)
            walls[workers] = time.perf_counter() - started
    print(
        f"{parts.points:,} points: {walls[1]:.1f} s on one worker, {walls[2]:.1f} s on two: {walls[1] / walls[2]:.2f}x"
    )


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--dask"]
    points = int(words[0]) if words else 0
    if "--dask" in sys.argv[1:]:
        dask(points)
    else:
        overhead(points, int(words[1]) if len(words) > 1 else 3)


if __name__ == "__main__":
    main()

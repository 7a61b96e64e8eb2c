"""How much of the true front a search finds: `python benchmarks/search.py [SEEDS] [PERCENT]`.

Enumerates a space of array sizes, buffers, clocks and bandwidths once, then searches it with 1 % of its points (or
PERCENT) for each seed. The share is the hypervolume of what was found over that of the true front, both up to the worst
values on that front, so that easy points far behind it count for nothing. A random sample of the same size stands
beside it.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.hw.document import parse_yaml
from accelsim.results.pareto import hypervolume, on_front
from accelsim.sweep.parts import Parts
from accelsim.sweep.search import run_search
from accelsim.sweep.spec import SweepSpec, read_sweep

SPACE = """
name: enumerable
models: [{model: m3vit-tiny, tasks: [semseg]}]
hardware: [systolic-32]
settings:
  grid:
    units.array.rows: [8, 12, 16, 20, 24, 32, 40, 48]
    units.array.cols: [8, 12, 16, 20, 24, 32, 40, 48]
    memories.weights.words: [512, 1024, 2048, 4096, 8192]
    memories.ddr.bandwidth: {from: 4 GB/s, to: 20 GB/s, steps: 9}
    clocks.pl.frequency: {from: 100 MHz, to: 300 MHz, step: 25 MHz}
objectives: {latency_s: minimise, energy_j: minimise, dsp: minimise}
limits: [fits]
"""
KINDS = ("nsga2", "tpe")


class Known(Parts):
    """Parts of a space whose results are known already."""

    def __init__(self, spec: SweepSpec, results: Any) -> None:
        super().__init__(spec)
        object.__setattr__(self, "results", results)

    def evaluated(self, group: int, settings: npt.NDArray[np.int64], *, threads: int = 1) -> Any:
        return self.results.take(group * self.space.inner + settings)


class Memory:
    """A store without a folder."""

    def __init__(self) -> None:
        self.points: list[int] = []

    def read_part(self, part: int) -> None:
        return None

    def write(self, part: int, table: Any) -> None:
        self.points += table["point"].to_pylist()


def main() -> None:
    seeds, percent = (float(word) for word in (*sys.argv[1:3], *("10", "1")[len(sys.argv) - 1 :]))
    spec = read_sweep(parse_yaml(SPACE, name="space"))
    parts = Parts(spec)
    started = time.perf_counter()
    results = parts.evaluated(0, np.arange(parts.space.inner), threads=2)
    frame = results.to_pandas()
    values = frame[list(spec.objectives)].to_numpy(np.float64)
    good = frame["fits"].to_numpy() & ~np.isnan(values).any(axis=1)
    senses = [False] * values.shape[1]
    front = values[good][on_front(values[good], senses)]
    reference = front.max(axis=0)
    truth = hypervolume(front, senses, reference)
    print(f"{len(frame):,} points, {good.sum():,} hold the limits; enumerated in {time.perf_counter() - started:.1f} s")

    def share(points: npt.NDArray[np.int64]) -> float:
        found = values[points][good[points]]
        return 100 * hypervolume(found[(found <= reference).all(axis=1)], senses, reference) / truth

    budget = int(percent / 100 * len(frame))
    print(f"{budget} points a search ({percent:g} %); percent of the true hypervolume")
    print(f"{'seed':>6}" + "".join(f"{name:>10}" for name in ("random", *KINDS)))
    rows = []
    for seed in range(int(seeds)):
        row = [share(np.random.default_rng(seed).choice(len(frame), budget, replace=False))]
        for kind in KINDS:
            strategy = {"kind": kind, "budget": budget}
            chosen = SweepSpec.model_validate({**spec.model_dump(), "strategy": strategy, "seed": seed})
            store = Memory()
            run_search(Known(chosen, results), store, jobs=1, done=lambda *_: None)
            assert len(set(store.points)) == len(store.points) <= budget
            row.append(share(np.array(store.points)))
        rows.append(row)
        print(f"{seed:>6}" + "".join(f"{value:10.2f}" for value in row), flush=True)
    for name, of in (("worst", np.min), ("mean", np.mean)):
        print(f"{name:>6}" + "".join(f"{value:10.2f}" for value in of(rows, axis=0)))


if __name__ == "__main__":
    main()

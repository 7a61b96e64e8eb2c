"""How fast the timeline kernel jumps against stepping every tile: `python benchmarks/timeline.py`."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from accelsim.sim import table
from accelsim.sim.table import Program
from accelsim.sim.timeline import run_program

ROWS, LINKS = 300, 5


def program(seed: int, **columns: int) -> Program:
    """300 rows on five links of one DRAM; weights ping-pong on link 0, streams on the others."""
    rng = np.random.Generator(np.random.Philox(seed))
    rows = table.empty_rows(ROWS)
    rows[:, table.COMPUTE] = rng.integers(20, 200, ROWS)
    rows[:, table.FILL], rows[:, table.LATENCY], rows[:, table.DEPTH] = 250, 150, 2
    rows[:, table.GROUP], rows[:, table.SLOTS] = 1, 2
    rows[:, table.NODE] = np.arange(ROWS)
    for name, value in columns.items():
        rows[:, getattr(table, name)] = value
    inner, begin, end = (np.zeros((ROWS, 2 * LINKS), np.int64) for _ in range(3))
    inner[:, 2:] = rng.integers(1, 200, inner[:, 2:].shape) * (rng.random(inner[:, 2:].shape) < 0.3)
    begin[:, 0] = rng.integers(100, 5000, ROWS)
    end[:, 3] = rng.integers(10, 400, ROWS)
    memory = np.zeros(2 * LINKS, np.int64)
    return Program(rows, inner, inner // 4, begin, begin // 4, end, end // 4, memory)


def best(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of `repeats` runs."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


CASES = {
    "1 x 4000 tiles": {"OUTER": 1, "INNER": 4000},
    "12 x 333 tiles": {"OUTER": 12, "INNER": 333, "TAIL": 4},
    "129 x 31 tiles": {"OUTER": 129, "INNER": 31},
    "1000 x 4 tiles": {"OUTER": 1000, "INNER": 4, "DEPTH": 4},
    "9 x 6 tiles": {"OUTER": 9, "INNER": 6},
    "1000 x 1000 tiles": {"OUTER": 1000, "INNER": 1000},
}


def main() -> None:
    print(f"{'300 rows of':18}{'tiles':>12}{'stepped':>10}{'jump ms':>10}{'step ms':>10}{'ratio':>8}")
    for name, columns in CASES.items():
        work = program(1, **columns)
        jump = best(lambda work=work: run_program(work), 20)
        step = best(lambda work=work: run_program(work, step_every_tile=True), 2)
        stepped, tiles = run_program(work).stepped, int(work.tiles.sum())
        print(f"{name:18}{tiles:12,}{stepped:10,}{1e3 * jump:10.3f}{1e3 * step:10.1f}{step / jump:8.0f}")


if __name__ == "__main__":
    main()

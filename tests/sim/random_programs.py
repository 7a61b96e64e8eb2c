"""Seeded random programs, small in every number so that ties and odd regimes are common."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accelsim.sim import table
from accelsim.sim.table import Lanes, Program


def random_program(
    seed: int, *, max_rows: int = 4, max_outer: int = 30, max_inner: int = 40, branches: bool = False
) -> Program:
    """With `branches`, rows come after random earlier ones, in lanes with random shares of the servers."""
    rng = np.random.Generator(np.random.Philox(seed))
    count, links = int(rng.integers(1, max_rows + 1)), int(rng.integers(1, 4))
    rows = table.empty_rows(count)
    rows[:, table.OUTER] = rng.integers(1, max_outer + 1, count)
    rows[:, table.INNER] = rng.integers(0, max_inner + 1, count)
    rows[:, table.TAIL] = rng.integers(0, 12, count) * (rng.random(count) < 0.4)
    scale = int(rng.choice([3, 12, 60]))
    for column in (table.COMPUTE, table.FLUSH, table.FILL, table.LATENCY, table.STREAM_LATENCY, table.SERIAL):
        rows[:, column] = rng.integers(0, scale, count) * (rng.random(count) < 0.7)
    rows[:, table.DEPTH] = rng.integers(1, 5, count)
    rows[:, table.CAUSE] = rng.choice([0, 5, 7], count)
    rows[:, table.GROUP] = rng.integers(0, 3, count)
    rows[:, table.SLOTS] = rng.integers(1, 3, 3)[rows[:, table.GROUP]]
    rows[:, table.NODE] = np.arange(count)
    memory = np.repeat(rng.integers(-1, 2, links), 2)

    def transfers(high: int, probability: float, parity: int | None) -> tuple[np.ndarray, np.ndarray]:
        present = rng.random((count, 2 * links)) < probability
        if parity is not None:
            present[:, np.arange(2 * links) % 2 != parity] = False
        ports = rng.integers(1, high + 1, present.shape) * present
        claims = rng.integers(0, high + 1, present.shape) * present * (memory >= 0)
        return ports, claims

    held_scale = int(rng.choice([scale, 10 * scale, 100 * scale]))
    program = Program(
        rows,
        *transfers(scale, 0.4, None),
        *transfers(held_scale, 0.5, 0),
        *transfers(5 * scale, 0.3, 1),
        memory,
    )
    return replace(program, lanes=_random_lanes(program, rng)) if branches else program


def _random_lanes(program: Program, rng: np.random.Generator) -> Lanes:
    count = len(program.rows)
    after = rng.integers(-1, np.maximum(0, np.arange(count))[:, None] + 1, (count, 2)) - (rng.random((count, 2)) < 0.3)
    after = np.clip(after, -1, np.arange(count)[:, None] - 1)
    stretch = rng.choice([1.0, 1.0, 1.5, 3.0, 2.25], (count, program.channels + program.memories))
    return Lanes(after, rng.integers(0, 3, count), stretch)

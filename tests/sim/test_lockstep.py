"""Rows on many points in lockstep are the same rows point by point: ends, causes, servers and prefetches."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.mapping import timeline_kernel as kernel
from accelsim.sim import lockstep_kernel as lockstep
from accelsim.sim import lockstep_sequence_kernel as sequences
from accelsim.sim.lockstep_kernel import POINTS
from tests.sim.random_programs import random_program


def _batch(seed: int, points: int, spread: float, **sizes: int) -> sequences.Batch:
    """The rows of a random program, a box each, with ticks that differ from point to point by up to a share."""
    program, rng = random_program(seed, **sizes), np.random.default_rng(seed)
    servers = program.servers()
    batch = sequences.new_batch(len(program.rows), servers[0].shape[1])
    batch.rows[::2] = batch.rows[1::2] = program.rows
    batch.rows[:, [kernel.SERIAL, kernel.STREAM_LATENCY]] = 0
    shape = (len(program.rows), lockstep.CLAIMS, points)
    times = program.rows[:, [kernel.COMPUTE, kernel.FLUSH, kernel.FILL, kernel.LATENCY], None]
    batch.ticks[:, : lockstep.CLAIMS, :points] = np.rint(times * (1 + spread * rng.random(shape)))
    claims = np.concatenate(servers, axis=1)[:, :, None]
    varied = np.rint(claims * (1 + spread * rng.random((*claims.shape[:2], points)))).astype(np.int64)
    batch.ticks[:, lockstep.CLAIMS :, :points] = varied
    batch.uses[:] = np.stack(servers, axis=1) > 0
    return batch


def _run(batch: sequences.Batch, seed: int, points: int) -> int:
    """Run each row of a batch both ways, the second one behind it in its group. Returns how many were not given up."""
    rng, servers = np.random.default_rng(seed), batch.uses.shape[2]
    space, ran = lockstep.new_space(servers), 0
    for box in range(len(batch.rows) // 2):
        other = int(rng.integers(-2, len(batch.rows) // 2)) if batch.uses[box, lockstep.HELD].any() else -2
        if other >= 0 and not batch.uses[other, lockstep.HELD].any():
            other = -1
        free = np.zeros((servers, POINTS), np.int64)
        free[:] = rng.integers(0, 100, free.shape) * (rng.random() < 0.5)
        ready = rng.integers(0, 100, POINTS) * (rng.random() < 0.5)
        loaded = bool(rng.random() < 0.5)
        found = np.zeros((2, lockstep.FREE_AFTER + servers, POINTS), np.int64)
        following = max(other, 0)
        came_to_end = lockstep.run_row(
            batch.rows[2 * box], batch.ticks[box], batch.uses[box], other > -2, batch.ticks[following],
            batch.uses[following], other >= 0, loaded, ready, free, space, found[0], points,
        )  # fmt: skip
        sequences.run_alone(
            batch, 2 * box, 2 * other if other >= 0 else other, int(loaded), ready, free, found[1], points
        )
        if came_to_end:
            np.testing.assert_array_equal(found[0, :, :points], found[1, :, :points], err_msg=f"{seed} {box}")
        ran += came_to_end
    return ran


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 0.05, 2.0])
def test_rows_in_lockstep_are_the_rows_point_by_point(spread: float) -> None:
    """On 22,000 rows and points each time; most rows come to an end in lockstep."""
    ran = sum(_run(_batch(seed, 9, spread), seed, 9) for seed in range(1_000))
    assert ran > 1_800


@pytest.mark.slow
def test_longer_rows_in_lockstep_are_the_rows_point_by_point() -> None:
    seeds = range(10_000, 10_500)
    assert sum(_run(_batch(seed, 3, 0.02, max_outer=300, max_inner=300), seed, 3) for seed in seeds) > 500

"""No plan is faster than its bound: what the search leaves out could not have won."""

# ruff: noqa: PLR0917  (kernels take plain arrays and numbers, by position)
from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from accelsim.mapping import kernel
from accelsim.mapping.bound_kernel import least_ticks, server_ticks, traffic_of
from accelsim.mapping.candidates_kernel import CUT_COLUMNS, CYCLES, KINDS, TILES, measure
from accelsim.mapping.dataflows.folds import Array
from tests.mapping.test_search import DATAFLOWS, OVERLAPS, TICK_HZ, rates, record
from tests.sim.plan_times import timed

PLANS = 2_000


@njit  # type: ignore[untyped-decorator]
def bound_of(product, operands, links, drams, tick_hz, plan):  # type: ignore[no-untyped-def]
    """Ticks of a plan at the least."""
    traffic, held = traffic_of(product, operands, links, drams, tick_hz), plan[3]
    grain, cuts = np.empty((3, 2), np.int64), np.empty((3, 1, CUT_COLUMNS))
    kernel.grains(product, grain)
    for axis in range(3):
        measure(product, grain, axis, plan[axis], cuts[axis, 0])
    by_m = cuts[kernel.M, 0, KINDS if held == kernel.WEIGHTS else TILES]
    by_n = cuts[kernel.N, 0, KINDS if held == kernel.INPUTS else TILES]
    by_k = cuts[kernel.K, 0, KINDS if held == kernel.OUTPUTS else TILES]
    busy = float(product[kernel.UNIT_TICKS]) * product[kernel.BATCH]
    for axis in range(3):
        busy *= cuts[axis, 0, CYCLES]
    bound = least_ticks(product, traffic.ticks, traffic.held, cuts, 0, 0, 0, held, by_m, by_n, by_k, busy)
    return max(busy, server_ticks(traffic.ticks, by_m, by_n, by_k)), bound


@pytest.mark.slow
def test_no_plan_is_faster_than_its_bound_and_most_are_near_it() -> None:
    draw = np.random.Generator(np.random.Philox(3))
    ratios = []
    for _ in range(PLANS):
        size = tuple(int(x) for x in draw.integers(1, 200, 3))
        rows, columns = (int(x) for x in draw.integers(1, 17, 2))
        product = record(
            Array(rows, columns, DATAFLOWS[draw.integers(3)], OVERLAPS[draw.integers(3)]),
            size,
            batch=draw.integers(1, 4),
        )
        product.product[kernel.COPIES : kernel.COPIES + 3] = draw.integers(1, 4, 3)
        product.product[kernel.PREFETCH] = draw.integers(2)
        grain = np.empty((3, 2), np.int64)
        kernel.grains(product.product, grain)
        plan = np.array([*(draw.integers(1, most + 1) for most in grain[:, 1]), draw.integers(3)], np.int64)
        links, drams = rates(float(draw.choice([0.5, 2.0, 12.0])))
        work, bound = bound_of(*product[:2], links, drams, TICK_HZ, plan)
        ticks = timed(*product, plan, links, drams, TICK_HZ)
        assert work * (1 - 1e-12) <= bound <= ticks * (1 + 1e-12), (product.product, plan)
        ratios.append(bound / ticks)
    assert np.median(ratios) > 0.8

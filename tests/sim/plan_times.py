"""Plans of one product timed by the timeline kernel, and the best of a grid of them: what a search is held to."""

# ruff: noqa: PLR0917  (kernels take plain arrays and numbers, by position)
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from accelsim.mapping import candidates_kernel as candidates
from accelsim.mapping import kernel
from accelsim.mapping import timeline_kernel as timeline
from accelsim.mapping.bound_kernel import server_ticks, traffic_of
from accelsim.mapping.plan_kernel import fill_row

MOST_TIMED = 20_000


@njit
def timed(product, operands, epilogue, plan, links, drams, tick_hz):
    """Ticks of a plan by itself, as the timeline runs it."""
    servers = 2 * links.shape[0] + drams.shape[0]
    most = kernel.MOST_BOXES * (operands.shape[0] + 3)
    boxes = np.empty((kernel.MOST_BOXES, kernel.BOX_COLUMNS), np.int64)
    moves, sizes = np.empty((most, kernel.MOVE_COLUMNS), np.int64), np.empty((most, kernel.SIZE_COLUMNS))
    claims = np.empty((5, servers), np.int64)
    count = kernel.expand(product, operands, epilogue, plan, boxes, moves, sizes)
    rows = np.zeros((count, timeline.COLUMNS), np.int64)
    matrices = np.zeros((4, count, servers), np.int64)
    follower, after = np.full(count, -2, np.int64), np.empty((count, 1), np.int64)
    last = -1
    for index in range(count):
        box = boxes[index]
        grouped = product[kernel.PREFETCH] != kernel.NEVER and box[kernel.SLOTS] == 2
        kernel.book(box, operands, moves, sizes, links, drams, tick_hz, claims)
        loads = fill_row(
            box, 0, 1, 0, grouped, product[kernel.UNIT_TICKS], claims, rows[index], matrices[0, index],
            matrices[1, index], matrices[2, index], matrices[3, index],
        )  # fmt: skip
        after[index, 0] = index - 1
        if loads:
            follower[index] = -1
            if grouped and last >= 0:
                follower[last] = index
            last = index if grouped else last
    times, causes = np.zeros((count, timeline.TIMES), np.int64), np.zeros((count, timeline.CAUSE_COUNT), np.int64)
    ready = np.empty(count, np.int64)
    timeline.run(rows, matrices[0], matrices[1], matrices[2], matrices[3], after, follower, ready, False, times, causes)
    return times[count - 1, timeline.END]


@njit
def best_of_grid(product, operands, epilogue, links, drams, tick_hz, limit, growth):
    """(least ticks of the grid, or `limit` if that is less, candidates, how many were timed).

    The grid has all numbers of tiles up to 1 / (growth - 1), then `growth` times more; every size if `growth` is 0.
    """
    grain = np.empty((3, 2), np.int64)
    kernel.grains(product, grain)
    ticks = traffic_of(product, operands, links, drams, tick_hz).ticks
    cuts, counts = np.empty((3, 1024, candidates.CUT_COLUMNS)), np.zeros(3, np.int64)
    for axis in range(3):
        tiles = last = 0
        while last != 1:
            tiles = max(tiles + 1, int(tiles * growth))
            size = -(-grain[axis, 1] // tiles) if growth > 0 else grain[axis, 1] + 1 - tiles
            if size != last:
                candidates.measure(product, grain, axis, size, cuts[axis, counts[axis]])
                counts[axis] += 1
            last = size
    most = counts[0] * counts[1] * counts[2] * 3
    plans, bounds, plan, count = np.empty((most, 4), np.int64), np.empty(most), np.empty(4, np.int64), 0
    for m in cuts[kernel.M, : counts[kernel.M]]:
        for n in cuts[kernel.N, : counts[kernel.N]]:
            for k in cuts[kernel.K, : counts[kernel.K]]:
                for side, cut in enumerate((m, n, k)):
                    plan[side] = int(cut[candidates.UNITS])
                if not kernel.fits(product, grain, plan):
                    continue
                cycles = product[kernel.BATCH] * m[candidates.CYCLES] * n[candidates.CYCLES] * k[candidates.CYCLES]
                for choice in range(3):
                    held = plan[3] = product[kernel.HELD + choice]
                    if held < 0:
                        continue
                    by_m = m[candidates.KINDS if held == kernel.WEIGHTS else candidates.TILES]
                    by_n = n[candidates.KINDS if held == kernel.INPUTS else candidates.TILES]
                    by_k = k[candidates.KINDS if held == kernel.OUTPUTS else candidates.TILES]
                    bound = max(product[kernel.UNIT_TICKS] * cycles, server_ticks(ticks, by_m, by_n, by_k))
                    if bound < limit:
                        plans[count], bounds[count] = plan, bound
                        count += 1
    least, done = limit, 0
    for index in np.argsort(bounds[:count]):
        if bounds[index] >= least or done == MOST_TIMED:
            break
        done += 1
        least = min(least, timed(product, operands, epilogue, plans[index], links, drams, tick_hz))
    return least, count, done

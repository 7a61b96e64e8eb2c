"""The search for the best cut of a product, compiled.

    1  pairs of cuts that no rate has a say in, and the least that array and servers take with each
    2  the pairs that may yet win, with every cut of the third side: the bound of each
    3  the candidate of the least bound is timed as the timeline runs it, until no bound is below the best
    4  one tile more or less along each side of the best, as long as that helps

Bounds and times are of latency, energy or their product. A candidate is not timed where its bound leaves less than
half a percent to gain. Ties: fewer bytes, then the earlier candidate, so that a search has one answer.
"""

# ruff: noqa: PLR0917  (kernels take plain arrays and numbers, by position)
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import functools
from typing import Any, NamedTuple

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

import numpy as np  # noqa: E402
from numba import njit  # noqa: E402

from accelsim.mapping.borrow_kernel import borrowed, keep_alive  # noqa: E402
from accelsim.mapping.bound_kernel import (  # noqa: E402
    least_ends,
    least_ticks,
    moved_bytes,
    server_ticks,
    traffic_of,
)
from accelsim.mapping.candidates_kernel import (  # noqa: E402
    CUT_COLUMNS,
    CYCLES,
    FIRST_PART,
    KINDS,
    LEAST_CYCLES,
    MOST_CANDIDATES,
    MOST_PAIRS,
    MOST_ROWS,
    TILES,
    UNITS,
    add_pair,
    list_cuts,
    list_neighbours,
    list_pairs,
)
from accelsim.mapping.kernel import (  # noqa: E402
    BATCH,
    INPUTS,
    OUTPUTS,
    UNIT_TICKS,
    WEIGHTS,
    K,
    M,
    N,
    axis_first,
    fits,
    grains,
)
from accelsim.mapping.plan_kernel import Space, new_space, plan_ticks  # noqa: E402

_compiled = functools.partial(njit, cache=True, nogil=True)
_inlined = functools.partial(njit, inline="always")
_TIMED = 64  # candidates that are timed at most, in each round
_GAIN = 0.995  # of the best: bounds above are not looked at
_CLOSE = 1.05  # plans that may yet win, beside the best
_ROUNDS = 24  # of refinement
MOST_TICKS = 2.0**60
NO_TILE, TOO_LONG = -1.0, -2.0  # what a search returns that finds nothing

# What is minimised: seconds, joules or their product; joules for each tick, byte and tick of a busy array.
OBJECTIVE, PER_TICK, PER_BYTE, PER_BUSY_TICK = range(4)
LATENCY_OBJECTIVE, ENERGY_OBJECTIVE, PRODUCT_OBJECTIVE = range(3)


class Table(NamedTuple):
    """What searches work in: `cuts` [3, rows, columns of `candidates_kernel`] of M, N and K; `pairs` and candidates
    `found`, [plans, 4] rows of these and the operand held, with the least score of each; `space` to time plans in."""

    cuts: Any
    pairs: Any
    pair_scores: Any
    found: Any
    scores: Any
    space: Space


@_compiled
def new_table(operands, servers):
    """Room for searches of products with so many operands at most."""
    return Table(
        np.empty((3, MOST_ROWS, CUT_COLUMNS)),
        np.empty((MOST_PAIRS, 4), np.int64),
        np.empty(MOST_PAIRS),
        np.empty((MOST_CANDIDATES, 4), np.int64),
        np.empty(MOST_CANDIDATES),
        new_space(operands, servers),
    )


@_inlined
def _score(weights, ticks, moved, busy):
    score = ticks
    if ticks >= MOST_TICKS:
        score = np.inf
    elif weights[OBJECTIVE] != LATENCY_OBJECTIVE:
        joules = weights[PER_TICK] * ticks + weights[PER_BYTE] * moved + weights[PER_BUSY_TICK] * busy
        score = joules if weights[OBJECTIVE] == ENERGY_OBJECTIVE else joules * ticks
    return score


@_compiled
def _score_pairs(product, weights, cuts, traffic, pairs, count, scores):
    """The least score of each pair with any cut of its third side. Returns the pair with the least of all."""
    ticks, moved, held_ticks = traffic
    unit, batch, least = float(product[UNIT_TICKS]), float(product[BATCH]), 0
    for pair in range(count):
        m, n, k, held = pairs[pair, M], pairs[pair, N], pairs[pair, K], pairs[pair, 3]
        by_m = 1.0 if held == WEIGHTS else cuts[M, m, TILES]
        by_n = 1.0 if held == INPUTS else cuts[N, n, TILES]
        by_k = 1.0 if held == OUTPUTS else cuts[K, k, TILES]
        one, two, inner = axis_first(held)
        first, second, third = pairs[pair, one], pairs[pair, two], pairs[pair, inner]
        cycles = cuts[one, first, CYCLES] * cuts[two, second, CYCLES] * cuts[inner, third, LEAST_CYCLES]
        part, busy = cuts[one, first, FIRST_PART] * cuts[two, second, FIRST_PART] / batch, unit * batch * cycles
        most = max(server_ticks(ticks, by_m, by_n, by_k), busy + least_ends(product, held_ticks, held, part))
        scores[pair] = _score(weights, most, moved_bytes(moved, by_m, by_n, by_k), busy)
        if scores[pair] < scores[least]:
            least = pair
    return least


@_compiled
def _keep(product, weights, cuts, traffic, found, count, limit, scores):
    """Keep the candidates whose bound is below the limit, with their scores. Returns how many they are."""
    ticks, moved, held_ticks = traffic
    unit, batch, kept = float(product[UNIT_TICKS]), float(product[BATCH]), 0
    for index in range(count):
        m, n, k, held = found[index, M], found[index, N], found[index, K], found[index, 3]
        by_m = cuts[M, m, KINDS] if held == WEIGHTS else cuts[M, m, TILES]
        by_n = cuts[N, n, KINDS] if held == INPUTS else cuts[N, n, TILES]
        by_k = cuts[K, k, KINDS] if held == OUTPUTS else cuts[K, k, TILES]
        busy = unit * batch * cuts[M, m, CYCLES] * cuts[N, n, CYCLES] * cuts[K, k, CYCLES]
        moves = moved_bytes(moved, by_m, by_n, by_k)
        if _score(weights, max(busy, server_ticks(ticks, by_m, by_n, by_k)), moves, busy) >= limit:
            continue
        least = least_ticks(product, ticks, held_ticks, cuts, m, n, k, held, by_m, by_n, by_k, busy)
        score = _score(weights, least, moves, busy)
        if score < limit:
            found[kept, M], found[kept, N], found[kept, K], found[kept, 3] = m, n, k, held
            scores[kept] = score
            kept += 1
    return kept


@_compiled
def _time(product, operands, epilogue, links, drams, tick_hz, weights, table, count, most, best, plans, plan):
    """Time candidates in the order of their bounds, `most` of them, until no bound is below the limit. For each operand
    held, `best` [3, 3] are score, bytes and ticks of its best plan so far, `plans` [3, 4] that plan; `plan` [4] is
    scratch."""
    cuts, found, scores = table.cuts, table.found, table.scores
    for _ in range(min(count, most)):
        index = 0
        for other in range(1, count):
            if scores[other] < scores[index]:
                index = other
        if scores[index] >= _limit(best):
            break
        scores[index] = np.inf
        held = plan[3] = found[index, 3]
        busy = float(product[UNIT_TICKS]) * product[BATCH]
        for side in range(3):
            row = found[index, side]
            plan[side] = int(cuts[side, row, UNITS])
            busy *= cuts[side, row, CYCLES]
        ticks, moved = plan_ticks(product, operands, epilogue, plan, links, drams, tick_hz, table.space)
        score = _score(weights, ticks, moved, busy)
        if score < best[held, 0] or (score == best[held, 0] and moved < best[held, 1]):
            best[held, 0], best[held, 1], best[held, 2] = score, moved, ticks
            plans[held] = plan


@_inlined
def _limit(best):
    return _GAIN * min(best[0, 0], best[1, 0], best[2, 0])


@_compiled
def _winner(best):
    """The operand held by the best plan."""
    held = 0
    for other in range(1, 3):
        if best[other, 0] < best[held, 0] or (best[other, 0] == best[held, 0] and best[other, 1] < best[held, 1]):
            held = other
    return held


@_compiled
def search_in(table, product, operands, epilogue, links, drams, tick_hz, weights, plan):
    """`search` in a table that other searches may have used. Returns `NO_TILE`, `TOO_LONG` or the ticks of the plan."""
    grain = np.empty((3, 2), np.int64)
    grains(product, grain)
    if not fits(product, grain, np.ones(3, np.int64)):
        return NO_TILE
    traffic = traffic_of(product, operands, links, drams, tick_hz)
    work = (grain, traffic, np.full((3, 3), np.inf), np.empty((3, 4), np.int64), np.full(3, np.inf))
    ticks = _search(*borrowed((table, product, operands, epilogue, links, drams, tick_hz, weights, plan, work)))
    keep_alive(work)
    return ticks


@_compiled
def _search(table, product, operands, epilogue, links, drams, tick_hz, weights, plan, work):
    """`refined` of what it works in is the score of the plan of each operand held whose neighbours were looked at."""
    grain, traffic, best, plans, refined = work
    cuts, pairs, pair_scores, found, scores, _ = table
    world, what = (product, operands, epilogue, links, drams, tick_hz, weights), (product, weights, cuts)
    ends = list_cuts(product, grain, cuts)
    pair_count = list_pairs(product, cuts, ends, pairs)
    start = _score_pairs(*what, traffic, pairs, pair_count, pair_scores)
    count = add_pair(product, ends, pairs[start], found, 0)
    count = _keep(*what, traffic, found, count, np.inf, scores)
    _time(*world, table, count, 1, best, plans, plan)
    count, limit = 0, _limit(best)
    for pair in range(pair_count):
        if pair_scores[pair] < limit:
            count = add_pair(product, ends, pairs[pair], found, count)
    count = _keep(*what, traffic, found, count, limit, scores)
    _time(*world, table, count, _TIMED, best, plans, plan)
    for turn in range(_ROUNDS):
        held = turn % 3
        if best[held, 0] < refined[held] and best[held, 0] <= _CLOSE * best[_winner(best), 0]:
            refined[held] = best[held, 0]
            count = list_neighbours(product, grain, plans[held], cuts, found)
            count = _keep(*what, traffic, found, count, _limit(best), scores)
            _time(*world, table, count, _TIMED, best, plans, plan)
    held = _winner(best)
    if best[held, 0] == np.inf:
        return TOO_LONG
    plan[:] = plans[held]
    return best[held, 2]


@_compiled
def search(product, operands, epilogue, links, drams, tick_hz, weights, plan):
    """The best plan found: grains of a tile along M, N and K and the operand held, in `plan`.

    Returns its ticks by itself, or NO_TILE where none fits its buffers, TOO_LONG where every plan passes 2**60 ticks.
    """
    table = new_table(operands.shape[0], 2 * links.shape[0] + drams.shape[0])
    return search_in(table, product, operands, epilogue, links, drams, tick_hz, weights, plan)

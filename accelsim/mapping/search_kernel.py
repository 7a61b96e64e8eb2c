"""The search for the best cut of a product, compiled.

    1  `candidates`: cuts that no rate has a say in
    2  the bound of each: what array, loads, channels and DRAMs take at the least
    3  the candidate of the least bound is timed as the timeline runs it, until no bound is below the best
    4  one tile more or less along each side of the best, as long as that helps

Bounds and times are of latency, energy or their product. Ties: fewer bytes, then the earlier candidate, so that a
search has one answer.
"""

# ruff: noqa: PLR0917  (kernels take plain arrays and numbers, by position)
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import functools

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

import numpy as np  # noqa: E402
from numba import njit  # noqa: E402

from accelsim.mapping.bound_kernel import least_ticks, moved_bytes, traffic_of  # noqa: E402
from accelsim.mapping.candidates_kernel import (  # noqa: E402
    BUSY,
    FEATURES,
    MOST_PLANS,
    add_candidate,
    candidates,
    equal_tiles,
    largest,
)
from accelsim.mapping.kernel import HELD, UNIT_TICKS, fits, grains  # noqa: E402
from accelsim.mapping.plan_kernel import new_space, plan_ticks  # noqa: E402

_compiled = functools.partial(njit, cache=True, nogil=True)
_TIMED = 64  # candidates that are timed at most, in each round
_CLOSE = 1.05  # plans that may yet win, beside the best
_ROUNDS = 8  # of refinement
_NEIGHBOURS = 64
MOST_TICKS = 2.0**60
NO_TILE, TOO_LONG = -1.0, -2.0  # what a search returns that finds nothing

# What is minimised: seconds, joules or their product; joules for each tick, byte and tick of a busy array.
OBJECTIVE, PER_TICK, PER_BYTE, PER_BUSY_TICK = range(4)
LATENCY_OBJECTIVE, ENERGY_OBJECTIVE, PRODUCT_OBJECTIVE = range(3)


@_compiled
def _score(weights, ticks, moved, busy):
    if weights[OBJECTIVE] == LATENCY_OBJECTIVE:
        return ticks
    joules = weights[PER_TICK] * ticks + weights[PER_BYTE] * moved + weights[PER_BUSY_TICK] * busy
    return joules if weights[OBJECTIVE] == ENERGY_OBJECTIVE else joules * ticks


@_compiled
def _bound_scores(product, operands, links, traffic, weights, plans, features, count, bounds):
    """The least score of each candidate; infinite where its ticks pass 2**60."""
    begin = 0
    while begin < count:
        held, end = plans[begin, 3], begin + 1
        while end < count and plans[end, 3] == held:
            end += 1
        least_ticks(product, operands, links, traffic, held, features, begin, end, bounds)
        begin = end
    for index in range(count):
        if bounds[index] >= MOST_TICKS:
            bounds[index] = np.inf
        elif weights[OBJECTIVE] != LATENCY_OBJECTIVE:
            busy = product[UNIT_TICKS] * features[BUSY, index]
            bounds[index] = _score(weights, bounds[index], moved_bytes(traffic, features, index), busy)


@_compiled
def _neighbours(product, grain, best, plans, features):
    """Plans near one: another operand held; along each side one tile less or more, half or twice as many, and with
    each of these another side as long as then fits. Those that hold the same operand together."""
    plan, count = np.empty(4, np.int64), 0
    for choice in range(3):
        held = product[HELD + choice]
        if held < 0:
            continue
        for side in range(3):
            plan[side] = best[side]
        plan[3] = held
        if held != best[3]:
            count = add_candidate(product, grain, plan, plans, features, count)
            continue
        for axis in range(3):
            tiles = -(-grain[axis, 1] // best[axis])
            for wanted in (tiles - 1, tiles + 1, tiles - 2, tiles + 2, tiles // 2, 2 * tiles):
                size = -(-grain[axis, 1] // min(max(wanted, 1), grain[axis, 1]))
                if size == best[axis]:
                    continue
                for other in range(3):
                    for side in range(3):
                        plan[side] = best[side]
                    plan[axis] = size
                    if other != axis:
                        most = largest(product, grain, plan, other)
                        if most < 1:
                            continue
                        plan[other] = equal_tiles(grain[other, 1], most)
                        if plan[other] == best[other]:
                            continue
                    if fits(product, grain, plan):
                        count = add_candidate(product, grain, plan, plans, features, count)
    return count


@_compiled
def _time_best(
    product, operands, epilogue, plans, features, count, links, drams, tick_hz, weights, traffic, space, most, found,
    best,
):  # fmt: skip
    """Time candidates in the order of their bounds, `most` of them, until no bound is below the best of all. For each
    operand held, `found` [3, 3] are score, bytes and ticks of its best plan so far, `best` [3, 4] that plan."""
    bounds = np.empty(count)
    _bound_scores(product, operands, links, traffic, weights, plans, features, count, bounds)
    for _ in range(min(count, most)):
        index = 0
        for other in range(1, count):
            if bounds[other] < bounds[index]:
                index = other
        if bounds[index] >= min(found[0, 0], found[1, 0], found[2, 0]):
            break
        bounds[index] = np.inf
        ticks, moved = plan_ticks(product, operands, epilogue, plans[index], links, drams, tick_hz, space)
        score = _score(weights, ticks, moved, product[UNIT_TICKS] * features[BUSY, index])
        held = plans[index, 3]
        if score < found[held, 0] or (score == found[held, 0] and moved < found[held, 1]):
            found[held, 0], found[held, 1], found[held, 2] = score, moved, ticks
            for side in range(4):
                best[held, side] = plans[index, side]


@_compiled
def _winner(found):
    """The operand held by the best plan."""
    held = 0
    for other in range(1, 3):
        if found[other, 0] < found[held, 0] or (found[other, 0] == found[held, 0] and found[other, 1] < found[held, 1]):
            held = other
    return held


@_compiled
def choose(product, operands, epilogue, plans, features, count, links, drams, tick_hz, weights, plan):
    """The best plan from the candidates on, in `plan`; returns its ticks by itself, or TOO_LONG where all pass 2**60
    ticks."""
    traffic = traffic_of(product, operands, links, drams, tick_hz)
    space = new_space(operands, links, drams)
    found, best = np.full((3, 3), np.inf), np.empty((3, 4), np.int64)
    _time_best(
        product, operands, epilogue, plans, features, count, links, drams, tick_hz, weights, traffic, space, _TIMED,
        found, best,
    )  # fmt: skip
    grain = np.empty((3, 2), np.int64)
    grains(product, grain)
    near, near_features = np.empty((_NEIGHBOURS, 4), np.int64), np.empty((FEATURES, _NEIGHBOURS))
    for held in range(3):
        for _ in range(_ROUNDS):
            before = found[held, 0]
            if before > _CLOSE * found[_winner(found), 0] or before == np.inf:
                break
            count = _neighbours(product, grain, best[held], near, near_features)
            _time_best(
                product, operands, epilogue, near, near_features, count, links, drams, tick_hz, weights, traffic,
                space, _TIMED, found, best,
            )  # fmt: skip
            if found[held, 0] >= before:
                break
    held = _winner(found)
    if found[held, 0] == np.inf:
        return TOO_LONG
    for side in range(4):
        plan[side] = best[held, side]
    return found[held, 2]


@_compiled
def search(product, operands, epilogue, links, drams, tick_hz, weights, best):
    """The best plan found: grains of a tile along M, N and K and the operand held, in `best`.

    Returns its ticks by itself, or NO_TILE where none fits its buffers, TOO_LONG where every plan passes 2**60 ticks.
    """
    plans, features = np.empty((MOST_PLANS, 4), np.int64), np.empty((FEATURES, MOST_PLANS))
    count = candidates(product, plans, features)
    if count < 0:
        return NO_TILE
    return choose(product, operands, epilogue, plans, features, count, links, drams, tick_hz, weights, best)

"""Cuts of a product worth a look, whatever the rates, compiled: plans and what of them no rate enters.

What is held decides which cuts cost traffic; these are tried in steps, the third side as large as fits and in halves
of that:

    held      cuts that cost           as large as fits
    weights   N (inputs), K (sums)     M
    inputs    M (weights), K (sums)    N
    outputs   N (inputs), M (weights)  K

Of a small product every number of tiles along every side is a candidate.
"""

# ruff: noqa: PLR0917  (kernels take plain arrays and numbers, by position)
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import functools

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

import numpy as np  # noqa: E402
from numba import njit  # noqa: E402

from accelsim.mapping.kernel import (  # noqa: E402
    BATCH,
    BITS,
    DATAFLOW,
    FILL,
    HELD,
    INPUTS,
    OUTPUTS,
    ROOM,
    SIZE,
    WEIGHTS,
    K,
    M,
    N,
    axis_first,
    elements_of,
    fits,
    fold_cycles,
    grains,
    interval_cycles,
    sides,
)

_compiled = functools.partial(njit, cache=True, nogil=True)
_TRIED = 64  # numbers of tiles looked at for one that divides a side
_MOST_SIZES = 64
MOST_PLANS = 8192
_INNER_STEPS = 8
_SMALL = 200_000  # products up to which all numbers of tiles are candidates

# Rows of features, a column for each candidate: cycles of a busy array; how often inputs, weights and sums cross;
# iterations, and those of a single tile; cycles of the first and of the last tile, of the fill after it; the parts of
# all inputs and weights that come in with the first tile, and of all results that leave with the last.
BUSY, OFTEN, ROUNDS, SINGLE_ROUNDS, FIRST_TILE, LAST_TILE, LAST_FILL, FIRST_PART, LAST_RESULTS = (
    0, 1, 4, 5, 6, 7, 8, 9, 11,
)  # fmt: skip
FEATURES = 12


@_compiled
def add_candidate(product, grain, plan, plans, features, count):
    """Append a candidate with its features; returns how many there are."""
    if count == plans.shape[0]:
        return count
    rows, columns, stream = sides(product[DATAFLOW])
    held = plan[3]
    _, _, inner = axis_first(held)
    whole = grain[stream, 1] // plan[stream]
    rest = grain[stream, 1] - whole * plan[stream]
    last = rest if rest else plan[stream]
    lines = float(whole) * interval_cycles(product, plan[stream]) + (interval_cycles(product, rest) if rest else 0)
    features[BUSY, count] = float(product[BATCH]) * grain[rows, 1] * grain[columns, 1] * lines
    rounds, single = float(product[BATCH]), True
    first = final = float(1)
    in_first = weights_first = results_last = 1.0 / product[BATCH]
    for axis in range(3):
        total, units = grain[axis, 1], plan[axis]
        equal = total // units
        left = total - equal * units
        tiles = equal + (left > 0)
        cuts = 1 + (left > 0)
        features[OFTEN + (WEIGHTS if axis == M else INPUTS if axis == N else OUTPUTS), count] = (
            cuts if axis == inner else tiles
        )
        rounds *= cuts if axis == inner else tiles
        if axis == inner:
            single = tiles == 1
        if axis != stream:
            first *= units
            final *= left if left else units
        covered = elements_of(product, grain, axis, 0, equal * units)
        part = covered / equal / product[SIZE + axis]
        if axis != N:
            in_first *= part
        if axis != M:
            weights_first *= part
        if axis != K:
            results_last *= (product[SIZE + axis] - covered) / product[SIZE + axis] if left else part
    features[ROUNDS, count] = rounds
    features[SINGLE_ROUNDS, count] = rounds if single else 0.0
    features[FIRST_TILE, count] = first * interval_cycles(product, plan[stream])
    features[LAST_TILE, count] = final * interval_cycles(product, last)
    features[LAST_FILL, count] = product[FILL] + fold_cycles(product, last) - interval_cycles(product, last)
    features[FIRST_PART + INPUTS, count] = in_first
    features[FIRST_PART + WEIGHTS, count] = weights_first
    features[LAST_RESULTS, count] = results_last
    for side in range(4):
        plans[count, side] = plan[side]
    return count + 1


@_compiled
def largest(product, grain, tile, axis):
    """The most grains along `axis` with which all operands fit, given the other two sizes; 0 if not one does."""
    most = product[SIZE + axis]
    for role in range(3):
        first, second, inner = axis_first(role)
        if inner != axis:
            other = second if first == axis else first
            width = elements_of(product, grain, other, 0, tile[other]) * product[BITS + role]
            most = min(most, product[ROOM + role] // width)
    return grain[axis, 1] if most >= product[SIZE + axis] else most // grain[axis, 0]


@_compiled
def equal_tiles(total, most):
    """Grains of the fewest tiles of at most `most`, as equal as can be."""
    return -(-total // -(-total // most))


@_compiled
def _fewer(product, grain, plan, axis, steps, plans, features, count):
    """Candidates with the fewest tiles along `axis` that fit, and more of them, `steps` times half as many again, then
    twice as many; the fewest also in a number of tiles that divides the side."""
    most = largest(product, grain, plan, axis)
    if most < 1:
        return count
    total = grain[axis, 1]
    tiles = -(-total // most)
    plan[axis] = -(-total // tiles)
    count = add_candidate(product, grain, plan, plans, features, count)
    if total % tiles:
        for even in range(tiles + 1, min(2 * tiles, tiles + _TRIED)):
            if total % even == 0:
                plan[axis] = total // even
                count = add_candidate(product, grain, plan, plans, features, count)
                break
    step = 0
    while plan[axis] > 1:
        step += 1
        tiles = min(total, tiles + (tiles + 1) // 2 if step <= steps else 2 * tiles)
        size = -(-total // tiles)
        if size != plan[axis]:
            plan[axis] = size
            count = add_candidate(product, grain, plan, plans, features, count)
    return count


@_compiled
def is_small(product):
    return float(product[SIZE + M]) * product[SIZE + N] * product[SIZE + K] <= _SMALL


@_compiled
def _all_cuts(product, grain, plan, plans, features):
    """Every number of tiles along every side."""
    count = 0
    sizes, counts = np.empty((3, _MOST_SIZES), np.int64), np.zeros(3, np.int64)
    for axis in range(3):
        last = 0
        for tiles in range(1, grain[axis, 1] + 1):
            size = -(-grain[axis, 1] // tiles)
            if size != last and counts[axis] < _MOST_SIZES:
                sizes[axis, counts[axis]] = last = size
                counts[axis] += 1
    for choice in range(3):
        plan[3] = product[HELD + choice]
        if plan[3] < 0:
            continue
        for m in range(counts[M]):
            for n in range(counts[N]):
                for k in range(counts[K]):
                    plan[M], plan[N], plan[K] = sizes[M, m], sizes[N, n], sizes[K, k]
                    if fits(product, grain, plan):
                        count = add_candidate(product, grain, plan, plans, features, count)
    return count


@_compiled
def candidates(product, plans, features):
    """Plans worth a look, those that hold the same operand together: [candidates, 4] and their features. Returns their
    number, -1 where not even the smallest tile fits."""
    grain = np.empty((3, 2), np.int64)
    grains(product, grain)
    plan = np.ones(4, np.int64)
    if not fits(product, grain, plan):
        return -1
    count = 0
    if is_small(product):
        return _all_cuts(product, grain, plan, plans, features)
    outers, others = np.empty(_MOST_SIZES, np.int64), np.empty(_MOST_SIZES, np.int64)
    for choice in range(3):
        held = product[HELD + choice]
        if held < 0:
            continue
        first, second, inner = axis_first(held)
        outer = N if held == OUTPUTS else first
        other = first + second - outer
        for side in range(3):
            plan[side] = 1
        plan[3] = held
        outer_count = _sizes_of(grain[outer, 1], largest(product, grain, plan, outer), outers)
        for index in range(outer_count):
            plan[outer], plan[inner] = outers[index], 1
            most = largest(product, grain, plan, other)
            if most < 1:
                continue
            other_count = _sizes_of(grain[other, 1], most, others)
            for number in range(other_count):
                plan[other], plan[inner] = others[number], 1
                count = _fewer(product, grain, plan, inner, _INNER_STEPS, plans, features, count)
    return count


@_compiled
def _sizes_of(units, most, found):
    """Grains of a tile for 1, 2, 3, ... cuts into equal tiles of at most `most`, the number of cuts growing by half."""
    count = last = 0
    cuts = -(-units // most)
    while last != 1 and count < found.size:
        size = -(-units // cuts)
        if size != last:
            found[count] = size
            count += 1
        last = size
        cuts = max(cuts + 1, cuts * 3 // 2)
    return count

"""Cuts of a product worth a look, compiled: what no rate enters.

All that a plan does is made of what its three sides do, so that each cut of a side is measured once and a candidate is
three of these and the operand held. What is held decides which cuts cost traffic; pairs of these are tried with the
third side as large as fits, the pairs that may win with smaller tiles of that side too:

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
    fold_cycles,
    interval_cycles,
    sides,
)

_compiled = functools.partial(njit, cache=True, nogil=True)
_inlined = functools.partial(njit, inline="always")
_SMALL = 200_000  # products up to which all numbers of tiles are candidates
_MOST_CUTS = 64  # in a list
_PAIR_GROWTH, _THIRD_GROWTH = 1.5, 1.25  # of the number of tiles, from a cut to the next
_TRIED = 16  # numbers of tiles looked at for one that divides a side
MOST_ROWS, MOST_PAIRS, MOST_CANDIDATES = 2 * _MOST_CUTS, 3 * _MOST_CUTS**2, 8192

# Columns of a measured cut: grains of a tile; its elements; tiles; how many sizes these have (1 or 2); the part of the
# side in the first and in the last tile; factors of the cycles of all tiles, of the first and of the last one; cycles
# of the fill after the last one (0 but on the streamed side); the least cycles of this and of smaller tiles listed.
UNITS, TILE_ELEMENTS, TILES, KINDS, FIRST_PART, LAST_PART = range(6)
CYCLES, FIRST_CYCLES, LAST_CYCLES, LAST_FILL, LEAST_CYCLES = range(6, 11)
CUT_COLUMNS = 11


@_compiled
def measure(product, grain, axis, units, row):
    """What tiles of so many grains make of a side."""
    total, size = grain[axis, 1], product[SIZE + axis]
    _, _, stream = sides(product[DATAFLOW])
    whole = total // units
    rest = total - whole * units
    last = rest if rest > 0 else units
    row[UNITS], row[TILE_ELEMENTS] = units, elements_of(product, grain, axis, 0, units)
    row[TILES], row[KINDS] = whole + (rest > 0), 1 + (rest > 0)
    covered = elements_of(product, grain, axis, 0, whole * units)
    row[FIRST_PART] = covered / (float(whole) * size)
    row[LAST_PART] = (size - covered) / size if rest > 0 else row[FIRST_PART]
    row[CYCLES], row[FIRST_CYCLES], row[LAST_CYCLES], row[LAST_FILL] = total, units, last, 0
    if axis == stream:
        first, final = interval_cycles(product, units), interval_cycles(product, last)
        row[CYCLES] = float(whole) * first + (final if rest > 0 else 0)
        row[FIRST_CYCLES], row[LAST_CYCLES] = first, final
        row[LAST_FILL] = product[FILL] + fold_cycles(product, last) - final


@_compiled
def _is_small(product):
    return float(product[SIZE + M]) * product[SIZE + N] * product[SIZE + K] <= _SMALL


@_compiled
def _even(total, tiles, below):
    """The first number of tiles from `tiles` on that divides a side, if there is one `below` another number."""
    for even in range(tiles, min(below, tiles + _TRIED)):
        if total / even == total // even:
            return even
    return tiles


@_compiled
def _list_side(product, grain, axis, growth, rows, begin):
    """Cuts of a side into equal tiles from a row on, the largest tiles first: every number of tiles if the product is
    small, else numbers that grow, those that divide the side where there are any. Returns the row after the last."""
    total, small = grain[axis, 1], _is_small(product)
    size, tiles, step, end = total + 1, 0, 1, begin
    while size > 1 and end < begin + _MOST_CUTS:
        if small:
            tiles = -(-total // (size - 1))  # for a smaller tile at all
        else:
            following = max(step + 1, int(step * growth))
            tiles, step = max(tiles + 1, _even(total, step, following)), following
        smaller = -(-total // tiles) if end < begin + _MOST_CUTS - 1 else 1
        if smaller < size:
            size = smaller
            measure(product, grain, axis, size, rows[end])
            end += 1
    least = np.inf
    for cut in range(end - 1, begin - 1, -1):
        least = min(least, rows[cut, CYCLES])
        rows[cut, LEAST_CYCLES] = least
    return end


@_compiled
def list_cuts(product, grain, cuts):
    """List the cuts of each side in `cuts` [3, rows, columns]: first those for pairs, then, closer, those for the third
    side. Returns where the two lists of each side end, [3, 2]."""
    ends = np.empty((3, 2), np.int64)
    for axis in range(3):
        ends[axis, 0] = _list_side(product, grain, axis, _PAIR_GROWTH, cuts[axis], 0)
        ends[axis, 1] = _list_side(product, grain, axis, _THIRD_GROWTH, cuts[axis], ends[axis, 0])
    return ends


@_inlined
def _role_without(axis):
    """The operand that has the two other sides."""
    return WEIGHTS if axis == M else INPUTS if axis == N else OUTPUTS


@_compiled
def _first_fit(product, cuts, ends, axis, inner, role, first):
    """For each cut along a side the first one along `inner` with which an operand fits, the end if none does."""
    row, room = ends[inner, 0], float(product[ROOM + role])
    for cut in range(ends[axis, 0] - 1, -1, -1):  # small tiles first: they leave most room
        bits = cuts[axis, cut, TILE_ELEMENTS] * product[BITS + role]
        while row < ends[inner, 1] and bits * cuts[inner, row, TILE_ELEMENTS] > room:
            row += 1
        first[cut] = row


@_compiled
def list_pairs(product, cuts, ends, pairs):
    """Pairs of cuts that fit, the third side as large as fits: [pairs, 4], cuts of M, N and K and the operand held.
    Returns their number."""
    count, firsts = 0, np.empty((2, _MOST_CUTS), np.int64)
    for choice in range(3):
        held = product[HELD + choice]
        if held < 0:
            continue
        one, two, inner = axis_first(held)
        _first_fit(product, cuts, ends, one, inner, _role_without(two), firsts[0])
        _first_fit(product, cuts, ends, two, inner, _role_without(one), firsts[1])
        for first in range(ends[one, 0]):
            bits = cuts[one, first, TILE_ELEMENTS] * product[BITS + held]
            for second in range(ends[two, 0]):
                third = max(firsts[0, first], firsts[1, second])
                if third < ends[inner, 1] and bits * cuts[two, second, TILE_ELEMENTS] <= product[ROOM + held]:
                    pairs[count, one], pairs[count, two], pairs[count, inner] = first, second, third
                    pairs[count, 3] = held
                    count += 1
    return count


@_inlined
def _put(plan, found, place):
    for side in range(4):  # an assignment of rows would look first whether they overlap
        found[place, side] = plan[side]


@_compiled
def add_pair(product, ends, pair, found, count):
    """Append a pair with every cut of the third side that fits. Returns how many candidates there are."""
    _, _, inner = axis_first(pair[3])
    for cut in range(pair[inner], min(ends[inner, 1], pair[inner] + found.shape[0] - count)):
        _put(pair, found, count)
        found[count, inner] = cut
        count += 1
    return count


@_compiled
def _fits(product, cuts, plan):
    for role in range(3):
        one, two, _ = axis_first(role)
        elements = cuts[one, plan[one], TILE_ELEMENTS] * cuts[two, plan[two], TILE_ELEMENTS]
        if elements * product[BITS + role] > product[ROOM + role]:
            return False
    return True


@_compiled
def _largest(product, grain, cuts, plan, axis):
    """Grains of the fewest equal tiles along `axis` with which all operands fit, given the other two cuts; 0 if none
    does."""
    most = product[SIZE + axis]
    for role in range(3):
        one, two, inner = axis_first(role)
        if inner != axis:
            other = two if one == axis else one
            width = cuts[other, plan[other], TILE_ELEMENTS] * product[BITS + role]
            most = min(most, int(product[ROOM + role] / width))
    units = grain[axis, 1] if most == product[SIZE + axis] else most // grain[axis, 0]
    return -(-grain[axis, 1] // -(-grain[axis, 1] // units)) if units > 0 else 0


@_compiled
def list_neighbours(product, grain, best, cuts, found):
    """Candidates near a plan: another operand held; along each side one tile less or more, half or twice as many, and
    with each of these another side as long as then fits. Overwrites `cuts`; returns their number."""
    plan, ends = np.zeros(4, np.int64), np.ones(3, np.int64)
    for axis in range(3):
        measure(product, grain, axis, best[axis], cuts[axis, 0])
    count = 0
    for choice in range(3):
        plan[3] = product[HELD + choice]
        if plan[3] >= 0 and plan[3] != best[3]:
            _put(plan, found, count)
            count += 1
    plan[3] = best[3]
    for axis in range(3):
        total = grain[axis, 1]
        tiles = -(-total // best[axis])
        for wanted in (tiles - 1, tiles + 1, tiles - 2, tiles + 2, tiles // 2, 2 * tiles):
            size = -(-total // min(max(wanted, 1), total))
            if size == best[axis]:
                continue
            plan[axis] = ends[axis]
            measure(product, grain, axis, size, cuts[axis, plan[axis]])
            ends[axis] += 1
            for other in range(3):
                if other != axis:
                    longest = _largest(product, grain, cuts, plan, other)
                    if longest in {0, best[other]}:
                        continue
                    plan[other] = ends[other]
                    measure(product, grain, other, longest, cuts[other, plan[other]])
                    ends[other] += 1
                if _fits(product, cuts, plan):
                    _put(plan, found, count)
                    count += 1
                if other != axis:
                    plan[other] = 0
            plan[axis] = 0
    return count

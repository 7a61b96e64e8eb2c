"""The search for the best cut of a product, compiled; products, boxes and records are those of `kernel`.

It scans candidates by a bound, looks closer at the best of them and refines:

    1  `candidates`: cuts that no rate has a say in, by what they cost
    2  the bound of each: the busiest of array, channels and DRAMs, at rates without any rounding
    3  best first, the time of its boxes: each as long as its busiest server, its first load and its last store
       around it, exact ticks of each transfer; until no bound is below the best, or _LOOKS are spent
    4  one tile more or less along each side, as long as that helps

Ties: fewer bytes, then the earlier candidate, so that a search has one answer.
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
    ADDS,
    BATCH,
    BITS,
    BOX_COLUMNS,
    BURST,
    COLUMNS,
    DATAFLOW,
    ELEMENTS,
    FILL,
    HELD,
    INPUTS,
    LINK,
    LINK_BYTES,
    LINK_TICKS,
    MOST_BOXES,
    NARROWING,
    OTHER,
    OUTPUTS,
    OUTSTANDING,
    PORTS,
    READ_RATE,
    READ_TRIP,
    ROOM,
    ROWS,
    SERVER,
    SIZE,
    UNIT_TICKS,
    WEIGHTS,
    WIDTH,
    WRITE_GAP,
    WRITE_RATE,
    WRITE_TRIP,
    K,
    M,
    N,
    axis_first,
    elements_of,
    fits,
    grains,
    interval_cycles,
    plan_ticks,
    port_cycles,
    sides,
)

_compiled = functools.partial(njit, cache=True, nogil=True)
_TRIED = 64  # numbers of tiles looked at for one that divides a side
_MOST_SIZES = 64
MOST_PLANS = 8192
_OTHER_STEPS = 3
_INNER_STEPS = 8
_LOOKS, _SMALL_LOOKS = 12, 128
_SMALL = 200_000  # products up to which all numbers of tiles are candidates
_HOPELESS = 1.1
_MOVES = 4  # rounds of refinement
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
def _claim(servers, once, row, link, write, channels, server, size, port, claim):
    servers[row, 2 * link + write] += size * port
    once[row] += size
    if server >= 0:
        servers[row, channels + server] += size * claim


@_compiled
def traffic(product, operands, links, drams, tick_hz, servers, once):
    """[4, servers] ticks of moving inputs, weights and sums once (there, and there and back), and of all that moves
    once whatever the plan; at rates without any rounding, so that no plan is faster. `once` gets the bytes."""
    servers[:] = 0.0
    once[:] = 0.0
    channels = 2 * links.shape[0]
    for operand in range(operands.shape[0]):
        link = operands[operand, LINK]
        if link < 0:
            continue
        row, server = links[link], int(links[link, SERVER])
        size = operands[operand, ELEMENTS] * float(operands[operand, WIDTH]) / 8
        spill = operands[operand, ELEMENTS] * float(product[BITS + OUTPUTS]) / 8
        for write in range(2):
            port = port_cycles(
                1e9, 0.0, False, int(row[LINK_BYTES]), row[NARROWING], int(row[BURST]), int(row[OUTSTANDING]),
                row[WRITE_TRIP] if write else row[READ_TRIP], row[WRITE_GAP] if write else 0.0,
            ) * row[LINK_TICKS] / (1e9 * row[LINK_BYTES] * row[PORTS])  # fmt: skip
            claim = tick_hz / drams[server, WRITE_RATE if write else READ_RATE] if server >= 0 else 0.0
            if operand == OUTPUTS:
                _claim(servers, once, OUTPUTS, link, write, channels, server, spill, port, claim)
            if operand < OUTPUTS and not write:
                _claim(servers, once, operand, link, write, channels, server, size, port, claim)
            elif (operand > OUTPUTS and not write) or (operand == OUTPUTS and (write or product[ADDS])):
                _claim(servers, once, OTHER, link, write, channels, server, size, port, claim)


# Features of a candidate, which no rate enters: cycles of a busy array, how often operands cross, its boxes, and of
# its largest tile the cycles and the elements.
BUSY, OFTEN, BOXES, TILE_CYCLES, TILE_ELEMENTS = 0, 1, 4, 5, 6
FEATURES = 9


@_compiled
def _largest(product, grain, tile, axis):
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
def _equal(total, most):
    """Grains of the fewest tiles of at most `most`, as equal as can be."""
    return -(-total // -(-total // most))


@_compiled
def add_candidate(product, grain, plan, plans, features, count):
    """Append a candidate with its features; returns how many there are."""
    if count == plans.shape[0]:
        return count
    rows, columns, stream = sides(product[DATAFLOW])
    units, total = plan[stream], grain[stream, 1]
    whole, rest = total // units, total % units
    interval = interval_cycles(product, units)
    lines = float(whole) * interval + (interval_cycles(product, rest) if rest else 0)
    row = features[count]
    row[BUSY] = float(product[BATCH]) * grain[rows, 1] * grain[columns, 1] * lines
    row[BOXES] = 1.0
    for axis in range(3):
        tiles = -(-grain[axis, 1] // plan[axis])
        cuts = 1 + (grain[axis, 1] % plan[axis] != 0)
        role = WEIGHTS if axis == M else INPUTS if axis == N else OUTPUTS
        row[OFTEN + role] = cuts if role == plan[3] else tiles
        row[BOXES] *= min(3, tiles) if axis == K and plan[3] != OUTPUTS else cuts
    row[TILE_CYCLES] = float(plan[rows]) * plan[columns] * interval
    for role in range(3):
        first, second, _ = axis_first(role)
        row[TILE_ELEMENTS + role] = float(elements_of(product, grain, first, 0, plan[first])) * elements_of(
            product, grain, second, 0, plan[second]
        )
    for side in range(4):
        plans[count, side] = plan[side]
    return count + 1


@_compiled
def _fewer(product, grain, plan, axis, steps, plans, features, count):
    """Candidates with the fewest tiles along `axis` that fit, and more of them, `steps` times half as many again; the
    fewest also in a number of tiles that divides the side."""
    most = _largest(product, grain, plan, axis)
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
    for _ in range(steps):
        tiles = min(total, tiles + (tiles + 1) // 2)
        size = -(-total // min(tiles, total))
        if size != plan[axis]:
            plan[axis] = size
            count = add_candidate(product, grain, plan, plans, features, count)
        if size == 1:
            break
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
    for m in range(counts[M]):
        for n in range(counts[N]):
            for k in range(counts[K]):
                plan[M], plan[N], plan[K] = sizes[M, m], sizes[N, n], sizes[K, k]
                if fits(product, grain, plan):
                    for choice in range(3):
                        plan[3] = product[HELD + choice]
                        if plan[3] >= 0:
                            count = add_candidate(product, grain, plan, plans, features, count)
    return count


@_compiled
def candidates(product, plans, features):
    """Plans worth a look, whatever the rates: [candidates, 4] and their features. Returns their number, -1 where not
    even the smallest tile fits.

    What is held decides which cuts cost traffic; these are tried in steps, the third side as large as fits and in
    halves of that:

        held      cuts that cost           as large as fits
        weights   N (inputs), K (sums)     M
        inputs    M (weights), K (sums)    N
        outputs   N (inputs), M (weights)  K
    """
    grain = np.empty((3, 2), np.int64)
    grains(product, grain)
    plan = np.ones(4, np.int64)
    if not fits(product, grain, plan):
        return -1
    count = 0
    if is_small(product):
        return _all_cuts(product, grain, plan, plans, features)
    sizes = np.empty(_MOST_SIZES, np.int64)
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
        tried = _sizes_of(grain[outer, 1], _largest(product, grain, plan, outer), sizes)
        for index in range(tried):
            plan[outer], plan[inner] = sizes[index], 1
            most = _largest(product, grain, plan, other)
            if most < 1:
                continue
            total = grain[other, 1]
            tiles = -(-total // most)
            last = 0
            for step in range(_OTHER_STEPS):
                size = -(-total // min(total, tiles))
                if size != last:
                    plan[other] = last = size
                    count = _fewer(product, grain, plan, inner, _INNER_STEPS, plans, features, count)
                    plan[inner] = 1
                tiles = tiles + 1 if step == 0 else tiles + tiles // 2
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


@_compiled
def _busiest(servers, used, uses, row):
    """Ticks of the busiest of the servers in use, for a candidate's features."""
    busiest = 0.0
    for k in range(uses):
        server = used[k]
        busiest = max(
            busiest,
            servers[INPUTS, server] * row[OFTEN]
            + servers[WEIGHTS, server] * row[OFTEN + 1]
            + servers[OUTPUTS, server] * (row[OFTEN + 2] - 1.0)
            + servers[OTHER, server],
        )
    return busiest


@_compiled
def choose(
    product, operands, epilogue, plans, features, count, links, drams, tick_hz, weights, best
):  # fmt: skip
    """The best of the candidates, in `best`; returns its ticks by itself, or TOO_LONG where all pass 2**60 ticks."""
    servers = np.empty((4, 2 * links.shape[0] + drams.shape[0]))
    once = np.empty(4)
    traffic(product, operands, links, drams, tick_hz, servers, once)
    used = np.empty(servers.shape[1], np.int64)
    uses = 0
    load = np.zeros(3)
    for server in range(servers.shape[1]):
        total = servers[INPUTS, server] + servers[WEIGHTS, server] + servers[OUTPUTS, server] + servers[OTHER, server]
        if total > 0.0:
            used[uses] = server
            uses += 1
        for role in range(3):
            each = servers[OTHER if role == OUTPUTS else role, server] / max(1, operands[role, ELEMENTS])
            load[role] = max(load[role], each)
    unit = float(product[UNIT_TICKS])
    ends = unit * (product[FILL] + product[ROWS] + product[COLUMNS])
    looks = _SMALL_LOOKS if is_small(product) else _LOOKS
    looked, ranks, bounds = np.empty(looks, np.int64), np.empty(looks), np.empty(looks)
    kept = 0
    for index in range(count):
        row = features[index]
        busiest = _busiest(servers, used, uses, row)
        busy = unit * row[BUSY]
        bound = max(busy, busiest)
        if bound >= MOST_TICKS:
            continue
        around = (
            load[0] * row[TILE_ELEMENTS] + load[1] * row[TILE_ELEMENTS + 1] + load[2] * row[TILE_ELEMENTS + 2] + ends
        )
        rank = max(busy + row[BOXES] * around, busiest + row[BOXES] * unit * row[TILE_CYCLES])
        if weights[OBJECTIVE] != LATENCY_OBJECTIVE:
            moved = (
                once[INPUTS] * row[OFTEN] + once[WEIGHTS] * row[OFTEN + 1] + once[OUTPUTS] * (row[OFTEN + 2] - 1.0)
                + once[OTHER]
            )  # fmt: skip
            bound, rank = _score(weights, bound, moved, busy), _score(weights, rank, moved, busy)
        if kept == looks and rank >= ranks[kept - 1]:
            continue
        place = min(kept, looks - 1)
        while place > 0 and ranks[place - 1] > rank:
            ranks[place], bounds[place], looked[place] = ranks[place - 1], bounds[place - 1], looked[place - 1]
            place -= 1
        ranks[place], bounds[place], looked[place] = rank, bound, index
        kept = min(kept + 1, looks)
    if kept == 0:
        return TOO_LONG
    boxes = np.empty((MOST_BOXES, BOX_COLUMNS), np.int64)
    most = MOST_BOXES * (operands.shape[0] + 3)
    moves, sizes = np.empty((most, 6), np.int64), np.empty((most, 2))
    claims = np.empty((5, servers.shape[1]), np.int64)
    best_score = best_moved = best_ticks = np.inf
    for place in range(kept):
        if bounds[place] > best_score or (looks == _LOOKS and ranks[place] > _HOPELESS * best_score):
            continue
        index = looked[place]
        ticks, moved = plan_ticks(
            product, operands, epilogue, plans[index], links, drams, tick_hz, boxes, moves, sizes, claims
        )
        score = _score(weights, ticks, moved, unit * features[index, BUSY])
        if score < best_score or (score == best_score and moved < best_moved):
            best_score, best_moved, best_ticks = score, moved, ticks
            for side in range(4):
                best[side] = plans[index, side]
    grain = np.empty((3, 2), np.int64)
    grains(product, grain)
    near, feature = np.empty((1, 4), np.int64), np.empty((1, FEATURES))
    plan = np.empty(4, np.int64)
    for _ in range(_MOVES):
        before = best_score
        for axis in range(3):
            total = grain[axis, 1]
            for step in (-1, 1):
                for side in range(4):
                    plan[side] = best[side]
                tiles = -(-total // best[axis]) + step
                if tiles < 1 or tiles > total or -(-total // tiles) == best[axis]:
                    continue
                plan[axis] = -(-total // tiles)
                if not fits(product, grain, plan) or add_candidate(product, grain, plan, near, feature, 0) == 0:
                    continue
                busiest = max(unit * feature[0, BUSY], _busiest(servers, used, uses, feature[0]))
                if busiest >= MOST_TICKS or (busiest >= best_ticks and weights[OBJECTIVE] == LATENCY_OBJECTIVE):
                    continue
                ticks, moved = plan_ticks(
                    product, operands, epilogue, plan, links, drams, tick_hz, boxes, moves, sizes, claims
                )
                score = _score(weights, ticks, moved, unit * feature[0, BUSY])
                if score < best_score or (score == best_score and moved < best_moved):
                    best_score, best_moved, best_ticks = score, moved, ticks
                    for side in range(4):
                        best[side] = plan[side]
        if best_score >= before:
            break
    return best_ticks


@_compiled
def search(product, operands, epilogue, links, drams, tick_hz, weights, best):
    """The best plan found: grains of a tile along M, N and K and the operand held, in `best`.

    Returns its ticks by itself, or NO_TILE where none fits its buffers, TOO_LONG where every plan passes 2**60 ticks.
    """
    plans, features = np.empty((MOST_PLANS, 4), np.int64), np.empty((MOST_PLANS, FEATURES))
    count = candidates(product, plans, features)
    if count < 0:
        return NO_TILE
    return choose(
        product, operands, epilogue, plans, features, count, links, drams, tick_hz, weights, best
    )  # fmt: skip

"""Ticks that a plan takes at the least, compiled: from its cuts and from what moving each operand once takes.

A bound is the longest of these; each is what one resource must do, and what must come before and after:

    array      the first tile's loads, all its cycles, its fill or the last store; where nothing runs ahead of it, all
               loads instead of the first
    loads      all held loads, each but the spread ones with its latency, then the last tile
    a server   all that moves over it; before a store the first tile, after a load the last one

Rates are without any rounding and without what an isolated burst saves, so that no plan is faster.
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

from accelsim.mapping.candidates_kernel import (  # noqa: E402
    FIRST_CYCLES,
    FIRST_PART,
    LAST_CYCLES,
    LAST_FILL,
    LAST_PART,
    TILES,
)
from accelsim.mapping.kernel import (  # noqa: E402
    ADDS,
    BATCH,
    BITS,
    BURST,
    COPIES,
    ELEMENTS,
    FILL,
    INPUTS,
    LATENCY,
    LINK,
    LINK_BYTES,
    LINK_TICKS,
    NARROWING,
    NEVER,
    OUTPUTS,
    OUTSTANDING,
    PORTS,
    PREFETCH,
    READ_RATE,
    READ_TRIP,
    SERVER,
    UNIT_TICKS,
    WEIGHTS,
    WIDTH,
    WRITE_GAP,
    WRITE_RATE,
    WRITE_TRIP,
    K,
    M,
    N,
    fold_cycles,
    interval_cycles,
    port_cycles,
)

_compiled = functools.partial(njit, cache=True, nogil=True)
# For what runs every candidate: counting references to the arguments of a call would take longer.
_inlined = functools.partial(njit, inline="always")
_ENDLESS = 1e9  # beats of a transfer so long that its ends do not count

# What moves over a server: ticks each time that the tiles along a side pass (weights cross once a tile along M, inputs
# along N, sums there and back along K), ticks once whatever the plan, of which the results; which way it goes.
ONCE, RESULTS, WAY = 3, 4, 5
MOVED_COLUMNS = 6
BOTH_WAYS, IN, OUT = range(3)
# What a held operand takes: ticks of all its loads, start-up of each, what an isolated one may save; whether its
# channel moves anything else; whether the array waits for each load, and for what each tile reads.
LOADED, STARTUP, SAVED, SHARED, LOADS_WAIT, TILES_WAIT = range(6)
HELD_COLUMNS = 6


class Traffic(NamedTuple):
    """What a product moves: `ticks` [servers that move anything, columns above], `moved` [columns above] bytes, `held`
    [3, columns above] by the operand held."""

    ticks: Any
    moved: Any
    held: Any


@_inlined
def _crossed(operand):
    """The side along which each tile makes an operand cross again."""
    return M if operand == WEIGHTS else N if operand == INPUTS else K


@_compiled
def _claim(ticks, moved, column, link, write, channels, server, size, port, claim):
    ticks[2 * link + write, column] += size * port
    moved[column] += size
    if server >= 0:
        ticks[channels + server, column] += size * claim


@_compiled
def _port(row, beats, isolated, write):
    """Cycles of a transfer on one port of a link."""
    return port_cycles(
        beats, 0.0, isolated, int(row[LINK_BYTES]), row[NARROWING], int(row[BURST]), int(row[OUTSTANDING]),
        row[WRITE_TRIP] if write else row[READ_TRIP], row[WRITE_GAP] if write else 0.0,
    )  # fmt: skip


@_compiled
def traffic_of(product, operands, links, drams, tick_hz):
    """What a product moves on a hardware."""
    channels = 2 * links.shape[0]
    ticks, moved = np.zeros((channels + drams.shape[0], MOVED_COLUMNS)), np.zeros(MOVED_COLUMNS)
    held = np.zeros((3, HELD_COLUMNS))
    for operand in range(operands.shape[0]):
        link = operands[operand, LINK]
        if link < 0:
            continue
        row, server = links[link], int(links[link, SERVER])
        size = operands[operand, ELEMENTS] * float(operands[operand, WIDTH]) / 8
        spill = operands[operand, ELEMENTS] * float(product[BITS + OUTPUTS]) / 8
        for write in range(2):
            cycles = _port(row, _ENDLESS, False, write)
            port = cycles * row[LINK_TICKS] / (_ENDLESS * row[LINK_BYTES] * row[PORTS])
            if operand < OUTPUTS and not write:
                held[operand, STARTUP] = row[LATENCY]
                for bursts in range(int(row[OUTSTANDING]) - 1, int(row[OUTSTANDING]) + 1):
                    beats = bursts * row[BURST]
                    less = _port(row, beats, False, write) - _port(row, beats, True, write)
                    held[operand, SAVED] = max(held[operand, SAVED], less * row[LINK_TICKS])
            claim = tick_hz / drams[server, WRITE_RATE if write else READ_RATE] if server >= 0 else 0.0
            if operand == OUTPUTS:
                _claim(ticks, moved, K, link, write, channels, server, spill, port, claim)
            if operand < OUTPUTS and not write:
                _claim(ticks, moved, _crossed(operand), link, write, channels, server, size, port, claim)
            elif (operand > OUTPUTS and not write) or (operand == OUTPUTS and (write or product[ADDS])):
                _claim(ticks, moved, RESULTS, link, write, channels, server, size, port, claim)
    moved[ONCE] = moved[RESULTS] - moved[K]
    count = 0
    for server in range(ticks.shape[0]):
        row = ticks[server]
        row[ONCE] = row[RESULTS] - row[K]
        row[WAY] = BOTH_WAYS if server >= channels else OUT if server % 2 else IN
        for operand in range(OUTPUTS):
            own, other = row[_crossed(operand)], row[_crossed(INPUTS + WEIGHTS - operand)]
            if own > 0.0:
                held[operand, LOADED] = max(held[operand, LOADED], own)
                if other + row[K] + row[RESULTS] > 0.0:
                    held[operand, SHARED] = 1.0
        if row[M] + row[N] + row[K] + row[RESULTS] > 0.0:
            ticks[count] = row
            count += 1
    for operand in range(3):
        held[operand, LOADS_WAIT] = product[PREFETCH] == NEVER or product[COPIES + operand] == 1
        for role in range(3):
            if (role != operand or role == OUTPUTS) and product[COPIES + role] == 1:
                held[operand, TILES_WAIT] = 1.0
    return Traffic(ticks[:count], moved, held)


@_inlined
def moved_bytes(moved, by_m, by_n, by_k):
    """Bytes that cross where the tiles along each side pass so often."""
    return moved[M] * by_m + moved[N] * by_n + moved[K] * by_k + moved[ONCE]


@_inlined
def server_ticks(ticks, by_m, by_n, by_k):
    """Ticks of the busiest server where the tiles along each side pass so often."""
    most = 0.0
    for server in range(ticks.shape[0]):
        once = ticks[server, ONCE]
        most = max(most, ticks[server, M] * by_m + ticks[server, N] * by_n + ticks[server, K] * by_k + once)
    return most


@_inlined
def least_ends(product, held_ticks, held, part):
    """Ticks before and after the work of an array, whatever the streams are: the held load of the first tile, a `part`
    of all, and the shortest fill."""
    fill = product[FILL] + fold_cycles(product, 1) - interval_cycles(product, 1)
    load = held_ticks[held, LOADED] * part + held_ticks[held, STARTUP] - held_ticks[held, SAVED]
    return product[UNIT_TICKS] * fill + max(0.0, load)


@_inlined
def least_ticks(product, ticks, held_ticks, cuts, m, n, k, held, by_m, by_n, by_k, busy):
    """The bound of a plan that holds an operand, with these cuts of its sides, which pass so often; `busy` are the
    ticks of its array."""
    unit, batch, saved = float(product[UNIT_TICKS]), float(product[BATCH]), held_ticks[held, SAVED]
    rounds = batch * by_m * by_n * by_k
    first_tile = unit * cuts[M, m, FIRST_CYCLES] * cuts[N, n, FIRST_CYCLES] * cuts[K, k, FIRST_CYCLES]
    last_tile = unit * cuts[M, m, LAST_CYCLES] * cuts[N, n, LAST_CYCLES] * cuts[K, k, LAST_CYCLES]
    weights = cuts[N, n, FIRST_PART] * cuts[K, k, FIRST_PART] / batch
    inputs = cuts[M, m, FIRST_PART] * cuts[K, k, FIRST_PART] / batch
    results = cuts[M, m, LAST_PART] * cuts[N, n, LAST_PART] / batch
    head = streams = least = waits = 0.0
    tail = unit * (cuts[M, m, LAST_FILL] + cuts[N, n, LAST_FILL] + cuts[K, k, LAST_FILL])
    for server in range(ticks.shape[0]):
        head = max(head, ticks[server, M] * weights + ticks[server, N] * inputs - saved)
        if ticks[server, WAY] == OUT:
            tail = max(tail, ticks[server, RESULTS] * results)
        if ticks[server, WAY] != BOTH_WAYS:
            streamed = ticks[server, M] * by_m if held != WEIGHTS else 0.0
            streams = max(streams, streamed + (ticks[server, N] * by_n if held != INPUTS else 0.0))
    if held_ticks[held, LOADED] > 0.0:
        loaded, startup = held_ticks[held, LOADED], held_ticks[held, STARTUP]
        head = max(head, loaded * (weights if held == WEIGHTS else inputs) + startup - saved)
        loads = loaded * (by_m if held == WEIGHTS else by_n) - rounds * saved
        if held_ticks[held, LOADS_WAIT] > 0.0:
            waits = loads + rounds * startup
        single = (cuts[M, m, TILES] if held == WEIGHTS else cuts[N, n, TILES]) == 1.0
        late = rounds if single or held_ticks[held, SHARED] == 0.0 else 0.0
        least = loads + late * startup + last_tile + tail
    if held_ticks[held, TILES_WAIT] > 0.0:
        waits = max(waits, streams)  # what the first tile of a round reads comes in beside the held load
    least = max(least, max(head, waits) + busy + tail)
    for server in range(ticks.shape[0]):
        moving = ticks[server, M] * by_m + ticks[server, N] * by_n + ticks[server, K] * by_k + ticks[server, ONCE]
        if ticks[server, WAY] == OUT:
            moving += head + first_tile
        elif ticks[server, WAY] == IN:
            moving += last_tile + tail
            if (held == WEIGHTS and ticks[server, M] > 0.0) or (held == INPUTS and ticks[server, N] > 0.0):
                moving -= saved * rounds
        least = max(least, moving)
    return least

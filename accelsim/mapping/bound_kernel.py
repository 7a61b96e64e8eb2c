"""Ticks that a plan takes at the least, compiled: from its features and from what moving each operand once takes.

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
    BUSY,
    FIRST_PART,
    FIRST_TILE,
    LAST_FILL,
    LAST_RESULTS,
    LAST_TILE,
    OFTEN,
    ROUNDS,
    SINGLE_ROUNDS,
)
from accelsim.mapping.kernel import (  # noqa: E402
    ADDS,
    BITS,
    BURST,
    COPIES,
    ELEMENTS,
    INPUTS,
    LATENCY,
    LINK,
    LINK_BYTES,
    LINK_TICKS,
    NARROWING,
    NEVER,
    OTHER,
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
    port_cycles,
)

_compiled = functools.partial(njit, cache=True, nogil=True)
_ENDLESS = 1e9  # beats of a transfer so long that its ends do not count


class Traffic(NamedTuple):
    """What a product moves: `ticks` [4, servers] of moving inputs, weights, sums (there and back) and all that moves
    once whatever the plan; `moved` [4] bytes; `saved` [3] ticks that an isolated load of an operand may be shorter."""

    ticks: Any
    moved: Any
    saved: Any


@_compiled
def _claim(ticks, moved, row, link, write, channels, server, size, port, claim):
    ticks[row, 2 * link + write] += size * port
    moved[row] += size
    if server >= 0:
        ticks[row, channels + server] += size * claim


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
    ticks, moved, saved = np.zeros((4, channels + drams.shape[0])), np.zeros(4), np.zeros(3)
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
                for bursts in range(int(row[OUTSTANDING]) - 1, int(row[OUTSTANDING]) + 1):
                    beats = bursts * row[BURST]
                    less = _port(row, beats, False, write) - _port(row, beats, True, write)
                    saved[operand] = max(saved[operand], less * row[LINK_TICKS])
            claim = tick_hz / drams[server, WRITE_RATE if write else READ_RATE] if server >= 0 else 0.0
            if operand == OUTPUTS:
                _claim(ticks, moved, OUTPUTS, link, write, channels, server, spill, port, claim)
            if operand < OUTPUTS and not write:
                _claim(ticks, moved, operand, link, write, channels, server, size, port, claim)
            elif (operand > OUTPUTS and not write) or (operand == OUTPUTS and (write or product[ADDS])):
                _claim(ticks, moved, OTHER, link, write, channels, server, size, port, claim)
    return Traffic(ticks, moved, saved)


@_compiled
def moved_bytes(traffic, features, index):
    """Bytes that a candidate moves."""
    return (
        traffic.moved[INPUTS] * features[OFTEN + INPUTS, index]
        + traffic.moved[WEIGHTS] * features[OFTEN + WEIGHTS, index]
        + traffic.moved[OUTPUTS] * (features[OFTEN + OUTPUTS, index] - 1.0)
        + traffic.moved[OTHER]
    )


@_compiled
def least_ticks(product, operands, links, traffic, held, features, begin, end, bounds):
    """Bounds of the candidates from `begin` up to `end`, all of which hold `held`."""
    ticks, channels = traffic.ticks, 2 * links.shape[0]
    unit = float(product[UNIT_TICKS])
    busy, rounds = features[BUSY], features[ROUNDS]
    last_tile, last_fill = features[LAST_TILE], features[LAST_FILL]
    head, tail = np.zeros(end), np.empty(end)
    for index in range(begin, end):
        tail[index] = unit * last_fill[index]
    loaded, latency, saved, shared = 0.0, 0.0, 0.0, False
    held_row = min(held, WEIGHTS)
    if held != OUTPUTS and operands[held, LINK] >= 0:
        latency, saved = links[operands[held, LINK], LATENCY], traffic.saved[held]
    other = INPUTS + WEIGHTS - held
    for server in range(ticks.shape[1]):
        in_ticks, weight_ticks, out_ticks = ticks[INPUTS, server], ticks[WEIGHTS, server], ticks[OTHER, server]
        if in_ticks + weight_ticks > 0.0:
            in_part, weight_part = features[FIRST_PART + INPUTS], features[FIRST_PART + WEIGHTS]
            for index in range(begin, end):
                head[index] = max(head[index], in_ticks * in_part[index] + weight_ticks * weight_part[index] - saved)
        if server < channels and server % 2 == 1 and out_ticks > 0.0:
            results = features[LAST_RESULTS]
            for index in range(begin, end):
                tail[index] = max(tail[index], out_ticks * results[index])
        if held != OUTPUTS and ticks[held, server] > 0.0:
            loaded = max(loaded, ticks[held, server])
            shared = shared or ticks[other, server] + ticks[OUTPUTS, server] + out_ticks > 0.0
    slots, depth = min(2, product[COPIES + held]), 1 << 30
    for role in range(3):
        if role != held or role == OUTPUTS:
            depth = min(depth, product[COPIES + role])
    often = features[OFTEN + held_row]
    waits = np.zeros(end)
    if loaded > 0.0:
        first_part = features[FIRST_PART + held_row]
        late = features[SINGLE_ROUNDS] if shared else rounds
        for index in range(begin, end):
            head[index] = max(head[index], loaded * first_part[index] + latency - saved)
        if slots == 1 or product[PREFETCH] == NEVER:
            for index in range(begin, end):
                waits[index] = loaded * often[index] + rounds[index] * (latency - saved)
        for index in range(begin, end):
            chain = loaded * often[index] - rounds[index] * saved + late[index] * latency
            bounds[index] = chain + unit * last_tile[index] + tail[index]
    else:
        for index in range(begin, end):
            bounds[index] = 0.0
    ins, weights, sums = features[OFTEN + INPUTS], features[OFTEN + WEIGHTS], features[OFTEN + OUTPUTS]
    if depth == 1:
        streams = np.zeros(end)
        for server in range(channels):
            in_ticks = ticks[INPUTS, server] if held != INPUTS else 0.0
            weight_ticks = ticks[WEIGHTS, server] if held != WEIGHTS else 0.0
            for index in range(begin, end):
                streams[index] = max(streams[index], in_ticks * ins[index] + weight_ticks * weights[index])
        for index in range(begin, end):
            waits[index] += streams[index]
    for index in range(begin, end):
        bounds[index] = max(bounds[index], max(head[index], waits[index]) + unit * busy[index] + tail[index])
    first_tile = features[FIRST_TILE]
    for server in range(ticks.shape[1]):
        in_ticks, weight_ticks, sum_ticks = ticks[INPUTS, server], ticks[WEIGHTS, server], ticks[OUTPUTS, server]
        once = ticks[OTHER, server] - sum_ticks
        if in_ticks + weight_ticks + ticks[OTHER, server] + sum_ticks <= 0.0:
            continue
        stores = 1.0 if server < channels and server % 2 == 1 else 0.0
        loads = 1.0 if server < channels and server % 2 == 0 else 0.0
        own = saved if loads and held != OUTPUTS and ticks[held, server] > 0.0 else 0.0
        for index in range(begin, end):
            moving = in_ticks * ins[index] + weight_ticks * weights[index] + sum_ticks * sums[index] + once
            around = stores * (head[index] + unit * first_tile[index])
            around += loads * (unit * last_tile[index] + tail[index]) - own * rounds[index]
            bounds[index] = max(bounds[index], moving + around)

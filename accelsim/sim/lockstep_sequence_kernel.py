"""A long sequence of rows of few classes, on many points at once.

As in `sequence_kernel` a row is run once for each state that it is met in; here a state is what all points of a batch
have in common at a row's start, and is told by a number. Most rows start with all servers free on all points.
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

from accelsim.mapping import timeline_kernel as kernel  # noqa: E402
from accelsim.sim import lockstep_kernel as lockstep  # noqa: E402
from accelsim.sim.lockstep_kernel import POINTS  # noqa: E402

_called = functools.partial(njit, cache=True, nogil=True)
# For what only kernels call: making it callable from Python too takes as long to compile as the rest of it.
_compiled = functools.partial(_called, no_cpython_wrapper=True, no_cfunc_wrapper=True)
_SPARE = 32  # rows remembered beside one for each code
# How the first held load of a row comes: nobody issued it, it is there at the row's start, or on some point it is not.
_OWN, _THERE, _LATE = range(3)


class Batch(NamedTuple):
    """Rows of a batch of points: `rows` [classes, columns of the timeline]; `ticks` [boxes, columns of `lockstep`,
    POINTS] and `uses` [boxes, 4, servers] of the box of a class, two classes a box."""

    rows: Any
    ticks: Any
    uses: Any


class Memory(NamedTuple):
    """Rows that were run: `key` [rows, 2] (state, how its load comes), `waiting` when that comes, `next` of equal code.
    `found` [rows, columns of `lockstep`, POINTS], its causes as running sums over those in `cause` [rows, causes],
    `causes` of them; `left` [rows] is the state that follows, `late` whether the load that a row issues may come late.
    `states` [states, servers, POINTS], of `counts` rows and states. `ready`: when the held load of a row comes, and
    how (`comes`)."""

    heads: Any
    next: Any
    key: Any
    waiting: Any
    found: Any
    cause: Any
    causes: Any
    left: Any
    late: Any
    states: Any
    counts: Any
    ready: Any
    comes: Any
    now: Any
    edge: Any
    space: Any


@_called
def new_batch(boxes, servers):
    return Batch(
        np.zeros((2 * boxes, kernel.COLUMNS), np.int64),
        np.zeros((boxes, lockstep.CLAIMS + 4 * servers, POINTS), np.int64),
        np.zeros((boxes, 4, servers), np.bool_),
    )


@_compiled
def new_memory(length, codes, servers):
    """Room for so many rows of so many codes."""
    most = codes + _SPARE
    return Memory(
        np.full(codes, -1, np.int64),
        np.zeros(most, np.int64),
        np.zeros((most, 2), np.int64),
        np.zeros((most, POINTS), np.int64),
        np.zeros((most, lockstep.FREE_AFTER + servers, POINTS), np.int64),
        np.zeros((most, kernel.CAUSE_COUNT), np.int64),
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(most, np.bool_),
        np.zeros((most + 2, servers, POINTS), np.int64),
        np.zeros(2, np.int64),
        np.empty((length, POINTS), np.int64),
        np.zeros(length, np.int64),
        np.zeros(POINTS, np.int64),
        np.zeros(POINTS, np.int64),
        lockstep.new_space(servers),
    )


@_compiled
def _forget(memory, free):
    """Forget all rows and all states but `free`, which becomes number 0."""
    memory.heads[:] = -1
    memory.states[0] = free
    memory.counts[0], memory.counts[1] = 0, 1


@_compiled
def _same(one, other, points):
    differs = 0
    for p in range(points):
        differs |= one[p] ^ other[p]
    return differs == 0


@_compiled
def _state_number(memory, free, points):
    """The number of a state, known or new."""
    servers = free.shape[0]
    for number in range(memory.counts[1]):
        alike = True
        for server in range(servers):
            alike = alike and _same(memory.states[number, server], free[server], points)
        if alike:
            return number
    number = memory.counts[1]
    memory.counts[1] += 1
    memory.states[number] = free
    return number


@_called
def run_alone(batch, own, other, comes, ready, free, found, points):
    """Run a row point by point."""
    servers = free.shape[0]
    read, box = lockstep.CLAIMS, own // 2
    row, claims = batch.rows[own].copy(), np.zeros((5, servers), np.int64)
    times, causes = np.zeros(kernel.TIMES, np.int64), np.zeros(kernel.CAUSE_COUNT, np.int64)
    scratch = kernel.new_scratch(servers)
    for p in range(points):
        ticks = batch.ticks[box, :, p]
        row[kernel.COMPUTE], row[kernel.FLUSH] = ticks[lockstep.COMPUTE], ticks[lockstep.FLUSH]
        row[kernel.FILL], row[kernel.LATENCY] = ticks[lockstep.FILL], ticks[lockstep.LATENCY]
        next_latency = row[kernel.LATENCY]
        for server in range(servers):
            for kind in range(4):
                claims[kind, server] = ticks[read + kind * servers + server]
            claims[4, server] = claims[lockstep.HELD, server]
            scratch[kernel.FREE + server] = free[server, p]
        if other >= 0:
            following = batch.ticks[other // 2, :, p]
            next_latency = following[lockstep.LATENCY]
            for server in range(servers):
                claims[4, server] = following[read + lockstep.HELD * servers + server]
        end, _, done, _ = kernel.run_row(
            row, claims[lockstep.READ], claims[lockstep.WRITE], claims[lockstep.HELD], claims[lockstep.STORE],
            other > -2, claims[4], next_latency, other >= 0, -1 if comes == _OWN else ready[p], 0, False, scratch,
            times, causes,
        )  # fmt: skip
        found[lockstep.END, p], found[lockstep.DONE, p] = end, done
        for cause in range(kernel.CAUSE_COUNT):
            found[lockstep.CAUSES + cause, p] = causes[cause]
        for server in range(servers):
            found[lockstep.FREE_AFTER + server, p] = max(scratch[kernel.FREE + server] - end, 0)


@_compiled
def _run(memory, batch, code, own, other, state, comes, ready, points):
    """Run a row from a state and remember it; returns its place."""
    place = memory.counts[0]
    memory.counts[0] += 1
    memory.key[place, 0], memory.key[place, 1] = state, comes
    memory.waiting[place] = ready
    memory.next[place], memory.heads[code] = memory.heads[code], place
    found, box, following = memory.found[place], own // 2, max(other, 0) // 2
    free = memory.states[state]
    if not lockstep.run_row(
        batch.rows[own], batch.ticks[box], batch.uses[box], other > -2, batch.ticks[following], batch.uses[following],
        other >= 0, comes != _OWN, ready, free, memory.space, found, points,
    ):  # fmt: skip
        run_alone(batch, own, other, comes, ready, free, found, points)
    memory.left[place] = _state_number(memory, found[lockstep.FREE_AFTER :], points)
    memory.late[place] = False
    for p in range(points):
        if found[lockstep.DONE, p] > found[lockstep.END, p]:
            memory.late[place] = True
    count, before = 0, lockstep.CAUSES
    for cause in range(kernel.CAUSE_COUNT):
        column, spent = lockstep.CAUSES + cause, 0
        for p in range(points):
            spent |= found[column, p]
        if spent:
            for p in range(points):
                found[column, p] += found[before, p] if count else 0
            memory.cause[place, count] = cause
            before, count = column, count + 1
    memory.causes[place] = count
    return place


@_compiled
def _find(memory, code, state, comes, ready, points):
    """Where a row was run from this state, -1 if it was not."""
    place = memory.heads[code]
    while place >= 0:
        if (
            memory.key[place, 0] == state
            and memory.key[place, 1] == comes
            and (comes != _LATE or _same(memory.waiting[place], ready, points))
        ):
            return place
        place = memory.next[place]
    return -1


@_compiled
def _spend(memory, place, per_cycle, shift, stalls, points):
    """Add what a row that starts now spends on each cause to `stalls` [causes, POINTS], in cycles."""
    found, now, edge = memory.found[place], memory.now, memory.edge
    for k in range(memory.causes[place]):
        cause = memory.cause[place, k]
        column = lockstep.CAUSES + cause
        if shift >= 0:
            for p in range(points):
                whole = (now[p] + found[column, p] + (1 << shift) - 1) >> shift
                stalls[cause, p] += whole - edge[p]
                edge[p] = whole
        else:
            for p in range(points):
                whole = -(-(now[p] + found[column, p]) // per_cycle[p])
                stalls[cause, p] += whole - edge[p]
                edge[p] = whole


@_compiled
def power_of_two(per_cycle):
    """The power of two that all these numbers are, -1 if they are none."""
    shift = 0
    while 1 << shift < per_cycle[0]:
        shift += 1
    for number in per_cycle:
        if number != 1 << shift:
            return -1
    return shift


@_compiled
def run_sequence(sequence, length, batch, memory, per_cycle, stalls):
    """Run the rows one after the other on `per_cycle.size` points, which begin with all servers free.

    Leaves the ticks that they take in `memory.now` and adds what is spent on each cause to `stalls` [causes, POINTS].
    """
    code, follower, code_class, code_other, _, _ = sequence
    points, shift = per_cycle.size, power_of_two(per_cycle)
    now, ready, comes = memory.now, memory.ready, memory.comes
    free = np.zeros(memory.states.shape[1:], np.int64)
    waiting = np.zeros(POINTS, np.int64)
    _forget(memory, free)
    comes[:] = _OWN
    now[:] = 0
    memory.edge[:] = 0
    state = 0
    for row in range(length):
        own, how = code[row], comes[row]
        if how == _LATE:
            late = 0
            for p in range(points):
                waiting[p] = max(ready[row, p] - now[p], 0)
                late |= waiting[p]
            how = _LATE if late else _THERE
        elif how == _THERE:
            waiting[:] = 0
        place = _find(memory, own, state, how, waiting, points)
        if place < 0:
            if memory.counts[0] == memory.next.size:
                free[:] = memory.states[state]
                _forget(memory, free)
                state = 0
            place = _run(memory, batch, own, code_class[own], code_other[own], state, how, waiting, points)
        target = follower[row]
        if target >= 0:
            comes[target] = _LATE if memory.late[place] else _THERE
            if memory.late[place]:
                for p in range(points):
                    ready[target, p] = now[p] + memory.found[place, lockstep.DONE, p]
        _spend(memory, place, per_cycle, shift, stalls, points)
        for p in range(points):
            now[p] += memory.found[place, lockstep.END, p]
        state = memory.left[place]

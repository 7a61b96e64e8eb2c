"""The timeline kernel: stages of tiles through in-order servers, with exact jumps over steady states.

Everything compiled is in this one file, constants included, because the compiled cache is keyed by it alone.

A *server* is a read channel, a write channel or a shared DRAM. It serves transfers in program order, `free =
max(free, request) + ticks`; a transfer is done when all its servers are. A *row* is one stage on one unit; it
starts when all rows that it comes after have ended, the last store included, and runs OUTER iterations of INNER
tiles and, if TAIL > 0, one more of TAIL tiles. Rows that do not come after each other run side by side, but on a
server that both use the earlier row of the program is served first.

Tile i, counted over the row:
    request = C(i - DEPTH), not before the row's start + SERIAL; + STREAM_LATENCY on the first tile
    L = end of its streams, requested then
    the stores that wait are issued: of tile i - 1, requested at C(i - 1), and at the first tile of an
        iteration the last one's own, requested after FLUSH
    start = max(C(i - 1), L, end of the store of tile i - DEPTH), at the first tile of an iteration also its
        held load and the iteration store of DEPTH iterations ago;  C(i) = start + COMPUTE
After an iteration C += FLUSH. The row ends at max(C + FILL, its stores). Loads go before the store of the
tile before: an in-order server would make them wait until it is ready, at C(i - 1).

Held loads (weights, one per iteration) are done LATENCY after they are served; latency keeps no server busy:
    GROUP 0           requested when the iteration before has computed and stored everything
    GROUP g, SLOTS 1  requested when the iteration before in the group has computed
    GROUP g, SLOTS 2  requested when the iteration before in the group starts to compute
    the first of all  requested at its row's start + SERIAL
Rows of other groups may stand between; the request does not wait for them.
On a server that the running row's tiles use, a prefetch (SLOTS 2) is spread over these tiles: tile i of n
takes (ticks + n - 1 - i) // n, requested with its streams. As one block it would make the tiles queue behind
a whole weight matrix, which no memory controller does. No tile's share shrinks when ticks grow, so that a
slower memory is never faster. Other servers take it as one block.

With a fixed order of service all times are max and + of durations: shorter transfers or computations and a
larger DEPTH are never slower. SLOTS 2 is never slower than 1 if held loads have their servers to themselves;
on a shared server a prefetch can take time from streams that need it first.

A state that comes back with all components moved alike repeats. It is compared with a snapshot taken at
growing distances (Brent), which finds any period, over the tiles of an iteration and over iterations.

Not modelled: reordering within a DRAM or a channel; priority of streams over prefetches.
"""

# ruff: noqa: PLR0917  (kernels take plain arrays and numbers, by position)
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import functools

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

import numpy as np  # noqa: E402
from numba import boolean, int64, njit, types, void  # noqa: E402

# Columns of the row table; all times in ticks.
(
    OUTER,
    INNER,
    TAIL,
    COMPUTE,
    FLUSH,
    FILL,
    DEPTH,
    LATENCY,
    STREAM_LATENCY,
    SERIAL,
    CAUSE,
    GROUP,
    SLOTS,
    NODE,
) = range(14)
COLUMNS = 14
MAX_DEPTH = 4

# Positions in CAUSES; a test holds them equal.
FILL_DRAIN, WEIGHT_LOAD, INPUT_WAIT, OUTPUT_WAIT, SERIAL_OVERHEAD, CAUSE_COUNT = 1, 2, 3, 4, 6, 8

# Columns of the times that a run writes for each row.
START, END, COMPUTE_START, COMPUTE_END, HELD_START, HELD_END = range(6)
TIMES = 6

# The state vector: compute ends, tile stores, iteration stores (newest first), the request of the waiting
# tile store, the end of the coming iteration's held load, flags of waiting stores; then the free time of each
# server and the ticks booked for each cause.
_C, _S, _E, _T, _H, _TILE_WAITS, _ITERATION_WAITS, _FREE = 0, 4, 8, 12, 13, 14, 15, 16
FREE = _FREE  # where the free times of servers begin
# What a jump does with a component: leave it, move it if all such components moved alike, scale its growth.
_STAYS, _SHIFTS, _SUMS = 0, 1, 2
_NEVER = 1 << 62
_MATRIX = types.Array(int64, 2, "C", readonly=True)
_ROW = types.Array(int64, 1, "C", readonly=True)
_VECTOR, _TABLE, _PAIR = int64[::1], int64[:, ::1], types.UniTuple(int64, 2)
_compiled = functools.partial(njit, cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
# Lists of the servers that a row uses for streams in, tile stores, iteration stores and a spread prefetch.
_READ, _WRITE, _STORE, _SPREAD, _LISTS = range(5)
# Of a spread load, on each server: ticks of every tile, tiles with one more, end of the latest share.
_LEAST, _TURN, _DONE = 0, 1, 2


@_compiled(void(_VECTOR, _VECTOR))
def _copy(target, source):
    for k in range(target.size):  # a slice assignment compiles seconds of error texts
        target[k] = source[k]


@_compiled(int64(_VECTOR, _ROW, _VECTOR, int64, int64))
def _serve(state, ticks, listed, count, request):
    """Pass one transfer through its servers; returns when all are done, 0 for a transfer without servers."""
    done = 0
    for k in range(count):
        server = listed[k]
        free = max(state[_FREE + server], request) + ticks[server]
        state[_FREE + server] = free
        done = max(done, free)
    return done


@_compiled(void(_VECTOR, int64, int64))
def _push(state, ring, value):
    for k in range(MAX_DEPTH - 1, 0, -1):
        state[ring + k] = state[ring + k - 1]
    state[ring] = value


@_compiled(void(_VECTOR, _ROW, _ROW, _TABLE, _VECTOR))
def _issue_stores(state, write, store, listed, count):
    """Issue the stores that wait: of the last tile, then of the last iteration."""
    if state[_TILE_WAITS]:
        _push(state, _S, _serve(state, write, listed[_WRITE], count[_WRITE], state[_T]))
        state[_TILE_WAITS] = 0
    if state[_ITERATION_WAITS]:
        _push(state, _E, _serve(state, store, listed[_STORE], count[_STORE], state[_C]))
        state[_ITERATION_WAITS] = 0


@_compiled(_PAIR(_VECTOR, _ROW, int64, _VECTOR, int64, int64, _TABLE, _VECTOR, _TABLE))
def _load_held(state, held, latency, used, tiles, request, listed, count, shares):
    """Issue a held load, whole except on the servers that the running row's `tiles` (0: none run) use.

    The others are listed as _SPREAD, with what each tile takes of them in `shares`. Returns when service
    starts and when the parts served whole are done.
    """
    begin, done = _NEVER, 0
    count[_SPREAD] = 0
    for server in range(held.size):
        if held[server] > 0:
            start = max(state[_FREE + server], request)
            begin = min(begin, start)
            if tiles > 0 and used[server] > 0:
                listed[_SPREAD, count[_SPREAD]] = server
                count[_SPREAD] += 1
                shares[_LEAST, server] = held[server] // tiles
                shares[_TURN, server] = held[server] - tiles * shares[_LEAST, server]
            else:
                state[_FREE + server] = start + held[server]
                done = max(done, start + held[server] + latency)
    return begin, done


@_compiled(boolean(_VECTOR, _VECTOR, _VECTOR))
def _repeats(state, snapshot, role):
    """Whether every tested component moved by as much as the newest compute end did."""
    shift = state[_C] - snapshot[_C]
    for k in range(state.size):  # noqa: SIM110  (numba compiles the loop faster)
        if role[k] == _SHIFTS and state[k] - snapshot[k] != shift:
            return False
    return True


@_compiled(void(_VECTOR, _VECTOR, _VECTOR, int64))
def _jump(state, snapshot, role, times):
    """Repeat what happened since the snapshot `times` more times."""
    shift = state[_C] - snapshot[_C]
    for k in range(state.size):
        if role[k] == _SUMS:
            state[k] += times * (state[k] - snapshot[k])
        elif role[k] != _STAYS:
            state[k] += times * shift


@_compiled(int64(_VECTOR, int64, int64, int64, int64, int64))
def _start(state, streams, held, stores, stream_cause, causes):
    """When a tile starts to compute; the gap before it goes to what came last (ties: held, then streams)."""
    start = max(state[_C], streams, held, stores)
    gap = start - state[_C]
    if gap > 0:
        if held == start:
            state[causes + WEIGHT_LOAD] += gap
        elif streams == start:
            state[causes + stream_cause] += gap
        else:
            state[causes + OUTPUT_WAIT] += gap
    return start


@_compiled
def _iterate(
    state, snapshot, role, row, tiles, first, read, write, store, listed, count, used, shares,
    held, ahead, latency, stepping,
):  # fmt: skip
    """One iteration of `tiles` tiles and, if it runs `ahead`, the held load that comes next beside it.

    Leaves the end of the prefetch in the state. Returns the first compute start, the start of the prefetch's
    service and the number of tiles stepped.
    """
    depth, compute, causes = row[DEPTH], row[COMPUTE], _FREE + read.size
    steps = max(tiles, 1)  # an iteration without tiles is one step that serves and computes nothing
    first_start = begin = loaded = stepped = index = base = mark = 0
    # Tiles before `stop` differ in nothing but the state, so it can repeat. The first ones do not: their
    # shares of the prefetch wait for its issue.
    stop, jumping = min(depth, steps), False
    count[_SPREAD] = 0
    while index < steps:
        if index == stop:
            stop = steps
            for k in range(count[_SPREAD]):
                turn = shares[_TURN, listed[_SPREAD, k]]
                if index < turn < stop:
                    stop = turn
            jumping = not stepping and stop - index > 2
            if jumping:
                _copy(snapshot, state)
                base = mark = index
        request = state[_C + depth - 1]
        streams = 0
        if tiles > 0 and count[_READ] > 0:
            if first and index == 0:
                request += row[STREAM_LATENCY]
            streams = _serve(state, read, listed[_READ], count[_READ], request)
        _issue_stores(state, write, store, listed, count)
        if index == 0:
            start = _start(
                state, streams, state[_H], max(state[_S + depth - 1], state[_E + depth - 1]),
                FILL_DRAIN if first else INPUT_WAIT, causes,
            )  # fmt: skip
            first_start = start
            if ahead:
                begin, loaded = _load_held(state, held, latency, used, tiles, start, listed, count, shares)
        else:
            start = _start(state, streams, 0, state[_S + depth - 1], INPUT_WAIT, causes)
        for k in range(count[_SPREAD]):
            server = listed[_SPREAD, k]
            ticks = shares[_LEAST, server] + (index < shares[_TURN, server])
            if ticks > 0:
                free = max(state[_FREE + server], first_start, request) + ticks
                state[_FREE + server] = shares[_DONE, server] = free
                if index == 0:
                    loaded = max(loaded, free + latency)
        if tiles > 0:
            start += compute
            state[_TILE_WAITS] = count[_WRITE] > 0
        _push(state, _C, start)
        state[_T] = start
        index += 1
        stepped += 1
        if jumping and index < stop:
            if _repeats(state, snapshot, role):
                period, shift = index - mark, state[_C] - snapshot[_C]
                times = (stop - index) // period
                for k in range(count[_SPREAD]):
                    server = listed[_SPREAD, k]
                    if shares[_LEAST, server] + (index < shares[_TURN, server]) > 0:
                        shares[_DONE, server] += times * shift
                _jump(state, snapshot, role, times)
                index += times * period
                jumping = False
            elif index - mark > (mark - base) // 2:
                _copy(snapshot, state)
                mark = index
    for k in range(count[_SPREAD]):
        loaded = max(loaded, shares[_DONE, listed[_SPREAD, k]])
    state[_H] = loaded
    state[_C] += row[FLUSH]
    state[_ITERATION_WAITS] = count[_STORE] > 0
    return first_start, begin, stepped


@_compiled
def _list_servers(
    row, read, write, held, store, loads, listed, count, used, tile_role, role
):  # fmt: skip
    """What a row does with each server, and so which components of the state must repeat for a jump."""
    count[_READ] = count[_WRITE] = count[_STORE] = 0
    for server in range(read.size):
        used[server] = read[server] + write[server]
        if read[server] > 0:
            listed[_READ, count[_READ]] = server
            count[_READ] += 1
        if write[server] > 0:
            listed[_WRITE, count[_WRITE]] = server
            count[_WRITE] += 1
        if store[server] > 0:
            listed[_STORE, count[_STORE]] = server
            count[_STORE] += 1
        tile_role[_FREE + server] = _SHIFTS if used[server] > 0 else _STAYS
        busy = (used[server] > 0 and row[INNER] > 0) or held[server] > 0 or store[server] > 0
        role[_FREE + server] = _SHIFTS if busy else _STAYS
    for k in range(_FREE):
        tile_role[k] = role[k] = _STAYS
    for k in range(row[DEPTH]):
        tile_role[_C + k] = role[_C + k] = _SHIFTS
        if count[_WRITE] > 0 and row[INNER] > 0:
            tile_role[_S + k] = role[_S + k] = _SHIFTS
        if count[_STORE] > 0:
            role[_E + k] = _SHIFTS
    tile_role[_T] = role[_T] = _SHIFTS
    role[_H] = _SHIFTS if loads else _STAYS


@_compiled
def run_row(
    row, read, write, held, store, loads, next_held, next_latency, follows, ready, now, stepping, scratch,
    times, causes,
):  # fmt: skip
    """Run one row from `now` on; `scratch[0]` is the state, whose free times of servers are taken over and left.

    `loads` says whether it has held loads, the first of which is done at `ready` if an earlier row issued it (else
    -1), `follows` whether a row of its group comes later, with a held load of `next_held` and `next_latency`. Writes
    its `times` and `causes`. Returns its end, start and end of that row's first held load (-1 if not issued), and
    the number of tiles stepped.
    """
    size = scratch.shape[1]
    booked = size - CAUSE_COUNT
    state, snapshot, tile_snapshot = scratch[0], scratch[1], scratch[2]
    role, tile_role, used, count = scratch[3], scratch[4], scratch[5], scratch[6]
    shares, listed = scratch[7:10], scratch[10:]
    group, iterations = row[GROUP], row[OUTER] + (row[TAIL] > 0)
    times[START] = now
    times[HELD_END] = -1
    if ready < 0:
        times[HELD_START] = -1
    now += row[SERIAL]
    for k in range(_FREE):
        state[k] = now if k < _C + MAX_DEPTH else 0
    for k in range(booked, size):
        state[k] = 0
    _list_servers(row, read, write, held, store, loads, listed, count, used, tile_role, role)
    if loads:
        state[_H] = ready
        if ready < 0:
            times[HELD_START], state[_H] = _load_held(state, held, row[LATENCY], used, 0, now, listed, count, shares)
    mark, jumping, index, stepped = 0, not stepping, 0, 0
    next_begin = next_ready = -1
    while index < iterations:
        last = index == iterations - 1
        issues = loads and (follows or not last)  # whether a held load is issued next, and below, whose
        coming, latency = (next_held, next_latency) if last else (held, row[LATENCY])
        ahead = issues and group > 0 and row[SLOTS] == 2
        if last and loads:
            times[HELD_END] = state[_H]
        start, begin, count_stepped = _iterate(
            state, tile_snapshot, tile_role, row, row[INNER] if index < row[OUTER] else row[TAIL],
            index == 0, read, write, store, listed, count, used, shares,
            coming, ahead, latency, stepping,
        )  # fmt: skip
        stepped += count_stepped
        if index == 0:
            times[COMPUTE_START] = start
        if issues and not ahead:
            _issue_stores(state, write, store, listed, count)
            request = state[_C] if group > 0 else max(state[_C], state[_S], state[_E])
            begin, state[_H] = _load_held(state, coming, latency, used, 0, request, listed, count, shares)
        if issues and last:
            next_ready, next_begin = state[_H], begin
        index += 1
        # The first iteration fills, the last is shorter or prefetches for another row: both are stepped.
        if jumping and index < iterations - 1:
            if mark > 0 and _repeats(state, snapshot, role):
                period = index - mark
                repeat = (iterations - 1 - index) // period
                _jump(state, snapshot, role, repeat)
                index += repeat * period
                jumping = False
            elif mark == 0 or index - mark > mark // 2:
                _copy(snapshot, state)
                mark = index
    _issue_stores(state, write, store, listed, count)
    times[COMPUTE_END] = state[_C]
    now = max(state[_C] + row[FILL], state[_S], state[_E])
    state[booked + FILL_DRAIN] += now - state[_C]
    state[booked + SERIAL_OVERHEAD] += row[SERIAL]
    tiles = row[OUTER] * row[INNER] + row[TAIL]
    state[booked + row[CAUSE]] += tiles * row[COMPUTE] + iterations * row[FLUSH]
    for k in range(CAUSE_COUNT):
        causes[k] = state[booked + k]
    times[END] = now
    return now, next_begin, next_ready, stepped


@_compiled
def new_scratch(servers):
    """What `run_row` works in, for rows on so many servers, all free at 0."""
    size = _FREE + servers + CAUSE_COUNT
    scratch = np.zeros((10 + _LISTS, size), np.int64)
    for k in range(_FREE + servers, size):
        scratch[3, k] = scratch[4, k] = _SUMS
    return scratch


@njit(
    types.int64(
        _MATRIX, _MATRIX, _MATRIX, _MATRIX, _MATRIX, _MATRIX, _VECTOR, _VECTOR, boolean, _TABLE, _TABLE
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def run(
    rows, read, write, held, store, after, follower, ready, stepping, times, causes
):  # fmt: skip
    """Run a program; writes [rows, TIMES] `times` (-1 where there is none) and [rows, CAUSE_COUNT] `causes`.

    The four [rows, servers] matrices hold the ticks that a tile reads, a tile stores, an iteration's held
    load and an iteration's store take of each server. `after[r]` lists earlier rows that row r comes after, -1 for
    none. `follower` is the next row of the same group with a
    held load, -1 for none and -2 for a row that has no held load itself; `ready` is scratch of the same size.
    Returns the number of tiles stepped.
    """
    scratch = new_scratch(read.shape[1])
    for r in range(rows.shape[0]):
        ready[r] = -1  # when a row's first held load is done, if an earlier row issued it
    stepped = 0
    for r in range(rows.shape[0]):
        now = 0
        for k in range(after.shape[1]):
            if after[r, k] >= 0:
                now = max(now, times[after[r, k], END])
        target = follower[r]
        other = max(target, 0)
        _, begin, done, count = run_row(
            rows[r], read[r], write[r], held[r], store[r], target > -2, held[other], rows[other, LATENCY],
            target >= 0, ready[r], now, stepping, scratch, times[r], causes[r],
        )  # fmt: skip
        stepped += count
        if target >= 0:
            ready[target], times[target, HELD_START] = done, begin
    return stepped

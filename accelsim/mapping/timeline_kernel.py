"""The timeline kernel: stages of tiles through in-order servers, with exact jumps over steady states.

All of it is one file: every function reads and writes the columns of one state, which nothing outside has to know.

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

# Scratch is one line of integers. First the state: compute ends, tile stores, iteration stores (newest first), the
# request of the waiting tile store, the end of the coming iteration's held load, whether a store of a tile and of an
# iteration waits, ticks booked for each cause, then the free time of each server.
_C, _S, _E, _T, _H, _TILE_WAITS, _ITERATION_WAITS, _CAUSES = 0, 4, 8, 12, 13, 14, 15, 16
_FREE = _CAUSES + CAUSE_COUNT
FREE = _FREE  # where the free times of servers begin
# Behind it, in columns of one place for each server: whether tiles use it; what a tile reads and stores, what an
# iteration stores (place of a server, then ticks); of a held load spread over tiles the place of a server, ticks of
# every tile, tiles with one more, end of the latest share.
_USED, _READ, _WRITE, _STORE, _SPREAD, _SERVER_COLUMNS = 1, 2, 4, 6, 8, 12
_LEAST, _TURN, _DONE = 1, 2, 3
# Last the places in the state that a jump over tiles and over iterations moves, each with its value in a snapshot, and
# snapshots of causes. The first places move alike by what they are: only the others need a test.
_TILE_MOVES, _MOVES = 0, 1
_MOST_MOVES = 3 * MAX_DEPTH + 2  # beside servers
_ALIKE = 2
_FIRST_GAP, _GAPS = _CAUSES + FILL_DRAIN, OUTPUT_WAIT - FILL_DRAIN + 1  # causes that grow from tile to tile
_NEVER = 1 << 62
_MATRIX = types.Array(int64, 2, "C", readonly=True)
_ROW = types.Array(int64, 1, "C", readonly=True)
_VECTOR, _TABLE = int64[::1], int64[:, ::1]
_compiled = functools.partial(njit, cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
# For what runs every tile: counting references to the arguments of a call would take longer than the tile.
_inlined = functools.partial(njit, inline="always")


@_inlined
def _serve(state, listed, count, request):
    """Pass one transfer through its servers; returns when all are done, 0 for a transfer without servers."""
    done = 0
    for k in range(count):
        place = state[listed + 2 * k]
        free = max(state[place], request) + state[listed + 2 * k + 1]
        state[place] = free
        done = max(done, free)
    return done


@_inlined
def _push(state, ring, depth, value):
    for k in range(ring + depth - 1, ring, -1):
        state[k] = state[k - 1]
    state[ring] = value


@_compiled(int64(_VECTOR, int64, _ROW))
def _list(state, listed, ticks):
    """List the servers of a transfer and its ticks on them; returns how many they are."""
    count = 0
    for server in range(ticks.size):
        if ticks[server] > 0:
            state[listed + 2 * count], state[listed + 2 * count + 1] = _FREE + server, ticks[server]
            count += 1
    return count


@_compiled(types.UniTuple(int64, 3)(_VECTOR, _ROW, int64, int64, int64))
def _load_held(state, held, latency, tiles, request):
    """Issue a held load, whole except on the servers that the running row's `tiles` (0: none run) use.

    The others are listed as _SPREAD, with what each tile takes of them. Returns when service starts, when the parts
    served whole are done, and how many are spread.
    """
    begin, done, spreads = _NEVER, 0, 0
    servers = held.size
    used, spread = _FREE + _USED * servers, _FREE + _SPREAD * servers
    for server in range(servers):
        ticks = held[server]
        if ticks > 0:
            start = max(state[_FREE + server], request)
            begin = min(begin, start)
            if tiles > 0 and state[used + server]:
                at = spread + 4 * spreads
                state[at], state[at + _LEAST] = _FREE + server, ticks // tiles
                state[at + _TURN] = ticks - tiles * state[at + _LEAST]
                spreads += 1
            else:
                state[_FREE + server] = start + ticks
                done = max(done, start + ticks + latency)
    return begin, done, spreads


@_compiled(void(_VECTOR, int64, int64))
def _remember(state, moves, count):
    """Take a snapshot of what a jump moves."""
    for k in range(count):
        state[moves + 2 * k + 1] = state[state[moves + 2 * k]]
    for k in range(_GAPS):
        state[moves + 2 * count + k] = state[_FIRST_GAP + k]


@_inlined
def _repeats(state, moves, count):
    """Whether every place moved by as much as the newest compute end, the first of them, did since the snapshot."""
    shift = state[_C] - state[moves + 1]
    alike = True
    for k in range(_ALIKE, count):
        if state[state[moves + 2 * k]] - state[moves + 2 * k + 1] != shift:
            alike = False
            break
    return alike


@_compiled(void(_VECTOR, int64, int64, int64))
def _jump(state, moves, count, times):
    """Repeat what happened since the snapshot `times` more times."""
    shift = times * (state[_C] - state[moves + 1])
    for k in range(count):
        state[state[moves + 2 * k]] += shift
    for k in range(_GAPS):
        state[_FIRST_GAP + k] += times * (state[_FIRST_GAP + k] - state[moves + 2 * count + k])


@_inlined
def _start(state, streams, held, stores, stream_cause):
    """When a tile starts to compute; the gap before it goes to what came last (ties: held, then streams)."""
    start = max(state[_C], streams, held, stores)
    gap = start - state[_C]
    if gap > 0:
        if held == start:
            state[_CAUSES + WEIGHT_LOAD] += gap
        elif streams == start:
            state[_CAUSES + stream_cause] += gap
        else:
            state[_CAUSES + OUTPUT_WAIT] += gap
    return start


@_compiled
def _iterate(
    state, servers, depth, compute, stream_latency, tiles, first, read_count, write_count, store_count, moves, count,
    held, ahead, latency, stepping,
):  # fmt: skip
    """One iteration of `tiles` tiles and, if it runs `ahead`, the held load that comes next beside it.

    Leaves the end of the prefetch in the state. Returns the first compute start, the start of the prefetch's
    service and the number of tiles stepped.
    """
    reads, writes, stores = _FREE + _READ * servers, _FREE + _WRITE * servers, _FREE + _STORE * servers
    spread = _FREE + _SPREAD * servers
    steps = max(tiles, 1)  # an iteration without tiles is one step that serves and computes nothing
    read_count = read_count if tiles > 0 else 0
    first_start = begin = loaded = stepped = index = base = mark = spreads = 0
    # Tiles before `stop` differ in nothing but the state, so it can repeat. The first ones do not: their
    # shares of the prefetch wait for its issue.
    stop, jumping = min(depth, steps), False
    while index < steps:
        if index == stop:
            stop = steps
            for at in range(spread, spread + 4 * spreads, 4):
                turn = state[at + _TURN]
                if index < turn < stop:
                    stop = turn
            jumping = not stepping and stop - index > 2
            if jumping:
                _remember(state, moves, count)
                base = mark = index
        request = state[_C + depth - 1]
        streams = 0
        if read_count > 0:
            streams = _serve(state, reads, read_count, request + stream_latency)
            stream_latency = 0
        if state[_TILE_WAITS]:
            stored = _serve(state, writes, write_count, state[_T])
            _push(state, _S, depth, stored)
            state[_TILE_WAITS] = 0
        held_end, waited = 0, state[_S + depth - 1]
        cause = INPUT_WAIT
        if index == 0:
            if state[_ITERATION_WAITS]:
                stored = _serve(state, stores, store_count, state[_C])
                _push(state, _E, depth, stored)
                state[_ITERATION_WAITS] = 0
            held_end, waited = state[_H], max(waited, state[_E + depth - 1])
            cause = FILL_DRAIN if first else INPUT_WAIT
        start = _start(state, streams, held_end, waited, cause)
        if index == 0:
            first_start = start
            if ahead:
                begin, loaded, spreads = _load_held(state, held, latency, tiles, start)
        for at in range(spread, spread + 4 * spreads, 4):
            ticks = state[at + _LEAST] + (index < state[at + _TURN])
            if ticks > 0:
                place = state[at]
                free = max(state[place], first_start, request) + ticks
                state[place] = state[at + _DONE] = free
                if index == 0:
                    loaded = max(loaded, free + latency)
        if tiles > 0:
            start += compute
            state[_TILE_WAITS] = write_count > 0
        _push(state, _C, depth, start)
        state[_T] = start
        index += 1
        stepped += 1
        if jumping and index < stop:
            if _repeats(state, moves, count):
                period, shift = index - mark, state[_C] - state[moves + 1]
                times = (stop - index) // period
                for at in range(spread, spread + 4 * spreads, 4):
                    if state[at + _LEAST] + (index < state[at + _TURN]) > 0:
                        state[at + _DONE] += times * shift
                _jump(state, moves, count, times)
                index += times * period
                jumping = False
            elif index - mark > (mark - base) // 2:
                _remember(state, moves, count)
                mark = index
    for at in range(spread, spread + 4 * spreads, 4):
        loaded = max(loaded, state[at + _DONE])
    state[_H] = loaded
    return first_start, begin, stepped


@_compiled
def _issue_stores(state, servers, depth, write_count, store_count):
    """Issue the stores that wait: of the last tile, then of the last iteration."""
    if state[_TILE_WAITS]:
        stored = _serve(state, _FREE + _WRITE * servers, write_count, state[_T])
        _push(state, _S, depth, stored)
        state[_TILE_WAITS] = 0
    if state[_ITERATION_WAITS]:
        stored = _serve(state, _FREE + _STORE * servers, store_count, state[_C])
        _push(state, _E, depth, stored)
        state[_ITERATION_WAITS] = 0


@_compiled
def _list_moves(state, row, read, write, held, store, loads, write_count, store_count):
    """List what a jump over tiles and one over iterations move: all that the row changes. Returns how many each."""
    servers, depth, runs_tiles = read.size, row[DEPTH], row[INNER] > 0
    tile_moves, moves = _moves_at(servers, _TILE_MOVES), _moves_at(servers, _MOVES)
    state[tile_moves] = state[moves] = _C
    state[tile_moves + 2] = state[moves + 2] = _T
    tile_count = count = _ALIKE
    for k in range(1, depth):
        state[tile_moves + 2 * tile_count] = state[moves + 2 * count] = _C + k
        tile_count, count = tile_count + 1, count + 1
    for server in range(servers):
        used = read[server] + write[server] > 0
        state[_FREE + _USED * servers + server] = used
        if used:
            state[tile_moves + 2 * tile_count] = _FREE + server
            tile_count += 1
        if (used and runs_tiles) or held[server] > 0 or store[server] > 0:
            state[moves + 2 * count] = _FREE + server
            count += 1
    for k in range(depth):
        if write_count > 0 and runs_tiles:
            state[tile_moves + 2 * tile_count] = state[moves + 2 * count] = _S + k
            tile_count, count = tile_count + 1, count + 1
        if store_count > 0:
            state[moves + 2 * count] = _E + k
            count += 1
    if loads:
        state[moves + 2 * count] = _H
        count += 1
    return tile_count, count


@_compiled
def run_row(
    row, read, write, held, store, loads, next_held, next_latency, follows, ready, now, stepping, scratch,
    times, causes,
):  # fmt: skip
    """Run one row from `now` on; `scratch` holds the state, whose free times of servers are taken over and left.

    `loads` says whether it has held loads, the first of which is done at `ready` if an earlier row issued it (else
    -1), `follows` whether a row of its group comes later, with a held load of `next_held` and `next_latency`. Writes
    its `times` and `causes`. Returns its end, start and end of that row's first held load (-1 if not issued), and
    the number of tiles stepped.
    """
    state, servers = scratch, read.size
    group, iterations, depth, flush = row[GROUP], row[OUTER] + (row[TAIL] > 0), row[DEPTH], row[FLUSH]
    runs_ahead = group > 0 and row[SLOTS] == 2
    times[START] = now
    times[HELD_END] = -1
    if ready < 0:
        times[HELD_START] = -1
    now += row[SERIAL]
    for k in range(_FREE):
        state[k] = now if k < _C + MAX_DEPTH else 0
    read_count = _list(state, _FREE + _READ * servers, read)
    write_count = _list(state, _FREE + _WRITE * servers, write)
    store_count = _list(state, _FREE + _STORE * servers, store)
    tile_moves, moves = _moves_at(servers, _TILE_MOVES), _moves_at(servers, _MOVES)
    tile_count, count = _list_moves(state, row, read, write, held, store, loads, write_count, store_count)
    if loads:
        state[_H] = ready
        if ready < 0:
            times[HELD_START], state[_H], _ = _load_held(state, held, row[LATENCY], 0, now)
    mark, jumping, index, stepped = 0, not stepping, 0, 0
    next_begin = next_ready = -1
    while index < iterations:
        last = index == iterations - 1
        issues = loads and (follows or not last)  # whether a held load is issued next, and below, whose
        coming, latency = (next_held, next_latency) if last else (held, row[LATENCY])
        ahead = issues and runs_ahead
        if last and loads:
            times[HELD_END] = state[_H]
        start, begin, count_stepped = _iterate(
            state, servers, depth, row[COMPUTE], row[STREAM_LATENCY] if index == 0 else 0,
            row[INNER] if index < row[OUTER] else row[TAIL], index == 0, read_count, write_count, store_count,
            tile_moves, tile_count, coming, ahead, latency, stepping,
        )  # fmt: skip
        state[_C] += flush
        state[_ITERATION_WAITS] = store_count > 0
        stepped += count_stepped
        if index == 0:
            times[COMPUTE_START] = start
        if issues and not ahead:
            _issue_stores(state, servers, depth, write_count, store_count)
            request = state[_C] if group > 0 else max(state[_C], state[_S], state[_E])
            begin, state[_H], _ = _load_held(state, coming, latency, 0, request)
        if issues and last:
            next_ready, next_begin = state[_H], begin
        index += 1
        # The first iteration fills, the last is shorter or prefetches for another row: both are stepped.
        if jumping and index < iterations - 1:
            if mark > 0 and _repeats(state, moves, count):
                period = index - mark
                repeat = (iterations - 1 - index) // period
                _jump(state, moves, count, repeat)
                index += repeat * period
                jumping = False
            elif mark == 0 or index - mark > mark // 2:
                _remember(state, moves, count)
                mark = index
    _issue_stores(state, servers, depth, write_count, store_count)
    times[COMPUTE_END] = state[_C]
    now = max(state[_C] + row[FILL], state[_S], state[_E])
    state[_CAUSES + FILL_DRAIN] += now - state[_C]
    state[_CAUSES + SERIAL_OVERHEAD] += row[SERIAL]
    tiles = row[OUTER] * row[INNER] + row[TAIL]
    state[_CAUSES + row[CAUSE]] += tiles * row[COMPUTE] + iterations * flush
    for k in range(CAUSE_COUNT):
        causes[k] = state[_CAUSES + k]
    times[END] = now
    return now, next_begin, next_ready, stepped


@_inlined
def _moves_at(servers, which):
    """Where the moves of a jump are listed in scratch."""
    return _FREE + _SERVER_COLUMNS * servers + which * (2 * (_MOST_MOVES + servers) + _GAPS)


@_compiled
def new_scratch(servers):
    """What `run_row` works in, for rows on so many servers, all free at 0."""
    return np.zeros(_FREE + _SERVER_COLUMNS * servers + 2 * (2 * (_MOST_MOVES + servers) + _GAPS), np.int64)


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

"""One row of the timeline on many points at once: the same tiles in lockstep, other ticks on each point.

Points that share a mapping run the same rows; only ticks differ. The state of `timeline_kernel` is here a matrix,
[columns, points], and each rule of it one loop over points, which compiles to vector instructions. What is a branch
there is a branch here where it depends on the row alone, and a choice between two values where it depends on ticks.

A state that repeats on all points over the same tiles or iterations is jumped, on each point with its own shift. Rows
whose points do not come to that soon are given up: the caller runs them point by point.

All of it is one file, as there: every function reads and writes the columns of one state.

Rows have neither SERIAL nor STREAM_LATENCY ticks; a server that a transfer uses on one point it uses on all.
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

_called = functools.partial(njit, cache=True, nogil=True)
# For what only kernels call: making it callable from Python too takes as long to compile as the rest of it.
_compiled = functools.partial(_called, no_cpython_wrapper=True, no_cfunc_wrapper=True)

POINTS = 64
"""Points of a batch: a column of ticks is a few lines of the first cache."""
# Columns of a row's ticks, then one for each server of a tile's reads, its stores, a held load, an end store.
COMPUTE, FLUSH, FILL, LATENCY, CLAIMS = range(5)
READ, WRITE, HELD, STORE = range(4)
# Columns of what a row gives, then its causes, then when servers get free after its end.
END, DONE, CAUSES = range(3)
FREE_AFTER = CAUSES + kernel.CAUSE_COUNT
# Columns of the state, as in `timeline_kernel`: compute ends, tile stores, iteration stores (newest first), the
# request of the waiting tile store, the end of the coming held load. Then of the running tile: the end of its streams,
# of the store served last, its start, that of the first tile, the end of a prefetch. Then causes, free servers and,
# for each, ticks that every tile takes of a prefetch spread over tiles, tiles with one more, end of the latest share.
_C, _S, _E, _T, _H = 0, 4, 8, 12, 13
_STREAMS, _STORED, _START, _FIRST, _LOADED, _CAUSES = 14, 15, 16, 17, 18, 19
_FREE = _CAUSES + kernel.CAUSE_COUNT
_TILE, _ITERATION = range(2)
_SHORT = 6  # tiles that are rather run than compared
_PATIENCE = 400  # steps of a row before it is given up, beside one iteration's worth of short ones


class Space(NamedTuple):
    """What rows are run in: `state` and its snapshots for jumps over tiles and over iterations, the columns that these
    move, and which servers have a prefetch spread over tiles."""

    state: Any
    snapshots: Any
    moves: Any
    spread: Any


@_called
def new_space(servers):
    """Room for a batch of rows on so many servers."""
    columns = _FREE + 4 * servers
    return Space(
        np.zeros((columns, POINTS), np.int64),
        np.zeros((2, columns, POINTS), np.int64),
        np.zeros((2, columns), np.int64),
        np.zeros(servers, np.bool_),
    )


@_compiled
def _set(state, column, value, points):
    for p in range(points):
        state[column, p] = value


@_compiled
def _serve(state, free, ticks, claim, request, done, points):
    """Pass a transfer through one of its servers; `done` becomes the latest end."""
    for p in range(points):
        end = max(state[free, p], state[request, p]) + ticks[claim, p]
        state[free, p] = end
        state[done, p] = max(state[done, p], end)


@_compiled
def _push(state, ring, depth, column, points):
    for k in range(ring + depth - 1, ring, -1):
        for p in range(points):
            state[k, p] = state[k - 1, p]
    for p in range(points):
        state[ring, p] = state[column, p]


@_compiled
def _store(state, ticks, uses, kind, request, ring, depth, points):
    """Serve a store of the kind, requested at the column `request`, and push its end into its ring."""
    servers = uses.shape[1]
    _set(state, _STORED, 0, points)
    for server in range(servers):
        if uses[kind, server]:
            _serve(state, _FREE + server, ticks, CLAIMS + kind * servers + server, request, _STORED, points)
    _push(state, ring, depth, _STORED, points)


@_compiled
def _remember(state, snapshot, moves, count, points):
    """Take a snapshot of what a jump moves, causes included."""
    for k in range(count):
        column = moves[k]
        for p in range(points):
            snapshot[column, p] = state[column, p]
    for column in range(_CAUSES, _CAUSES + kernel.CAUSE_COUNT):
        for p in range(points):
            snapshot[column, p] = state[column, p]


@_compiled
def _repeats(state, snapshot, moves, count, points):
    """Whether on each point all columns moved by as much as the newest compute end, the first of them."""
    for k in range(1, count):
        column, differs = moves[k], 0
        for p in range(points):
            differs |= state[column, p] - snapshot[column, p] - state[_C, p] + snapshot[_C, p]
        if differs != 0:
            return False
    return True


@_compiled
def _jump(state, snapshot, moves, count, times, points):
    """Repeat what happened since the snapshot `times` more times; the first column, which tells the shift, last."""
    for k in range(count - 1, -1, -1):
        column = moves[k]
        for p in range(points):
            state[column, p] += times * (state[_C, p] - snapshot[_C, p])
    for column in range(_CAUSES, _CAUSES + kernel.CAUSE_COUNT):
        for p in range(points):
            state[column, p] += times * (state[column, p] - snapshot[column, p])


@_compiled
def _load_whole(state, ticks, uses, request, spread, points):
    """Serve a held load, requested at the column `request`, on the servers that do not spread it. _LOADED becomes the
    latest end."""
    servers = uses.shape[1]
    for server in range(servers):
        if uses[HELD, server] and not spread[server]:
            claim = CLAIMS + HELD * servers + server
            for p in range(points):
                end = max(state[_FREE + server, p], state[request, p]) + ticks[claim, p]
                state[_FREE + server, p] = end
                state[_LOADED, p] = max(state[_LOADED, p], end + ticks[LATENCY, p])


@_compiled
def _spread_over(state, ticks, uses, own, tiles, spread, points):
    """What each of a row's tiles takes of a prefetch, on the servers that the tiles use. Returns whether there is any.

    `ticks` and `uses` are those of the row whose load it is, `own` the uses of the running one.
    """
    servers, found = uses.shape[1], False
    for server in range(servers):
        spread[server] = tiles > 0 and uses[HELD, server] and (own[READ, server] or own[WRITE, server])
        if spread[server]:
            found = True
            least, turn = _FREE + servers + server, _FREE + 2 * servers + server
            for p in range(points):
                state[least, p] = ticks[CLAIMS + HELD * servers + server, p] // tiles
                state[turn, p] = ticks[CLAIMS + HELD * servers + server, p] - tiles * state[least, p]
    return found


@_compiled
def _load_share(state, ticks, server, servers, request, index, points):
    """Serve a tile's share of a prefetch on one server."""
    free, least = _FREE + server, _FREE + servers + server
    turn, shared = _FREE + 2 * servers + server, _FREE + 3 * servers + server
    for p in range(points):
        share = state[least, p] + (index < state[turn, p])
        end = max(state[free, p], state[_FIRST, p], state[request, p]) + share
        state[free, p] = end if share > 0 else state[free, p]
        state[shared, p] = end if share > 0 else state[shared, p]
    if index == 0:
        for p in range(points):
            state[_LOADED, p] = max(state[_LOADED, p], state[shared, p] + ticks[LATENCY, p])


@_compiled
def _next_turn(state, spread, index, stop, points):
    """The next tile, at most `stop`, from which on some point's tiles take one tick less of a prefetch."""
    servers = spread.size
    for server in range(servers):
        if spread[server]:
            for p in range(points):
                turn = state[_FREE + 2 * servers + server, p]
                if index < turn < stop:
                    stop = turn
    return stop


@_compiled
def _move_shares(state, spread, index, times, snapshot, points):
    """What `_jump` is to the ends of the latest shares: they move where a tile takes a share."""
    servers = spread.size
    for server in range(servers):
        if spread[server]:
            least, turn = _FREE + servers + server, _FREE + 2 * servers + server
            for p in range(points):
                if state[least, p] + (index < state[turn, p]) > 0:
                    state[least + 2 * servers, p] += times * (state[_C, p] - snapshot[_C, p])


@_compiled
def _start_first(state, depth, cause, points):
    """Start the first tile of an iteration, which also waits for its held load and an iteration's store."""
    for p in range(points):
        held, streams = state[_H, p], state[_STREAMS, p]
        stored = max(state[_S + depth - 1, p], state[_E + depth - 1, p])
        start = max(state[_C, p], streams, held, stored)
        gap = start - state[_C, p]
        weights, inputs = held == start, held != start and streams == start
        state[_CAUSES + kernel.WEIGHT_LOAD, p] += gap if weights else 0
        state[_CAUSES + cause, p] += gap if inputs else 0
        state[_CAUSES + kernel.OUTPUT_WAIT, p] += 0 if weights or inputs else gap
        state[_START, p] = state[_FIRST, p] = start


@_compiled
def _start(state, depth, points):
    """Start a tile; the gap before it goes to what came last (ties: streams)."""
    for p in range(points):
        streams = state[_STREAMS, p]
        start = max(state[_C, p], streams, state[_S + depth - 1, p])
        gap = start - state[_C, p]
        inputs = gap if streams == start else 0
        state[_CAUSES + kernel.INPUT_WAIT, p] += inputs
        state[_CAUSES + kernel.OUTPUT_WAIT, p] += gap - inputs
        state[_START, p] = start


@_compiled
def _iterate(
    space, ticks, uses, tiles, first, waits, depth, moves, ahead_ticks, ahead_uses, ahead, spreads, patience, points
):  # fmt: skip
    """One iteration of `tiles` tiles and, if it runs `ahead`, the held load that comes next beside it.

    `waits`: whether a store of a tile and of an iteration wait at its start. Leaves the end of the prefetch in the
    state. Returns the number of tiles stepped, more than `patience` if it gave up.
    """
    state, spread, servers = space.state, space.spread, uses.shape[1]
    snapshot, columns, count = space.snapshots[_TILE], space.moves[_TILE], moves
    tile_waits, iteration_waits = waits
    steps, request = max(tiles, 1), _C + depth - 1
    reads = writes = False
    for server in range(servers):
        reads, writes = reads or uses[READ, server], writes or uses[WRITE, server]
    _set(state, _STREAMS, 0, points)
    _set(state, _LOADED, 0, points)
    stepped = index = base = mark = 0
    # As in `timeline_kernel`: tiles before `stop` differ in nothing but the state.
    stop, jumping, spreading = min(depth, steps), False, False
    while index < steps and stepped <= patience:
        if index == stop:
            stop = steps
            if spreading and stop - index > _SHORT:
                stop = _next_turn(state, spread, index, stop, points)
            jumping = stop - index > _SHORT
            if jumping:
                _remember(state, snapshot, columns, count, points)
                base = mark = index
        if reads and tiles > 0:
            _set(state, _STREAMS, 0, points)
            for server in range(servers):
                if uses[READ, server]:
                    _serve(state, _FREE + server, ticks, CLAIMS + server, request, _STREAMS, points)
        if tile_waits:
            _store(state, ticks, uses, WRITE, _T, _S, depth, points)
        if index == 0:
            if iteration_waits:
                _store(state, ticks, uses, STORE, _C, _E, depth, points)
            _start_first(state, depth, kernel.FILL_DRAIN if first else kernel.INPUT_WAIT, points)
            if ahead:
                _load_whole(state, ahead_ticks, ahead_uses, _FIRST, spread, points)
                spreading = spreads
        else:
            _start(state, depth, points)
        if spreading:
            for server in range(servers):
                if spread[server]:
                    _load_share(state, ahead_ticks, server, servers, request, index, points)
        if tiles > 0:
            for p in range(points):
                state[_START, p] += ticks[COMPUTE, p]
        tile_waits = writes and tiles > 0
        _push(state, _C, depth, _START, points)
        _push(state, _T, 1, _START, points)
        index += 1
        stepped += 1
        if jumping and index < stop:
            if _repeats(state, snapshot, columns, count, points):
                times = (stop - index) // (index - mark)
                if spreading:
                    _move_shares(state, spread, index, times, snapshot, points)
                index += times * (index - mark)
                _jump(state, snapshot, columns, count, times, points)
                jumping = False
            elif index - mark > (mark - base) // 2:
                _remember(state, snapshot, columns, count, points)
                mark = index
    if spreading:
        for server in range(servers):
            if spread[server]:
                for p in range(points):
                    state[_LOADED, p] = max(state[_LOADED, p], state[_FREE + 3 * servers + server, p])
    _push(state, _H, 1, _LOADED, points)
    return stepped


@_compiled
def _list_moves(row, uses, loads, moves):
    """List what a jump over tiles and one over iterations move: all that the row changes. Returns how many each."""
    servers, depth, runs_tiles = uses.shape[1], row[kernel.DEPTH], row[kernel.INNER] > 0
    counts = np.zeros(2, np.int64)
    writes = stores = False
    for server in range(servers):
        writes, stores = writes or uses[WRITE, server], stores or uses[STORE, server]
    for k in range(depth):
        for which in range(2):
            moves[which, k] = _C + k
    counts[:] = depth
    for which in range(2):
        moves[which, counts[which]] = _T
        counts[which] += 1
    for server in range(servers):
        used = uses[READ, server] or uses[WRITE, server]
        if used:
            moves[_TILE, counts[_TILE]] = _FREE + server
            counts[_TILE] += 1
        if (used and runs_tiles) or uses[HELD, server] or uses[STORE, server]:
            moves[_ITERATION, counts[_ITERATION]] = _FREE + server
            counts[_ITERATION] += 1
    for k in range(depth):
        if writes and runs_tiles:
            for which in range(2):
                moves[which, counts[which]] = _S + k
                counts[which] += 1
        if stores:
            moves[_ITERATION, counts[_ITERATION]] = _E + k
            counts[_ITERATION] += 1
    if loads:
        moves[_ITERATION, counts[_ITERATION]] = _H
        counts[_ITERATION] += 1
    return counts[0], counts[1], writes, stores


@_called
def run_row(
    row, ticks, uses, loads, next_ticks, next_uses, follows, loaded, ready, free, space, found, points
):  # fmt: skip
    """Run a row on the first `points` points from tick 0 on, with its servers `free` [servers, POINTS].

    `ticks` [columns, POINTS] and `uses` [4, servers] are the row's, `next_*` those of the row that follows in its
    group. `loads`, `follows` as in `timeline_kernel.run_row`; `loaded`: an earlier row issued its first held load,
    which is done at `ready` [POINTS]. Writes `found` [columns, POINTS]. Returns whether it came to an end.
    """
    state, servers = space.state, uses.shape[1]
    group, iterations, depth = row[kernel.GROUP], row[kernel.OUTER] + (row[kernel.TAIL] > 0), row[kernel.DEPTH]
    runs_ahead = group > 0 and row[kernel.SLOTS] == 2
    for column in range(_FREE):
        _set(state, column, 0, points)
    for server in range(servers):
        for p in range(points):
            state[_FREE + server, p] = free[server, p]
    tile_moves, moves, writes, stores = _list_moves(row, uses, loads, space.moves[:])
    space.spread[:] = False
    if loads:
        if loaded:
            for p in range(points):
                state[_H, p] = ready[p]
        else:
            _load_whole(state, ticks, uses, _C, space.spread, points)
            _push(state, _H, 1, _LOADED, points)
    tile_waits = iteration_waits = spreads = False
    mark, jumping, index, stepped = 0, True, 0, 0
    while index < iterations:
        last = index == iterations - 1
        issues = loads and (follows or not last)
        ahead = issues and runs_ahead
        tiles = row[kernel.INNER] if index < row[kernel.OUTER] else row[kernel.TAIL]
        coming, coming_uses = (next_ticks, next_uses) if last else (ticks, uses)
        if ahead and (index == 0 or last):
            spreads = _spread_over(state, coming, coming_uses, uses, tiles, space.spread, points)
        stepped += _iterate(
            space, ticks, uses, tiles, index == 0, (tile_waits, iteration_waits), depth, tile_moves, coming,
            coming_uses, ahead, spreads, _PATIENCE - stepped if points > 1 else 1 << 62, points,
        )  # fmt: skip
        if stepped > _PATIENCE and points > 1:
            return False
        tile_waits, iteration_waits = writes and tiles > 0, stores
        for p in range(points):
            state[_C, p] += ticks[FLUSH, p]
        if issues and not ahead:
            if tile_waits:
                _store(state, ticks, uses, WRITE, _T, _S, depth, points)
            if iteration_waits:
                _store(state, ticks, uses, STORE, _C, _E, depth, points)
            tile_waits = iteration_waits = False
            for p in range(points):
                state[_START, p] = state[_C, p] if group > 0 else max(state[_C, p], state[_S, p], state[_E, p])
            _set(state, _LOADED, 0, points)
            space.spread[:] = False
            _load_whole(state, coming, coming_uses, _START, space.spread, points)
            _push(state, _H, 1, _LOADED, points)
        index += 1
        # The first iteration fills, the last is shorter or prefetches for another row: both are stepped.
        if jumping and index < iterations - 1:
            snapshot, columns = space.snapshots[_ITERATION], space.moves[_ITERATION]
            if mark > 0 and _repeats(state, snapshot, columns, moves, points):
                period = index - mark
                times = (iterations - 1 - index) // period
                _jump(state, snapshot, columns, moves, times, points)
                index += times * period
                jumping = False
            elif mark == 0 or index - mark > mark // 2:
                _remember(state, snapshot, columns, moves, points)
                mark = index
    issued = loads and follows
    for p in range(points):
        found[DONE, p] = state[_H, p] if issued else -1
    if tile_waits:
        _store(state, ticks, uses, WRITE, _T, _S, depth, points)
    if iteration_waits:
        _store(state, ticks, uses, STORE, _C, _E, depth, points)
    tiles = row[kernel.OUTER] * row[kernel.INNER] + row[kernel.TAIL]
    for p in range(points):
        end = max(state[_C, p] + ticks[FILL, p], state[_S, p], state[_E, p])
        state[_CAUSES + kernel.FILL_DRAIN, p] += end - state[_C, p]
        state[_CAUSES + row[kernel.CAUSE], p] += tiles * ticks[COMPUTE, p] + iterations * ticks[FLUSH, p]
        found[END, p] = end
    for cause in range(kernel.CAUSE_COUNT):
        for p in range(points):
            found[CAUSES + cause, p] = state[_CAUSES + cause, p]
    for server in range(servers):
        for p in range(points):
            found[FREE_AFTER + server, p] = max(state[_FREE + server, p] - found[END, p], 0)
    return True

"""A long sequence of rows of few classes: each row is run once for each state that it is met in.

All times are max and + of durations, so a row that starts with its servers free in the same relation to its start
takes the same ticks, for the same causes, and leaves them alike. A row is told by its *code*: its class, and that of
the row whose held load it issues. States are numbered, so that a row is found again by three numbers; where the row at
the same place of the point before was the same, it is found at once.
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

_compiled = functools.partial(njit, cache=True, nogil=True)
_REMEMBERED = 4096
_HASHES = 8192


class Sequence(NamedTuple):
    """Rows in order: `code` of each and the later row whose held load it issues (`follower`, -1: none, -2: it has no
    held load). Of codes their class, and the class of the follower (else -1 or -2 as above). `guess`: where each row
    was found for the point before."""

    code: Any
    follower: Any
    code_class: Any
    code_other: Any
    guess: Any
    ready: Any


class Classes(NamedTuple):
    """Rows of each class, and their ticks on servers, as `timeline_kernel.run_row` reads them."""

    rows: Any
    read: Any
    write: Any
    held: Any
    store: Any


class Memory(NamedTuple):
    """Rows that were run: `key` [rows, 3] (code, state, ready), `next` of equal code, `took` [rows, 3] (ticks, state
    left, end of the held load issued), causes that are not zero. `states` [states, servers] free times, `hashed` and
    `following` to find them. `counts`: rows and states remembered."""

    heads: Any
    key: Any
    next: Any
    took: Any
    cause: Any
    cause_ticks: Any
    causes: Any
    states: Any
    hashed: Any
    following: Any
    hash_of: Any
    counts: Any


@_compiled
def new_sequence(most):
    """Room for so many rows."""
    return Sequence(
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
    )


@_compiled
def new_classes(count, servers):
    return Classes(
        np.zeros((count, kernel.COLUMNS), np.int64),
        np.zeros((count, servers), np.int64),
        np.zeros((count, servers), np.int64),
        np.zeros((count, servers), np.int64),
        np.zeros((count, servers), np.int64),
    )


@_compiled
def new_memory(codes, servers):
    """Room for rows of so many codes."""
    return Memory(
        np.full(codes, -1, np.int64),
        np.zeros((_REMEMBERED, 3), np.int64),
        np.zeros(_REMEMBERED, np.int64),
        np.zeros((_REMEMBERED, 3), np.int64),
        np.zeros((_REMEMBERED, kernel.CAUSE_COUNT), np.int64),
        np.zeros((_REMEMBERED, kernel.CAUSE_COUNT), np.int64),
        np.zeros(_REMEMBERED, np.int64),
        np.zeros((_REMEMBERED + 1, servers), np.int64),
        np.full(_HASHES, -1, np.int64),
        np.zeros(_REMEMBERED + 1, np.int64),
        np.zeros(_REMEMBERED + 1, np.int64),
        np.zeros(2, np.int64),
    )


@_compiled
def number_codes(sequence, length, row_class, first_of_class, next_code):
    """Number the pairs of a row's class, of `row_class`, and its follower's: `code` gets the numbers. The other two are
    scratch."""
    code, follower, code_class, code_other, _, _ = sequence
    count = 0
    for k in range(first_of_class.size):
        first_of_class[k] = -1
    for row in range(length):
        own, target = row_class[row], follower[row]
        other = row_class[target] if target >= 0 else target
        found = first_of_class[own]
        while found >= 0 and code_other[found] != other:
            found = next_code[found]
        if found < 0:
            found, count = count, count + 1
            code_class[found], code_other[found] = own, other
            next_code[found], first_of_class[own] = first_of_class[own], found
        code[row] = found
    return count


@_compiled
def _forget(memory):
    rows, states = memory.counts[0], memory.counts[1]
    for k in range(rows):
        memory.heads[memory.key[k, 0]] = -1
    for k in range(states):
        memory.hashed[memory.hash_of[k]] = -1
    memory.counts[0] = memory.counts[1] = 0


@_compiled
def _state_number(memory, free):
    """The number of a state, known or new."""
    states, hashed, following = memory.states, memory.hashed, memory.following
    value = 0
    for k in range(free.size):
        value = value * 1000003 + free[k]
    value = (value ^ (value >> 21)) & (_HASHES - 1)
    found = hashed[value]
    while found >= 0:
        same = True
        for k in range(free.size):
            if states[found, k] != free[k]:
                same = False
                break
        if same:
            return found
        found = following[found]
    found = memory.counts[1]
    memory.counts[1] += 1
    for k in range(free.size):
        states[found, k] = free[k]
    following[found], hashed[value] = hashed[value], found
    memory.hash_of[found] = value
    return found


@_compiled
def _run(memory, classes, code, own, other, state, ready, free, scratch, times, causes):
    """Run a row from a state and remember it; returns its place."""
    rows, read, write, held, store = classes
    for k in range(free.size):
        scratch[kernel.FREE + k] = memory.states[state, k]
    following = max(other, 0)
    end, _, done, _ = kernel.run_row(
        rows[own], read[own], write[own], held[own], store[own], other > -2, held[following],
        rows[following, kernel.LATENCY], other >= 0, ready, 0, False, scratch, times, causes,
    )  # fmt: skip
    found = memory.counts[0]
    memory.counts[0] += 1
    memory.key[found, 0], memory.key[found, 1], memory.key[found, 2] = code, state, ready
    memory.next[found], memory.heads[code] = memory.heads[code], found
    for k in range(free.size):
        free[k] = max(scratch[kernel.FREE + k] - end, 0)
    memory.took[found, 0], memory.took[found, 2] = end, done
    memory.took[found, 1] = _state_number(memory, free)
    count = 0
    for k in range(kernel.CAUSE_COUNT):
        if causes[k]:
            memory.cause[found, count], memory.cause_ticks[found, count] = k, causes[k]
            count += 1
    memory.causes[found] = count
    return found


@_compiled
def _whole(ticks, per_cycle, shift):
    """Cycles of so many ticks, rounded up."""
    if shift >= 0:
        return (ticks + per_cycle - 1) >> shift
    return -(-ticks // per_cycle)


@_compiled
def run_sequence(sequence, length, classes, memory, per_cycle, free, scratch, times, causes, stalls):
    """Ticks of the rows one after the other; adds what they spend on each cause to `stalls`, in cycles."""
    code, follower, code_class, code_other, guess, ready = sequence
    key, following, took = memory.key, memory.next, memory.took
    cause, cause_ticks, cause_count = memory.cause, memory.cause_ticks, memory.causes
    _forget(memory)
    for row in range(length):
        ready[row] = -1
    shift = 0  # ticks of a cycle as a power of two, -1 if they are none
    while 1 << shift < per_cycle:
        shift += 1
    if 1 << shift != per_cycle:
        shift = -1
    for k in range(free.size):
        free[k] = 0
    state = _state_number(memory, free)
    now = edge = 0
    for row in range(length):
        own = code[row]
        waiting = max(ready[row] - now, 0) if ready[row] >= 0 else -1
        found = guess[row]
        if found >= memory.counts[0] or key[found, 0] != own or key[found, 1] != state or key[found, 2] != waiting:
            found = memory.heads[own]
            while found >= 0 and (key[found, 1] != state or key[found, 2] != waiting):
                found = following[found]
            if found < 0:
                if memory.counts[0] == _REMEMBERED:
                    for k in range(free.size):
                        free[k] = memory.states[state, k]
                    _forget(memory)
                    state = _state_number(memory, free)
                found = _run(
                    memory, classes, own, code_class[own], code_other[own], state, waiting, free, scratch, times, causes
                )
            guess[row] = found
        target = follower[row]
        if target >= 0:
            ready[target] = now + took[found, 2]
        running = now
        for k in range(cause_count[found]):
            running += cause_ticks[found, k]
            whole = _whole(running, per_cycle, shift)
            stalls[cause[found, k]] += whole - edge
            edge = whole
        now += took[found, 0]
        state = took[found, 1]
    return now

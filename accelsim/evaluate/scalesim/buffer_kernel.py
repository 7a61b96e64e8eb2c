"""How SCALE-Sim 3.0.0 fills and empties its buffers, word by word: what it reads, writes, and how long it waits.

Nothing here is a model of ours: it is the peer's own bookkeeping, taken over so that its stalls can be told apart from
those of a design (`stalls.py`). `traffic.py` draws up the tables that go in.

A buffer that is read keeps its list of words in a ring of sets, a hundredth of its size each, repeats counted. Half of
the buffer is a window on the ring. A word that is in no set of the window moves it on by the other half, which is read
anew, until the word is there: where words are used in another order than they are fetched, the ring spins.
A buffer that is written is emptied by half as soon as half of it is full, a line of the port's width a cycle.
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

from numba import njit  # noqa: E402

Words = npt.NDArray[np.int64]


class Reading(NamedTuple):
    """A buffer that is read: `starts` of lines [lines + 1] and the `addresses` asked for; starts `homes`
    [addresses + 1] and the `sets` of each address, `total` sets; its words, words a cycle, and DRAM lines of all that
    it fetches."""

    starts: Words
    addresses: Words
    homes: Words
    sets: Words
    total: int
    words: int
    rate: int
    lines: int


_compiled = functools.partial(njit, cache=True, nogil=True)
NONE = -1
_SETS = 100
_FIRST_RATE = 10  # words a cycle before the first line where no bandwidth is given

# Of a buffer that is written: words free, words of the open line, lines closed, lines drained, the cycle at which the
# last drain ends, words written.
_FREE, _OPEN, _CLOSED, _DRAINED, _END, _WRITTEN = range(6)


@_compiled
def sets_of(fetched: Words, words: int) -> tuple[Words, Words, int]:
    """The sets in which each address lies, as starts [addresses + 1] and sets, and the number of sets of the ring.

    `fetched` has -1 for what is no word. A last set, even if it is empty, is always there.
    """
    size = -(-words // _SETS)
    starts = np.zeros(fetched.max() + 2, np.int64)
    for address in fetched:
        if address != NONE:
            starts[address + 1] += 1
    starts = np.cumsum(starts)
    filled = starts[:-1].copy()
    sets = np.empty(starts[-1], np.int64)
    count = 0
    for address in fetched:
        if address != NONE:
            sets[filled[address]] = count // size
            filled[address] += 1
            count += 1
    return starts, sets, count // size + 1


@_compiled
def _wait_to_read(reading: Reading, line: int, now: int, factor: int, state: Words) -> int:
    """Cycles that a line waits for its words. `state`: first set of the window, cycle at which the last refill ends,
    words read."""
    starts, addresses, homes, sets, total, words, rate, _ = reading
    other, size = words // 2, -(-words // _SETS)
    held = min(-(-(words - other) // size), total)
    step, refill = min(total - held, -(-other // size)), -(-other // rate)
    late = 1
    for at in range(starts[line], starts[line + 1]):
        first, last = homes[addresses[at]], homes[addresses[at] + 1]
        while True:
            inside = False
            for home in range(first, last):
                inside = inside or (sets[home] - state[0]) % total < held
            if inside:
                break
            state[0] = (state[0] + step) % total
            state[1] += refill + 1
            state[2] += refill * rate
            behind = state[1] - (now + late)
            late += factor * behind if behind > 0 else behind
    return late - 1


@_compiled
def _close_line(state: Words, closed: Words) -> None:
    closed[state[_CLOSED]] = state[_OPEN]
    state[_CLOSED] += 1
    state[_OPEN] = 0


@_compiled
def _drain(state: Words, closed: Words, cycle: int, half: int, rate: int) -> int:
    """Lines of half a buffer leave, one a cycle from `cycle` on; their number. Lines closed early count as full but the
    last."""
    lines: int = min(-(-half // rate), state[_CLOSED] - state[_DRAINED])
    state[_DRAINED] += lines
    out = (lines - 1) * rate + closed[state[_DRAINED] - 1]
    state[_FREE] += out
    state[_WRITTEN] += out
    state[_END] = max(state[_END], cycle + lines - 1)
    return lines


@_compiled
def _wait_to_write(count: int, now: int, port: tuple[int, int], state: Words, closed: Words) -> int:
    """Cycles that a line of `count` results waits for room. `port`: words, and words a cycle."""
    words, rate = port
    half, cycle = words // 2, now
    for _ in range(count):
        state[_OPEN] += 1
        state[_FREE] -= 1
        if state[_OPEN] == rate:
            _close_line(state, closed)
        if cycle < state[_END]:
            if state[_FREE] <= 0:
                cycle = state[_END]
        elif state[_FREE] < words - half:
            if state[_OPEN]:
                _close_line(state, closed)
            _drain(state, closed, cycle, half, rate)
    return cycle - now


@_compiled
def run_buffers(
    first: Reading, second: Reading, writes: Words, port: tuple[int, int], factor: int
) -> tuple[Words, Words, int]:
    """All lines of a layer through two buffers that are read and one that is written, of `port` words and words a
    cycle.

    `writes` are the results of each line. A wait for a refill counts `factor` times (the peer: 2). Returns cycles
    waited by operand (the one which makes a line wait longest; of equals ifmap, then filter), words through DRAM by
    operand, and the cycles from the first word read to the last written, one less than their number.
    """
    waited, reads = np.zeros(3, np.int64), np.zeros((2, 3), np.int64)
    began = 0
    for operand, reading in enumerate((first, second)):
        half = reading.words - reading.words // 2
        lines_before = min(-(-half // reading.rate), reading.lines)
        began = min(began, -lines_before)
        reads[operand, 1], reads[operand, 2] = NONE, lines_before * reading.rate
    state = np.zeros(6, np.int64)
    state[_FREE], state[_END] = port[0], NONE
    closed = np.zeros(writes.sum() + 1, np.int64)
    stalls = 0
    for line in range(len(writes)):
        now = line + stalls
        waits = (
            _wait_to_read(first, line, now, factor, reads[0]),
            _wait_to_read(second, line, now, factor, reads[1]),
            _wait_to_write(writes[line], now, port, state, closed),
        )
        longest = max(waits)
        waited[waits.index(longest)] += longest
        stalls += longest
    cycle = len(writes) - 1 + stalls
    if state[_OPEN]:
        _close_line(state, closed)
    while state[_DRAINED] < state[_CLOSED]:
        cycle += _drain(state, closed, cycle, port[0] // 2, port[1])
    return waited, np.array([reads[0, 2], reads[1, 2], state[_WRITTEN]]), state[_END] - began


@_compiled
def reads_without_limit(starts: Words, addresses: Words, words: int) -> tuple[int, int]:
    """Words read where no bandwidth is given, and the first cycle of reading.

    Half of the buffer takes up what is asked for and is then forgotten as a whole.
    """
    share = words // _SETS
    room = _SETS // 2 * share
    known = np.full(addresses.max() + 1, NONE, np.int64)
    forgotten = kept = count = 0
    first = NONE
    for line in range(len(starts) - 1):
        for at in range(starts[line], starts[line + 1]):
            if first == NONE:
                first = line
            if known[addresses[at]] != forgotten:
                known[addresses[at]] = forgotten
                kept += 1
                count += 1
                if kept == room:
                    forgotten, kept = forgotten + 1, 0
    if forgotten:
        return count, first - -(-room // _FIRST_RATE)
    sets = -(-kept // share)
    return count, -(sets * share) // _FIRST_RATE

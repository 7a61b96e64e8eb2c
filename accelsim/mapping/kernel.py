"""The kernels of mapping: which boxes a product is cut into, what each moves, and what that takes.

Plain functions over plain arrays, compiled; all that they know of a hardware are the records of `record`. What a
product, its boxes and its plans are is told in `dataflows/tiling.py`; here they are columns of integers:

    product   [P] the columns below: sizes, array, buffers
    operands  [operands, O]: inputs, weights, outputs, then what else the results need
    boxes     [boxes, B]: equal tiles, a stage each
    moves     [transfers, X] and [transfers, Y]: what a box moves a tile, a held load or an end of an iteration

Sizes of tiles are in grains: whole folds along the array, single elements along the streamed loop.
A plan is timed in `plan_kernel`, the best one looked for in `search_kernel`.
"""

# ruff: noqa: PLR0917  (kernels take plain arrays and numbers, by position)
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import functools
import math

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

import numpy as np  # noqa: E402
from numba import njit  # noqa: E402

from accelsim.hw import transfers  # noqa: E402

_compiled = functools.partial(njit, cache=True, nogil=True)
port_cycles = _compiled(transfers.port_cycles)
dram_seconds = _compiled(transfers.dram_seconds)

# Sides of a product: rows M, outputs N, reduction K.
M, N, K = range(3)
INPUTS, WEIGHTS, OUTPUTS, OTHER = range(4)
# Columns of a product. `HELD` lists the operands that may stay, in order of preference, -1 for none.
SIZE, BATCH, ROWS, COLUMNS, DATAFLOW, OVERLAP, BITS, ROOM, COPIES, FILL, ADDS, HELD, PREFETCH, UNIT_TICKS = (
    0, 3, 4, 5, 6, 7, 8, 11, 14, 17, 18, 19, 22, 23,
)  # fmt: skip
PRODUCT_COLUMNS = 24
OUTPUT_STATIONARY, WEIGHT_STATIONARY, INPUT_STATIONARY = range(3)
NO_OVERLAP, PRELOAD, FULL = range(3)
# PREFETCH: whether held loads run ahead of the work before them.
NEVER, AHEAD = range(2)
# Columns of operands. ALONG has a bit for each side and one for the batch; an index list picks the
# rows of an INDIRECT one.
ELEMENTS, LINK, WIDTH, ALONG, CONSTANT, BEAT_BYTES, INDIRECT = range(7)
OPERAND_COLUMNS = 7
ALONG_BATCH = 8
# Columns of an epilogue's functions.
LANES, INTERVAL = range(2)
# Columns of boxes.
COUNT, UNITS, BOX_ELEMENTS, READS, FINAL, OUTER, INNER, CYCLES, BOX_FILL, DEPTH, SLOTS, EARLY, HELD_BITS = (
    0, 3, 6, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
)  # fmt: skip
FIRST, LAST, TAIL = 19, 20, 21  # its moves; tiles of one more, partial iteration
BOX_COLUMNS = 22
MOST_BOXES = 12
# Columns of moves.
KIND, BOX, OPERAND, WRITE, WIDE, BEATS = range(6)
MOVE_COLUMNS = 6
SIZE_BYTES, RUNS = range(2)
SIZE_COLUMNS = 2
STREAM, LOAD, STORE = range(3)
# Columns of links and DRAM servers, in ticks and bytes.
(
    LINK_TICKS,
    LINK_BYTES,
    PORTS,
    NARROWING,
    BURST,
    OUTSTANDING,
    READ_TRIP,
    WRITE_TRIP,
    WRITE_GAP,
    LATENCY,
    SERVER,
) = range(11)
LINK_COLUMNS = 11
READ_RATE, WRITE_RATE, GRANULE, ROW_MISS, SWITCH = range(5)
DRAM_COLUMNS = 5
_DEEPEST = 4  # tiles that a stream may run ahead of the array, however many copies a buffer has


@_compiled
def axis_first(held):
    """The two sides of an operand and the one it has not, which is its inner loop when it is held."""
    if held == INPUTS:
        return M, K, N
    if held == WEIGHTS:
        return N, K, M
    return M, N, K


@_compiled
def sides(dataflow):
    """The sides along the rows and the columns of the array, and the one that streams."""
    if dataflow == OUTPUT_STATIONARY:
        return M, N, K
    if dataflow == WEIGHT_STATIONARY:
        return K, N, M
    return K, M, N


@_compiled
def preload_cycles(product):
    return 0 if product[DATAFLOW] == OUTPUT_STATIONARY else product[ROWS]


@_compiled
def fold_cycles(product, stream):
    """Cycles of a fold alone (see `dataflows/folds.py`)."""
    return preload_cycles(product) + stream + product[ROWS] + product[COLUMNS] - 2


@_compiled
def interval_cycles(product, stream):
    """Cycles from a fold to the next."""
    if product[OVERLAP] == FULL:
        return max(stream, product[ROWS])
    return fold_cycles(product, stream) - (preload_cycles(product) if product[OVERLAP] == PRELOAD else 0)


@_compiled
def grains(product, found):
    """[3, 2]: the grain in which each side is cut, and how many grains it has."""
    rows, columns, stream = sides(product[DATAFLOW])
    found[rows, 0], found[columns, 0], found[stream, 0] = product[ROWS], product[COLUMNS], 1
    for axis in range(3):
        found[axis, 1] = -(-product[SIZE + axis] // found[axis, 0])


@_compiled
def elements_of(product, grain, axis, first, last):
    """Elements in the grains from `first` up to `last`."""
    size = product[SIZE + axis]
    return min(size, last * grain[axis, 0]) - min(size, first * grain[axis, 0])


@_compiled
def tile_bits(product, grain, role, tile):
    first, second, _ = axis_first(role)
    return (
        elements_of(product, grain, first, 0, tile[first])
        * elements_of(product, grain, second, 0, tile[second])
        * product[BITS + role]
    )


@_compiled
def fits(product, grain, tile):
    for role in range(3):  # noqa: SIM110  (numba compiles the loop faster)
        if tile_bits(product, grain, role, tile) > product[ROOM + role]:
            return False
    return True


@_compiled
def _cut(product, grain, axis, units, found):
    """Boxes along a side: (first, last, grains of a tile) of each; returns their number."""
    total = grain[axis, 1]
    whole = total // units
    found[0, 0], found[0, 1], found[0, 2] = 0, whole * units, units
    if total == whole * units:
        return 1
    found[1, 0], found[1, 1], found[1, 2] = whole * units, total, total - whole * units
    return 2


@_compiled
def _cut_reduction(product, grain, units, held, found):
    """Boxes of K. Unless results are held, the first and the last tile are boxes of their own."""
    if held == OUTPUTS:
        return _cut(product, grain, K, units, found)
    total = grain[K, 1]
    tiles = -(-total // units)
    count = last = 0
    for cut in (1, tiles - 1, tiles):
        if cut > last:
            found[count, 0], found[count, 1] = last * units, min(total, cut * units)
            found[count, 2] = min(units, total - last * units)
            last, count = cut, count + 1
    return count


@_compiled
def _move(product, operands, operand, box, kind, write, wide, number, moves, sizes):
    """Append what a tile of a box moves of an operand; returns the number of moves."""
    row = operands[operand]
    if row[LINK] < 0:
        return number
    share = 1.0
    for axis in range(3):
        if row[ALONG] & (1 << axis):
            share *= box[BOX_ELEMENTS + axis] / box[COUNT + axis] / product[SIZE + axis]
    repeated = product[BATCH] if row[ALONG] & ALONG_BATCH else 1
    elements = row[ELEMENTS] / repeated * share
    if elements <= 0:
        return number
    bits = product[BITS + OUTPUTS] if wide else row[WIDTH]
    size = elements * bits / 8
    moves[number, KIND], moves[number, OPERAND], moves[number, WRITE] = kind, operand, write
    moves[number, WIDE], moves[number, BEATS] = wide, math.ceil(size / row[BEAT_BYTES])
    sizes[number, SIZE_BYTES] = size
    sizes[number, RUNS] = box[BOX_ELEMENTS + M] / box[COUNT + M] if row[INDIRECT] else 0.0
    return number + 1


@_compiled
def expand(product, operands, epilogue, plan, boxes, moves, sizes):
    """The boxes of a plan (grains of a tile along M, N, K, and the operand held) and what each moves.

    `boxes` has room for MOST_BOXES, `moves` and `sizes` for as many times the operands and three. Returns the number
    of boxes. The first box of K is outermost, then those of M, then of N.
    """
    grain = np.empty((3, 2), np.int64)
    grains(product, grain)
    held = plan[3]
    cuts = np.empty((3, 3, 3), np.int64)
    ms = _cut(product, grain, M, plan[M], cuts[M])
    ns = _cut(product, grain, N, plan[N], cuts[N])
    ks = _cut_reduction(product, grain, plan[K], held, cuts[K])
    first, second, inner = axis_first(held)
    rows, columns, stream = sides(product[DATAFLOW])
    least = 1 << 30
    for role in range(3):
        if role != held or role == OUTPUTS:
            least = min(least, product[COPIES + role])
    count = moved = 0
    which = np.empty(3, np.int64)
    for k in range(ks):
        for m in range(ms):
            for n in range(ns):
                which[M], which[N], which[K] = m, n, k
                box = boxes[count]
                for axis in range(3):
                    cut = cuts[axis, which[axis]]
                    begin, end, units = cut[0], cut[1], cut[2]
                    box[COUNT + axis] = -(-(end - begin) // units)
                    box[UNITS + axis] = units
                    box[BOX_ELEMENTS + axis] = elements_of(product, grain, axis, begin, end)
                reads, final = k > 0, k == ks - 1
                box[READS], box[FINAL] = reads, final
                box[INNER] = box[COUNT + inner]
                box[OUTER] = product[BATCH] * box[COUNT + first] * box[COUNT + second]
                lines = interval_cycles(product, box[UNITS + stream])
                cycles = box[UNITS + rows] * box[UNITS + columns] * lines
                box[BOX_FILL] = product[FILL] + fold_cycles(product, box[UNITS + stream]) - lines
                if final:
                    results = elements_of(product, grain, M, 0, box[UNITS + M]) * elements_of(
                        product, grain, N, 0, box[UNITS + N]
                    )
                    for function in range(epilogue.shape[0]):
                        steps = -(-results // epilogue[function, LANES]) * epilogue[function, INTERVAL]
                        cycles = max(cycles, steps)
                box[CYCLES] = cycles
                box[DEPTH] = min(_DEEPEST, least)
                box[SLOTS] = min(2, product[COPIES + held])
                box[HELD_BITS] = (
                    elements_of(product, grain, first, 0, box[UNITS + first])
                    * elements_of(product, grain, second, 0, box[UNITS + second])
                    * product[BITS + held]
                )
                box[FIRST], box[TAIL] = moved, 0
                kind = LOAD if held == INPUTS else STREAM
                moved = _move(product, operands, INPUTS, box, kind, False, False, moved, moves, sizes)
                kind = LOAD if held == WEIGHTS else STREAM
                moved = _move(product, operands, WEIGHTS, box, kind, False, False, moved, moves, sizes)
                kind = LOAD if held == OUTPUTS else STREAM
                early = operands[held, CONSTANT] != 0
                if held == OUTPUTS:
                    early = not reads
                if reads:
                    moved = _move(product, operands, OUTPUTS, box, kind, False, True, moved, moves, sizes)
                if final:
                    for other in range(OTHER, operands.shape[0]):
                        moved = _move(product, operands, other, box, kind, False, False, moved, moves, sizes)
                        if held == OUTPUTS and not operands[other, CONSTANT]:
                            early = False
                    if product[ADDS]:
                        moved = _move(product, operands, OUTPUTS, box, kind, False, False, moved, moves, sizes)
                        if held == OUTPUTS:
                            early = False
                kind = STORE if held == OUTPUTS else STREAM
                moved = _move(product, operands, OUTPUTS, box, kind, True, not final, moved, moves, sizes)
                box[EARLY] = early
                box[LAST] = moved
                for number in range(box[FIRST], moved):
                    moves[number, BOX] = count
                count += 1
    return count


@_compiled
def port_ticks(link, write, beats, runs, isolated):
    """Ticks of a transfer on its port, at most 2**59, which no program may take."""
    ports = link[PORTS]
    cycles = port_cycles(
        beats / ports, runs / ports, isolated, int(link[LINK_BYTES]), link[NARROWING], int(link[BURST]),
        int(link[OUTSTANDING]), link[WRITE_TRIP] if write else link[READ_TRIP], link[WRITE_GAP] if write else 0.0,
    )  # fmt: skip
    return math.ceil(min(cycles * link[LINK_TICKS], 2.0**59))


@_compiled
def dram_ticks(size, dram, tick_hz, write, runs, switch):
    """Ticks that a transfer of `size` bytes claims of its DRAM, at most 2**59. `switch` are seconds a byte."""
    claim = dram_seconds(
        size, runs, dram[WRITE_RATE] if write else dram[READ_RATE], int(dram[GRANULE]), dram[ROW_MISS],
        switch if write else 0.0,
    )  # fmt: skip
    return math.ceil(min(claim * tick_hz, 2.0**59))


@_compiled
def transfer_ticks(link, dram, tick_hz, write, beats, runs, isolated, switch):
    """Ticks of a transfer on its port and of its DRAM (`dram` empty: none)."""
    claim = 0
    if link[SERVER] >= 0:
        claim = dram_ticks(beats * link[LINK_BYTES], dram, tick_hz, write, runs, switch)
    return port_ticks(link, write, beats, runs, isolated), claim


@_compiled
def switching(box, operands, moves, sizes, links, drams, server):
    """Seconds lost to turning the bus for each byte that a box writes to a DRAM server (see `servers.py`)."""
    if drams[server, SWITCH] <= 0.0:
        return 0.0
    read = written = 0.0
    tiles, rounds = box[OUTER] * box[INNER] + box[TAIL], box[OUTER] + (box[TAIL] > 0)
    for number in range(box[FIRST], box[LAST]):
        if links[operands[moves[number, OPERAND], LINK], SERVER] == server:
            often = tiles if moves[number, KIND] == STREAM else rounds
            if moves[number, WRITE]:
                written += often * sizes[number, SIZE_BYTES]
            else:
                read += often * sizes[number, SIZE_BYTES]
    if read <= 0.0 or written <= 0.0:
        return 0.0
    return drams[server, SWITCH] * min(1.0, read / written)


@_compiled
def book(box, operands, moves, sizes, links, drams, tick_hz, claims):
    """Ticks that a box claims of each server: [5, servers] of a tile's reads and stores, a held load, an end store;
    the last row is the latency of a held load (in its first column)."""
    claims[:] = 0
    channels = 2 * links.shape[0]
    switch = np.zeros(drams.shape[0])
    for server in range(drams.shape[0]):
        switch[server] = switching(box, operands, moves, sizes, links, drams, server)
    for number in range(box[FIRST], box[LAST]):
        link = operands[moves[number, OPERAND], LINK]
        kind, write, server = moves[number, KIND], moves[number, WRITE], int(links[link, SERVER])
        port, claim = transfer_ticks(
            links[link], drams[max(server, 0)], tick_hz, write != 0, moves[number, BEATS], sizes[number, RUNS],
            kind == LOAD, switch[max(server, 0)],
        )  # fmt: skip
        row = 2 if kind == LOAD else 3 if kind == STORE else 1 if write else 0
        claims[row, 2 * link + write] += port
        if server >= 0:
            claims[row, channels + server] += claim
        if kind == LOAD:
            claims[4, 0] = max(claims[4, 0], int(links[link, LATENCY]))

"""Many points with one mapping: booked and run in batches, in columns of points.

Nothing is searched, so points have the same boxes and rows, which are made once; only ticks differ. What a row takes is
found in `lockstep_sequence_kernel`. Tables, slots and results are those of `bulk_kernel`.
"""

# ruff: noqa: PLR0917  (kernels take plain arrays and numbers, by position)
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import functools

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

import numpy as np  # noqa: E402
from numba import njit  # noqa: E402

from accelsim.mapping import kernel as mapping  # noqa: E402
from accelsim.mapping import timeline_kernel as kernel  # noqa: E402
from accelsim.mapping.borrow_kernel import borrowed, keep_alive  # noqa: E402
from accelsim.sim import bulk_kernel as bulk  # noqa: E402
from accelsim.sim import lockstep_kernel as lockstep  # noqa: E402
from accelsim.sim import lockstep_sequence_kernel as lockstep_sequences  # noqa: E402
from accelsim.sim import sequence_kernel as sequences  # noqa: E402
from accelsim.sim.lockstep_kernel import POINTS  # noqa: E402

_called = functools.partial(njit, cache=True, nogil=True)
_compiled = functools.partial(_called, no_cpython_wrapper=True, no_cfunc_wrapper=True)


@_compiled
def _equal_to_previous(links, first, points, equal):
    """Which points of a batch have the links of the point before."""
    equal[0] = False
    for p in range(1, points):
        equal[p] = True
        for link in range(links.shape[1]):
            for column in range(links.shape[2]):
                if links[first + p, link, column] != links[first + p - 1, link, column]:
                    equal[p] = False


@_compiled
def _claim_port(links, first, points, equal, link, write, beats, runs, isolated, column):
    """Add what a transfer takes of its port on each point; equal links take the same."""
    ticks = 0
    for p in range(points):
        if not equal[p]:
            ticks = mapping.port_ticks(links[first + p, link], write, beats, runs, isolated)
        column[p] += ticks


@_compiled
def _claim_dram(links, drams, tick_hz, first, points, link, server, write, beats, runs, switch, column):
    """Add what a transfer claims of its DRAM on each point."""
    for p in range(points):
        column[p] += mapping.dram_ticks(
            beats * links[first + p, link, mapping.LINK_BYTES], drams[first + p, server], float(tick_hz[first + p]),
            write, runs, switch[server, p],
        )  # fmt: skip


@_compiled
def _book_box(tables, laid, index, own, records, first, points, equal, switch, ticks):
    """Book one box on each point of a batch, as `mapping.kernel.book` does on one: `ticks` [columns, POINTS]."""
    box, stage, moves, sizes = tables.boxes[index], tables.stages[index], tables.moves, tables.sizes
    links, drams, channels = records.links, records.drams, 2 * records.links.shape[1]
    servers = channels + drams.shape[1]
    ticks[:] = 0
    for server in range(drams.shape[1]):
        for p in range(points):
            switch[server, p] = mapping.switching(box, own, moves, sizes, links[first + p], drams[first + p], server)
    for number in range(box[mapping.FIRST], box[mapping.LAST]):
        link = own[moves[number, mapping.OPERAND], mapping.LINK]
        kind, write = moves[number, mapping.KIND], moves[number, mapping.WRITE]
        beats, runs = moves[number, mapping.BEATS], sizes[number, mapping.RUNS]
        row = lockstep.WRITE if write else lockstep.READ
        if kind != mapping.STREAM:
            row = lockstep.HELD if kind == mapping.LOAD else lockstep.STORE
        claims = lockstep.CLAIMS + row * servers
        _claim_port(
            links, first, points, equal, link, write != 0, beats, runs, kind == mapping.LOAD,
            ticks[claims + 2 * link + write],
        )  # fmt: skip
        server = int(links[first, link, mapping.SERVER])
        if server >= 0:
            _claim_dram(
                links, drams, records.tick_hz, first, points, link, server, write != 0, beats, runs, switch,
                ticks[claims + channels + server],
            )  # fmt: skip
        if kind == mapping.LOAD:
            for p in range(points):
                latency = int(links[first + p, link, mapping.LATENCY])
                ticks[lockstep.LATENCY, p] = max(ticks[lockstep.LATENCY, p], latency)
    for p in range(points):
        unit_ticks = records.unit_ticks[first + p, stage[bulk.UNIT]]
        ticks[lockstep.COMPUTE, p] = unit_ticks * bulk.box_cycles(
            tables, laid, index, unit_ticks, records.unit_hz[first + p, stage[bulk.UNIT]]
        )
        ticks[lockstep.FLUSH, p] = unit_ticks * stage[bulk.FLUSH]
        ticks[lockstep.FILL, p] = unit_ticks * box[mapping.BOX_FILL]
        ticks[lockstep.LATENCY, p] *= stage[bulk.REQUESTS]


@_compiled
def _list_uses(ticks, uses, points):
    """Which servers the transfers of a box use. Returns whether it is the same on all points."""
    same = True
    for kind in range(4):
        for server in range(uses.shape[1]):
            column = ticks[lockstep.CLAIMS + kind * uses.shape[1] + server]
            used = 0
            for p in range(points):
                used += column[p] > 0
            uses[kind, server] = used > 0
            same = same and used in (0, points)
    return same


@_compiled
def _add_most_ticks(box, ticks, servers, repeated, points, most):
    """Add what a box's rows take at most: all they do in a line."""
    tiles = float(box[mapping.OUTER]) * box[mapping.INNER] + box[mapping.TAIL]
    for p in range(points):
        tile = float(ticks[lockstep.COMPUTE, p])
        iteration = float(ticks[lockstep.FLUSH, p] + ticks[lockstep.LATENCY, p])
        for server in range(servers):
            tile += ticks[lockstep.CLAIMS + server, p] + ticks[lockstep.CLAIMS + servers + server, p]
            iteration += ticks[lockstep.CLAIMS + 2 * servers + server, p]
            iteration += ticks[lockstep.CLAIMS + 3 * servers + server, p]
        most[p] += repeated * (tiles * tile + (box[mapping.OUTER] + 1.0) * iteration + ticks[lockstep.FILL, p])


@_compiled
def _run_batch(
    tables, laid, box_count, fixed_operands, records, first, points, length, sequence, batch, memory, work, results,
    stalls,
):  # fmt: skip
    """Simulate the points of one batch. Returns False, and has done nothing, if they do not use the same servers."""
    equal, switch, most, spent = work
    servers = batch.uses.shape[2]
    _equal_to_previous(records.links, first, points, equal)
    most[:] = 0.0
    for index in range(box_count):
        own = fixed_operands if laid.product[index] < 0 else tables.operands[laid.product[index]]
        _book_box(tables, laid, index, own, records, first, points, equal, switch, batch.ticks[index])
        if not _list_uses(batch.ticks[index], batch.uses[index], points):
            return False
        _add_most_ticks(tables.boxes[index], batch.ticks[index], servers, laid.repeated[index], points, most)
    good = -1
    for p in range(points):
        results[first + p] = 0
        results[first + p, bulk.STATUS] = bulk.DONE if most[p] <= bulk.MOST_TICKS else bulk.TOO_LONG
        if results[first + p, bulk.STATUS] == bulk.DONE:
            good = p
    if good < 0:
        return True
    for p in range(points):
        if results[first + p, bulk.STATUS] != bulk.DONE:
            batch.ticks[:, :, p] = batch.ticks[:, :, good]  # runs beside the others as one of them does, for nobody
    spent[:] = 0
    lockstep_sequences.run_sequence(sequence, length, batch, memory, records.per_cycle[first : first + points], spent)
    for p in range(points):
        if results[first + p, bulk.STATUS] == bulk.DONE:
            results[first + p, bulk.TICKS] = memory.now[p]
            stalls[first + p] = spent[:, p]
    for index in range(box_count):
        box, stage, repeated = tables.boxes[index], tables.stages[index], laid.repeated[index]
        read = repeated * bulk.moved_bytes(box, tables.moves, tables.sizes, False)
        written = repeated * bulk.moved_bytes(box, tables.moves, tables.sizes, True)
        unit = stage[bulk.UNIT]
        for p in range(first, first + points):
            cycles = bulk.box_cycles(tables, laid, index, records.unit_ticks[p, unit], records.unit_hz[p, unit])
            results[p, bulk.READ_BYTES] += read
            results[p, bulk.WRITTEN_BYTES] += written
            results[p, bulk.STATUS + 1 + unit] += repeated * bulk.active_cycles(box, cycles, stage[bulk.FLUSH])
    return True


@_called
def run_points(tables, fixed_operands, slots, everywhere, memory_count, records, results, stalls):
    """Simulate points whose products all have plans in `tables.fixed`. Writes `results` and `stalls` as
    `bulk_kernel.run_points`."""
    box_room, servers = tables.boxes.shape[0], 2 * records.links.shape[1] + records.drams.shape[1]
    laid, (box_count, move_count) = bulk.new_laid(tables), bulk.fixed_boxes(tables)
    for number in range(tables.products.shape[0]):
        box_count, move_count = bulk.add_boxes(tables, laid, number, tables.fixed[number], box_count, move_count)
    classes = sequences.new_classes(2 * box_room, servers)
    claims, loads, limit = np.zeros((5, servers), np.int64), np.zeros(box_room, np.int64), np.zeros(box_room)
    bulk.fill_classes(tables, laid, box_count, fixed_operands, records, 0, classes, loads, limit, claims)
    most = bulk.most_rows(tables, slots)
    sequence = sequences.new_sequence(most)
    row_scratch = bulk.new_row_scratch(most, 2 * box_room, slots.shape[0], memory_count)
    length = bulk.list_rows(tables, slots, laid, loads, everywhere, memory_count, sequence, row_scratch)
    batch = lockstep_sequences.new_batch(box_count, servers)
    batch.rows[:] = classes.rows[: 2 * box_count]
    codes = sequence.code[:length].max() + 1 if length else 1
    memory = lockstep_sequences.new_memory(length, codes, servers)
    work = (
        np.zeros(POINTS, np.bool_),
        np.zeros((records.drams.shape[1], POINTS)),
        np.zeros(POINTS),
        np.zeros((kernel.CAUSE_COUNT, POINTS), np.int64),
    )
    lent = (laid, sequence, batch, memory, work)
    _run_batches(*borrowed((tables, box_count, fixed_operands, records, length, results, stalls)), borrowed(lent))
    keep_alive(lent)


@_compiled
def _run_batches(tables, box_count, fixed_operands, records, length, results, stalls, lent):
    laid, sequence, batch, memory, work = lent
    first = alone = 0  # the next point, and up to which points run one by one
    while first < results.shape[0]:
        points = 1 if first < alone else min(POINTS, results.shape[0] - first)
        if _run_batch(
            tables, laid, box_count, fixed_operands, records, first, points, length, sequence, batch, memory, work,
            results, stalls,
        ):  # fmt: skip
            first += points
        else:
            alone = first + points

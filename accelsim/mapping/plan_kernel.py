"""Plans of a product by themselves, compiled: their boxes as rows of the timeline, and the ticks these take.

The search times plans with what produces results: boxes and claims are those of `kernel`, rows are run by
`timeline_kernel`. Loads run ahead from box to box as they do in a frame, but nothing comes before the first one.
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

from accelsim.mapping import kernel as mapping  # noqa: E402
from accelsim.mapping import timeline_kernel as timeline  # noqa: E402

_compiled = functools.partial(njit, cache=True, nogil=True)


class Space(NamedTuple):
    """What timing a plan works in: boxes, moves, sizes and claims as in `kernel`; rows, ticks on servers, scratch,
    times and causes as in `timeline_kernel`, ticks as [read, write, held, store, boxes, servers]."""

    boxes: Any
    moves: Any
    sizes: Any
    claims: Any
    rows: Any
    ticks: Any
    loads: Any
    scratch: Any
    times: Any
    causes: Any


@_compiled
def new_space(operands, servers):
    """Room for plans of products with so many operands at most."""
    most = mapping.MOST_BOXES * (operands + 3)
    return Space(
        np.empty((mapping.MOST_BOXES, mapping.BOX_COLUMNS), np.int64),
        np.empty((most, mapping.MOVE_COLUMNS), np.int64),
        np.empty((most, mapping.SIZE_COLUMNS)),
        np.empty((5, servers), np.int64),
        np.zeros((mapping.MOST_BOXES, timeline.COLUMNS), np.int64),
        np.empty((4, mapping.MOST_BOXES, servers), np.int64),
        np.empty(mapping.MOST_BOXES, np.int64),
        timeline.new_scratch(servers),
        np.zeros(timeline.TIMES, np.int64),
        np.zeros(timeline.CAUSE_COUNT, np.int64),
    )


@_compiled
def fill_row(box, flush, requests, cause, grouped, unit_ticks, claims, row, read, write, held, store):
    """A row of the timeline from a box and what it claims of each server. Returns whether it has a held load.

    `flush` cycles follow each iteration, a held load starts up `requests` times; `grouped`: loads run ahead.
    """
    row[timeline.OUTER], row[timeline.INNER] = box[mapping.OUTER], box[mapping.INNER]
    row[timeline.TAIL] = box[mapping.TAIL]
    row[timeline.COMPUTE] = box[mapping.CYCLES] * unit_ticks
    row[timeline.FLUSH] = flush * unit_ticks
    row[timeline.FILL] = box[mapping.BOX_FILL] * unit_ticks
    row[timeline.DEPTH] = box[mapping.DEPTH]
    row[timeline.LATENCY] = claims[4, 0] * requests
    row[timeline.STREAM_LATENCY] = row[timeline.SERIAL] = 0
    row[timeline.CAUSE] = cause
    row[timeline.GROUP], row[timeline.SLOTS] = grouped, box[mapping.SLOTS] if grouped else 1
    loads = False
    for server in range(claims.shape[1]):
        read[server], write[server] = claims[0, server], claims[1, server]
        held[server], store[server] = claims[2, server], claims[3, server]
        loads = loads or claims[2, server] > 0
    return loads


@_compiled
def plan_ticks(product, operands, epilogue, plan, links, drams, tick_hz, space):
    """(ticks of a plan by itself, bytes that it moves)."""
    boxes, moves, sizes, claims, rows, ticks, loads, scratch, times, causes = space
    count = mapping.expand(product, operands, epilogue, plan, boxes, moves, sizes)
    moved = 0.0
    for index in range(count):
        box = boxes[index]
        mapping.book(box, operands, moves, sizes, links, drams, tick_hz, claims)
        grouped = product[mapping.PREFETCH] != mapping.NEVER and box[mapping.SLOTS] == 2
        loads[index] = fill_row(
            box, 0, 1, 0, grouped, product[mapping.UNIT_TICKS], claims, rows[index], ticks[0, index], ticks[1, index],
            ticks[2, index], ticks[3, index],
        )  # fmt: skip
        for number in range(box[mapping.FIRST], box[mapping.LAST]):
            often = (
                box[mapping.OUTER] * box[mapping.INNER]
                if moves[number, mapping.KIND] == mapping.STREAM
                else box[mapping.OUTER]
            )
            moved += sizes[number, mapping.SIZE_BYTES] * often
    for server in range(claims.shape[1]):
        scratch[timeline.FREE + server] = 0
    now, ready = 0, -1
    for index in range(count):
        target = index + 1
        while target < count and not loads[target]:
            target += 1
        follows = loads[index] and rows[index, timeline.GROUP] > 0 and target < count
        other = target if follows else index
        now, _, done, _ = timeline.run_row(
            rows[index], ticks[0, index], ticks[1, index], ticks[2, index], ticks[3, index], loads[index] != 0,
            ticks[2, other], rows[other, timeline.LATENCY], follows, ready, now, False, scratch, times, causes,
        )  # fmt: skip
        if loads[index]:
            ready = done if follows else -1
    return now, moved

"""Many points at once: the kernels that plan, book and run one sequence of layouts on a list of hardware records.

Nothing of a model's meaning is here: plans come from `mapping/kernel.py`, rows are run by `mapping/timeline_kernel.py`
through `sequence_kernel`.
Where no tile is searched, points differ in ticks alone: `batch_kernel` runs them many at once.

    slots     [slots, 4]: layout, number of its place, number of its node, whether loads may run ahead here
    layouts   [layouts, 2]: first box of a fixed one (or -1) and their number, or the product (and 0)
    rows      a box on a slot; two classes a box: its loads run ahead (in a group), or not

Tables and records are those of `recipe.Tables` and `points.Records`.
"""

# ruff: noqa: PLR0917  (kernels take plain arrays and numbers, by position)
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

import numpy as np  # noqa: E402
from numba import njit  # noqa: E402

from accelsim.mapping import kernel as mapping  # noqa: E402
from accelsim.mapping import search_kernel  # noqa: E402
from accelsim.mapping import timeline_kernel as kernel  # noqa: E402
from accelsim.mapping.borrow_kernel import borrowed, keep_alive  # noqa: E402
from accelsim.mapping.plan_kernel import fill_row  # noqa: E402
from accelsim.sim import sequence_kernel as sequences  # noqa: E402

_compiled = functools.partial(njit, cache=True, nogil=True)
# Columns of slots and layouts.
LAYOUT, PLACE, NODE, AHEAD = range(4)
BOXES, PRODUCT = range(2)
# Columns beside a box, of its stage: the unit, the buffer of what it holds (-1: none), start-ups of a held load.
UNIT, MEMORY, REQUESTS, FLUSH, CAUSE = range(5)
STAGE_COLUMNS = 5
# Columns of what a point gives, before the cycles of each unit.
TICKS, READ_BYTES, WRITTEN_BYTES, STATUS = range(4)
DONE, NO_TILE, TOO_LONG = range(3)
MOST_TICKS = 2.0**60


@_compiled
def _most_ticks(row, claims, number_of_servers):
    """No run of a row takes more ticks than all it does in a line."""
    tile = float(row[kernel.COMPUTE])
    iteration = float(row[kernel.FLUSH] + row[kernel.LATENCY])
    for server in range(number_of_servers):
        tile += claims[0, server] + claims[1, server]
        iteration += claims[2, server] + claims[3, server]
    tiles = float(row[kernel.OUTER]) * row[kernel.INNER] + row[kernel.TAIL]
    return tiles * tile + (row[kernel.OUTER] + 1.0) * iteration + row[kernel.FILL]


@_compiled
def moved_bytes(box, moves, sizes, written):
    """Bytes over all links in one direction, as `Stage.moved_bytes` counts them."""
    tile = iteration = end = 0.0
    for number in range(box[mapping.FIRST], box[mapping.LAST]):
        if (moves[number, mapping.WRITE] != 0) == written:
            if moves[number, mapping.KIND] == mapping.STREAM:
                tile += sizes[number, mapping.SIZE_BYTES]
            elif moves[number, mapping.KIND] == mapping.LOAD:
                iteration += sizes[number, mapping.SIZE_BYTES]
            else:
                end += sizes[number, mapping.SIZE_BYTES]
    tiles = box[mapping.OUTER] * box[mapping.INNER] + box[mapping.TAIL]
    rounds = box[mapping.OUTER] + (box[mapping.TAIL] > 0)
    return round(tile * tiles + (iteration + end) * rounds)


class Laid(NamedTuple):
    """Where the boxes of each product begin in the tables, and how many they are; of each box the product (-1: of a
    fixed layout), and how often it occurs."""

    start: Any
    number: Any
    product: Any
    repeated: Any


@_compiled
def new_laid(tables):
    count, room = tables.products.shape[0], tables.boxes.shape[0]
    return Laid(
        np.zeros(count, np.int64), np.zeros(count, np.int64), np.full(room, -1, np.int64), np.zeros(room, np.int64)
    )


@_compiled
def fixed_boxes(tables):
    """Boxes of fixed layouts, which come first in the tables, and their moves."""
    boxes = 0
    for layout in range(tables.layouts.shape[0]):
        if tables.layouts[layout, BOXES] >= 0:
            boxes = max(boxes, tables.layouts[layout, BOXES] + tables.layouts[layout, PRODUCT])
    return boxes, tables.boxes[boxes - 1, mapping.LAST] if boxes else 0


@_compiled
def most_rows(tables, slots):
    """No point has more rows."""
    most = 0
    for slot in range(slots.shape[0]):
        layout = tables.layouts[slots[slot, LAYOUT]]
        most += layout[PRODUCT] if layout[BOXES] >= 0 else mapping.MOST_BOXES
    return most


@_compiled
def add_boxes(tables, laid, number, plan, box_count, move_count):
    """Append the boxes of a product's plan to the tables. Returns how many boxes and moves there are then."""
    boxes = tables.boxes
    count = mapping.expand(
        tables.products[number], tables.operands[number, : tables.operand_counts[number]],
        tables.epilogues[number, : tables.epilogue_counts[number]], plan, boxes[box_count:],
        tables.moves[move_count:], tables.sizes[move_count:],
    )  # fmt: skip
    laid.start[number], laid.number[number] = box_count, count
    for index in range(box_count, box_count + count):
        box, stage = boxes[index], tables.stages[index]
        box[mapping.FIRST] += move_count
        box[mapping.LAST] += move_count
        laid.product[index] = number
        stage[UNIT], stage[MEMORY] = tables.units_of[number], tables.memories_of[number, plan[3]]
        stage[REQUESTS] = 1
        stage[FLUSH] = stage[CAUSE] = 0
    return box_count + count, boxes[box_count + count - 1, mapping.LAST]


@_compiled
def box_cycles(tables, laid, index, unit_ticks, unit_hz):
    """Cycles of a tile of a box, which of a fixed one may be given in seconds."""
    if laid.product[index] >= 0 or tables.seconds[index] < 0.0:
        return tables.boxes[index, mapping.CYCLES]
    return math.ceil(min(tables.seconds[index] * unit_hz, 2 * MOST_TICKS / unit_ticks))


@_compiled
def fill_classes(tables, laid, box_count, fixed_operands, records, point, classes, loads, limit, claims):
    """The two row classes of each box on a point, whether they have held loads, and what their rows take at most."""
    rows, read, write, held, store = classes
    for index in range(box_count):
        box, stage, product = tables.boxes[index], tables.stages[index], laid.product[index]
        own = fixed_operands if product < 0 else tables.operands[product]
        mapping.book(
            box, own, tables.moves, tables.sizes, records.links[point], records.drams[point],
            float(records.tick_hz[point]), claims,
        )  # fmt: skip
        ticks = records.unit_ticks[point, stage[UNIT]]
        box[mapping.CYCLES] = box_cycles(tables, laid, index, ticks, records.unit_hz[point, stage[UNIT]])
        for grouped in range(2):
            number = 2 * index + grouped
            loads[index] = fill_row(
                box, stage[FLUSH], stage[REQUESTS], stage[CAUSE], grouped, ticks, claims, rows[number], read[number],
                write[number], held[number], store[number],
            )  # fmt: skip
        limit[index] = _most_ticks(rows[2 * index], claims, claims.shape[1])


@_compiled
def list_rows(tables, slots, laid, loads, everywhere, memory_count, sequence, scratch):
    """List the rows of a point, for each the next of its group, and how often each box occurs. Returns their number."""
    row_class, place, first_of_class, next_code, latest = scratch
    boxes, stages, layouts = tables.boxes, tables.stages, tables.layouts
    slot_count, length = slots.shape[0], 0
    laid.repeated[:] = 0
    latest[:] = -1
    for slot in range(slot_count):
        layout = layouts[slots[slot, LAYOUT]]
        begin, count = layout[BOXES], layout[PRODUCT]
        if begin < 0:
            begin, count = laid.start[layout[PRODUCT]], laid.number[layout[PRODUCT]]
        for index in range(begin, begin + count):
            box, stage = boxes[index], stages[index]
            grouped = slots[slot, AHEAD] != 0 and stage[MEMORY] >= 0 and box[mapping.SLOTS] >= 2
            key = 0
            if grouped:
                key = 1 + stage[MEMORY]
                if not box[mapping.EARLY]:
                    key += memory_count * (1 + slots[slot, PLACE])
                elif not everywhere:
                    key += memory_count * (1 + slot_count + slots[slot, NODE])
            row_class[length], place[length] = 2 * index + grouped, key
            laid.repeated[index] += 1
            length += 1
    for row in range(length - 1, -1, -1):
        sequence.follower[row] = -2
        if loads[row_class[row] // 2]:
            key = place[row]
            sequence.follower[row] = latest[key] if key > 0 else -1
            if key > 0:
                latest[key] = row
    sequences.number_codes(sequence, length, row_class, first_of_class, next_code)
    return length


@_compiled
def new_row_scratch(most, classes, slot_count, memory_count):
    """What `list_rows` works in."""
    return (
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(classes, np.int64),
        np.zeros(most, np.int64),
        np.zeros(memory_count * (1 + 2 * (slot_count + 1)) + 1, np.int64),
    )


@_compiled
def _plan(tables, number, searches, records, point, objective, chosen):
    """Choose the plan of a product on a point. Returns the status."""
    product, plan = tables.products[number], chosen[point, number]
    product[mapping.UNIT_TICKS] = records.unit_ticks[point, tables.units_of[number]]
    if tables.fixed[number, 0] > 0:
        plan[:] = tables.fixed[number]
        return DONE
    ticks = search_kernel.search_in(
        searches, product, tables.operands[number, : tables.operand_counts[number]],
        tables.epilogues[number, : tables.epilogue_counts[number]], records.links[point], records.drams[point],
        float(records.tick_hz[point]), objective, plan,
    )  # fmt: skip
    return NO_TILE if ticks == search_kernel.NO_TILE else TOO_LONG if ticks == search_kernel.TOO_LONG else DONE


@_compiled
def run_points(
    tables, fixed_operands, slots, everywhere, memory_count, records, objective, chosen, results, stalls,
):  # fmt: skip
    """Simulate points. Writes `results` [points, 4 + units], `stalls` [points, causes] in cycles
    and the plan of each product in `chosen` [points, products, 4].

    `tables.fixed` [products, 4] are plans that a description gives (-1: none). Boxes, moves, sizes and stages begin
    with those of fixed layouts; there is room behind them for those of products. `seconds` of a fixed box are what a
    tile takes where that is no number of cycles (else -1). `everywhere` says that parameters are prefetched across
    nodes.
    """
    box_room, servers = tables.boxes.shape[0], 2 * records.links.shape[1] + records.drams.shape[1]
    most = most_rows(tables, slots)
    work = (
        sequences.new_classes(2 * box_room, servers), new_laid(tables), np.zeros((5, servers), np.int64),
        np.zeros(box_room, np.int64), np.zeros(box_room), sequences.new_sequence(most),
        sequences.new_memory(most, servers), new_row_scratch(most, 2 * box_room, slots.shape[0], memory_count),
        kernel.new_scratch(servers), np.zeros(servers, np.int64), np.zeros(kernel.TIMES, np.int64),
        np.zeros(kernel.CAUSE_COUNT, np.int64), search_kernel.new_table(tables.operands.shape[1], servers),
    )  # fmt: skip
    _run_points(
        *borrowed((tables, fixed_operands, slots, everywhere, memory_count, records, objective, chosen, results)),
        borrowed(stalls), borrowed(work),
    )  # fmt: skip
    keep_alive(work)


@_compiled
def _run_points(
    tables, fixed_operands, slots, everywhere, memory_count, records, objective, chosen, results, stalls, work,
):  # fmt: skip
    classes, laid, claims, loads, limit, sequence, memory, row_scratch, scratch, free, times, causes, searches = work
    first_box, first_move = fixed_boxes(tables)
    for point in range(results.shape[0]):
        result = results[point]
        result[:] = 0
        stalls[point] = 0
        box_count, move_count = first_box, first_move
        for number in range(tables.products.shape[0]):
            result[STATUS] = _plan(tables, number, searches, records, point, objective, chosen)
            if result[STATUS] != DONE:
                break
            box_count, move_count = add_boxes(tables, laid, number, chosen[point, number], box_count, move_count)
        if result[STATUS] != DONE:
            continue
        fill_classes(tables, laid, box_count, fixed_operands, records, point, classes, loads, limit, claims)
        length = list_rows(tables, slots, laid, loads, everywhere, memory_count, sequence, row_scratch)
        total = 0.0
        for index in range(box_count):
            box, stage, repeated = tables.boxes[index], tables.stages[index], laid.repeated[index]
            total += repeated * limit[index]
            result[READ_BYTES] += repeated * moved_bytes(box, tables.moves, tables.sizes, False)
            result[WRITTEN_BYTES] += repeated * moved_bytes(box, tables.moves, tables.sizes, True)
            result[STATUS + 1 + stage[UNIT]] += repeated * active_cycles(box, box[mapping.CYCLES], stage[FLUSH])
        if not total <= MOST_TICKS:
            result[STATUS] = TOO_LONG
            continue
        result[TICKS] = sequences.run_sequence(
            sequence, length, classes, memory, records.per_cycle[point], free, scratch, times, causes, stalls[point]
        )


@_compiled
def active_cycles(box, cycles, flush):
    """Cycles that the unit of a box works."""
    tiles = box[mapping.OUTER] * box[mapping.INNER] + box[mapping.TAIL]
    return tiles * cycles + (box[mapping.OUTER] + (box[mapping.TAIL] > 0)) * flush

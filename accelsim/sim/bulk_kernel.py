"""Many points at once: the kernels that plan, book and run one sequence of layouts on a list of hardware records.

Nothing of a model's meaning is here: plans come from `mapping/kernel.py`, rows are run by `mapping/timeline_kernel.py`
through `sequence_kernel`. Candidates of a product are listed once for all points with the same array and buffers;
where nothing is searched, neither are the boxes and the order of rows made anew.

    slots     [slots, 4]: layout, number of its place, number of its node, whether loads may run ahead here
    layouts   [layouts, 2]: first box of a fixed one (or -1) and their number, or the product (and 0)
    rows      a box on a slot; two classes a box: its loads run ahead (in a group), or not
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

from accelsim.mapping import candidates_kernel, search_kernel  # noqa: E402
from accelsim.mapping import kernel as mapping  # noqa: E402
from accelsim.mapping import timeline_kernel as kernel  # noqa: E402
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
_MOST_TICKS = 2.0**60


@_compiled
def list_candidates(products, plans, features, counts):
    """The candidates of each product, for all points with this array and these buffers."""
    for number in range(products.shape[0]):
        counts[number] = candidates_kernel.candidates(products[number], plans[number], features[number])


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
def _moved_bytes(box, moves, sizes, written):
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


@_compiled
def _sequence_of(
    slots, layouts, start, number_of, boxes, stages, loads, everywhere, memory_count, sequence, row_class, place,
    first_of_class, next_code, latest, repeated,
):  # fmt: skip
    """List the rows of a point, for each the next of its group, and how often each box occurs. Returns their number."""
    slot_count, length = slots.shape[0], 0
    repeated[:] = 0
    latest[:] = -1
    for slot in range(slot_count):
        layout = layouts[slots[slot, LAYOUT]]
        begin, count = layout[BOXES], layout[PRODUCT]
        if begin < 0:
            begin, count = start[layout[PRODUCT]], number_of[layout[PRODUCT]]
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
            repeated[index] += 1
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
def run_points(
    products, operands, operand_counts, epilogues, epilogue_counts, fixed, units_of, memories_of,
    plans, features, counts, boxes, moves, sizes, stages, seconds, fixed_operands, layouts, slots, everywhere,
    memory_count, links, drams, tick_hz, unit_ticks, unit_hz, ticks_per_cycle, objective, chosen, results, stalls,
):  # fmt: skip
    """Simulate points. Writes `results` [points, 4 + units], `stalls` [points, causes] in cycles
    and, for each product, the plan chosen for the last point in `chosen` [products, 4].

    `fixed` [products, 4] are plans that a description gives (-1: none). `boxes`, `moves`, `sizes` and `stages` begin
    with those of fixed layouts; there is room behind them for those of products. `seconds` of a fixed box are what a
    tile takes where that is no number of cycles (else -1). `everywhere` says that parameters are prefetched across
    nodes.
    """
    product_count, slot_count = products.shape[0], slots.shape[0]
    fixed_boxes = 0
    for layout in range(layouts.shape[0]):
        if layouts[layout, BOXES] >= 0:
            fixed_boxes = max(fixed_boxes, layouts[layout, BOXES] + layouts[layout, PRODUCT])
    fixed_moves = boxes[fixed_boxes - 1, mapping.LAST] if fixed_boxes else 0
    servers = 2 * links.shape[1] + drams.shape[1]
    box_room = boxes.shape[0]
    classes = sequences.new_classes(2 * box_room, servers)
    rows, read, write, held, store = classes
    claims = np.zeros((5, servers), np.int64)
    loads, repeated = np.zeros(box_room, np.int64), np.zeros(box_room, np.int64)
    moved = np.zeros((box_room, 2), np.int64)
    limit = np.zeros(box_room)
    start, number_of = np.zeros(product_count, np.int64), np.zeros(product_count, np.int64)
    most = 0
    for slot in range(slot_count):
        layout = layouts[slots[slot, LAYOUT]]
        most += layout[PRODUCT] if layout[BOXES] >= 0 else mapping.MOST_BOXES
    sequence = sequences.new_sequence(most)
    memory = sequences.new_memory(most, servers)
    row_class, place, next_code = np.zeros(most, np.int64), np.zeros(most, np.int64), np.zeros(most, np.int64)
    first_of_class = np.zeros(2 * box_room, np.int64)
    latest = np.zeros(memory_count * (1 + 2 * (slot_count + 1)) + 1, np.int64)
    scratch, free = kernel.new_scratch(servers), np.zeros(servers, np.int64)
    times, causes = np.zeros(kernel.TIMES, np.int64), np.zeros(kernel.CAUSE_COUNT, np.int64)
    length = box_count = 0
    planned = False  # whether an earlier point left boxes and rows that this one has too
    for point in range(results.shape[0]):
        for k in range(results.shape[1]):
            results[point, k] = 0
        for k in range(stalls.shape[1]):
            stalls[point, k] = 0
        hz = float(tick_hz[point])
        if not planned:
            box_count = fixed_boxes
        move_count = fixed_moves
        status = DONE
        searched = False
        for number in range(product_count):
            if planned:
                break
            product, unit = products[number], units_of[number]
            product[mapping.UNIT_TICKS] = unit_ticks[point, unit]
            own = operands[number, : operand_counts[number]]
            functions = epilogues[number, : epilogue_counts[number]]
            plan = chosen[number]
            if fixed[number, 0] > 0:
                for k in range(4):
                    plan[k] = fixed[number, k]
            elif counts[number] < 0:
                status = NO_TILE
            else:
                searched = True
                ticks = search_kernel.choose(
                    product, own, functions, plans[number], features[number], counts[number], links[point],
                    drams[point], hz, objective, plan,
                )  # fmt: skip
                if ticks < 0:
                    status = TOO_LONG
            if status != DONE:
                break
            start[number] = box_count
            count = mapping.expand(
                product, own, functions, plan, boxes[box_count:], moves[move_count:], sizes[move_count:]
            )
            number_of[number] = count
            for index in range(box_count, box_count + count):
                box = boxes[index]
                box[mapping.FIRST] += move_count
                box[mapping.LAST] += move_count
                stage = stages[index]
                stage[UNIT], stage[MEMORY], stage[REQUESTS] = unit, memories_of[number, plan[3]], 1
                stage[FLUSH] = 0
                stage[CAUSE] = 0
            move_count = boxes[box_count + count - 1, mapping.LAST]
            box_count += count
        results[point, STATUS] = status
        if status != DONE:
            continue
        # Row classes.
        which = -1
        for index in range(box_count):
            box, stage = boxes[index], stages[index]
            while which + 1 < product_count and index >= start[which + 1] and index >= fixed_boxes:
                which += 1
            own = fixed_operands if index < fixed_boxes else operands[which]
            mapping.book(box, own, moves, sizes, links[point], drams[point], hz, claims)
            ticks = unit_ticks[point, stage[UNIT]]
            if index < fixed_boxes and seconds[index] >= 0.0:
                cycles = seconds[index] * unit_hz[point, stage[UNIT]]
                box[mapping.CYCLES] = math.ceil(min(cycles, 2 * _MOST_TICKS / ticks))
            for grouped in range(2):
                number = 2 * index + grouped
                loads[index] = fill_row(
                    box, stage[FLUSH], stage[REQUESTS], stage[CAUSE], grouped, ticks, claims, rows[number],
                    read[number], write[number], held[number], store[number],
                )  # fmt: skip
            limit[index] = _most_ticks(rows[2 * index], claims, servers)
            if not planned:
                moved[index, 0] = _moved_bytes(box, moves, sizes, False)
                moved[index, 1] = _moved_bytes(box, moves, sizes, True)
        if not planned:
            length = _sequence_of(
                slots, layouts, start, number_of, boxes, stages, loads, everywhere, memory_count, sequence,
                row_class, place, first_of_class, next_code, latest, repeated,
            )  # fmt: skip
            planned = not searched
        total = 0.0
        for index in range(box_count):
            box, stage = boxes[index], stages[index]
            total += repeated[index] * limit[index]
            results[point, READ_BYTES] += repeated[index] * moved[index, 0]
            results[point, WRITTEN_BYTES] += repeated[index] * moved[index, 1]
            tiles = box[mapping.OUTER] * box[mapping.INNER] + box[mapping.TAIL]
            results[point, STATUS + 1 + stage[UNIT]] += repeated[index] * (
                tiles * box[mapping.CYCLES] + (box[mapping.OUTER] + (box[mapping.TAIL] > 0)) * stage[FLUSH]
            )
        if not total <= _MOST_TICKS:
            results[point, STATUS] = TOO_LONG
            continue
        results[point, TICKS] = sequences.run_sequence(
            sequence, length, classes, memory, ticks_per_cycle[point], free, scratch, times, causes, stalls[point]
        )

"""Products on lanes that skip zeros each for itself, behind queues (EIE and the like).

The outputs of a pass are dealt to the lanes; each step broadcasts a group of inputs, and a lane works through the
weights it has for them. When each lane is done follows from how many weights each has in each step, counted from the
weights or drawn as the scenario says (`sparsity_kernel` has the recurrence). Outputs are cut into passes whose weights
fit the buffer, indices and pointers included.

Exact for inputs without zeros. Where zero inputs are skipped, which ones are zero is drawn anew for each of the first
groups of rows, and the others are taken to need as long as these on average.
Not modelled: conflicts between lanes that write one accumulator; a limit to the number of accumulators of a lane.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from accelsim.hw.schema import DotUnit
from accelsim.hw.sparse import Blocks, Unstructured
from accelsim.ir import Access, Axis, LoopNest, Node, Operand
from accelsim.mapping.context import Context, does_not_fit
from accelsim.mapping.dataflows.epilogue import epilogue_cycles, function_counts
from accelsim.mapping.sparsity_kernel import lane_cycles
from accelsim.mapping.sparsity_matrix import Deal, Matrix, dealt
from accelsim.mapping.stage import Stage, Transfer

if TYPE_CHECKING:
    from accelsim.mapping.sparsity import SparseProduct

_DRAWN_GROUPS = 8  # groups of rows whose zero inputs are drawn


class Timing(NamedTuple):
    """What the cycles of a pass depend on beside the weights; `groups` are the groups of rows."""

    multipliers: int
    ii: int
    decode: float | None
    visit: int
    queue: int
    broadcast: int
    groups: int
    rows: int
    input_density: float | None


class Pass(NamedTuple):
    """Some of the outputs on the lanes, over all groups of rows.

    `cycles` and whether they are `exact`; `share` of the entries that inputs which are not zero meet;
    `balanced_cycles` if these were dealt evenly; stored `entries` and the weights (or blocks) `kept` among them;
    `macs` with weights that are kept.
    """

    cycles: int
    exact: bool
    share: float
    balanced_cycles: float
    entries: int
    kept: int
    macs: int


@lru_cache(maxsize=4096)
def pass_of(matrix: Matrix, deal: Deal, timing: Timing) -> Pass:
    """The pass of `deal`."""
    found = dealt(matrix, deal)
    size = deal.outputs * deal.inputs
    work = -(-found.entries * size // timing.multipliers)
    if timing.decode is not None:
        work = np.maximum(work, np.ceil(found.entries / timing.decode).astype(np.int64))
    work = np.maximum(work, timing.visit) * timing.ii
    entries = int(found.entries.sum())
    broadcast = timing.broadcast * timing.ii
    balanced = entries * size * timing.ii / (timing.multipliers * deal.lanes) * timing.groups
    macs = found.kept * size * timing.rows
    if timing.input_density is None:
        cycles, exact = lane_cycles(np.ascontiguousarray(work), timing.queue, broadcast, timing.groups)
        return Pass(int(cycles), bool(exact), 1.0, balanced, entries, found.kept, macs)
    drawn = min(timing.groups, _DRAWN_GROUPS)
    generator = np.random.default_rng(matrix.seed)
    order = np.concatenate([_non_zero(generator, len(work), timing.input_density) for _ in range(drawn)])
    cycles = int(lane_cycles(np.ascontiguousarray(work[order]), timing.queue, broadcast, 1)[0]) if len(order) else 0
    # Steps differ in their entries: what the drawn ones really hold, over what all hold.
    share = int(found.entries[order].sum()) / (drawn * entries) if entries else 0.0
    if timing.groups > drawn:
        cycles = math.ceil(cycles * timing.groups / drawn)
    return Pass(cycles, timing.groups <= drawn, share, balanced * share, entries, found.kept, round(macs * share))


def _non_zero(generator: np.random.Generator, steps: int, density: float) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The steps of a group of rows in which an input is not zero, in order."""
    chosen = generator.permutation(steps)[: round(steps * density)]
    return np.sort(chosen)


class Lanes(NamedTuple):
    """Lanes of a unit for a format: how many, and how a product is dealt to them."""

    unit: DotUnit
    form: Unstructured | Blocks
    matrix: Matrix
    weight_bits: int

    @property
    def lanes(self) -> int:
        return max(1, self.unit.outputs.value // self.form.block[0])

    @property
    def multipliers(self) -> int:
        return self.unit.inputs.value * self.unit.outputs.value // self.lanes

    @property
    def block_rows(self) -> int:
        return -(-self.matrix.outputs // self.form.block[0])

    @property
    def block_columns(self) -> int:
        return -(-self.matrix.inputs // self.form.block[1])

    def deal(self, first: int, last: int) -> Deal:
        outputs, inputs = self.form.block
        longest = None
        if isinstance(self.form, Unstructured) and self.form.index == "relative":
            longest = 2 ** self.index_bits(first, last) - 1
        step = max(1, self.unit.inputs.value // inputs)
        return Deal(first, last, self.lanes, outputs, inputs, step, longest)

    def index_bits(self, first: int, last: int) -> int:
        """Bits of index of an entry of a pass."""
        return self.form.entry_bits(-(-(last - first) // self.lanes), self.block_columns)

    def stored_bits(self, first: int, last: int) -> int:
        """Bits of a pass in the buffer: weights, indices, pointers and bitmap."""
        entries = int(dealt(self.matrix, self.deal(first, last)).entries.sum())
        outputs, inputs = self.form.block
        bits = entries * (outputs * inputs * self.weight_bits + self.index_bits(first, last))
        bits += self.form.pointer_bits * self.lanes * (self.block_columns + 1)
        if isinstance(self.form, Unstructured) and self.form.index == "bitmap":
            bits += (last - first) * self.matrix.inputs
        return bits


class DotPlace(NamedTuple):
    """A node on a dot unit."""

    context: Context
    name: str
    unit: DotUnit
    node: Node


def lane_stages(
    place: DotPlace, product: SparseProduct, key: str, form: Unstructured | Blocks, input_density: float | None
) -> tuple[Stage, ...] | str:
    """Stages of a product on the lanes of a unit, or why there are none. Raises DoesNotFitError where a single output
    of each lane does not fit the buffer."""
    context, name, unit, node = place
    nest, matrix = product.nest, product.matrix
    memory_name = unit.holds.get(product.weights.role)
    if memory_name is None:
        return f"units.{name}.holds has no buffer for '{product.weights.role}'"
    lanes = Lanes(unit, form, matrix, context.home(node.op, product.weights).bits)
    rows = nest.size(Axis.ROW) * nest.size(Axis.BATCH)
    together = min(unit.rows.value, rows)
    groups = math.ceil(rows / together)
    memory = context.buffer(memory_name)
    slices = _slices(lanes, memory.copy_bytes * 8, f"node '{node.name}' on unit '{name}'", memory_name)
    timing = timing_of(lanes, groups, rows, together, input_density)
    passes = [pass_of(matrix, lanes.deal(first, last), timing) for first, last in slices]
    moving = [o for o in nest.operands if not (o.constant and o.access is Access.READ)]
    beside = [o for o in nest.operands if o not in moving and o is not product.weights]
    note = _note(key, lanes, passes, input_density)
    stages = []
    for (first, last), done in zip(slices, passes, strict=True):
        width = min(matrix.outputs, last * form.block[0]) - first * form.block[0]
        share = width / matrix.outputs
        bits = lanes.stored_bits(first, last)
        whole = replace(product.weights, elements=bits, stored_bits=1)
        held = context.transfer(node.op, whole, bits, write=False)
        for operand in beside:
            held += context.transfer(node.op, operand, operand.elements * share, write=False)
        streams: tuple[Transfer, ...] = ()
        for operand in moving:
            part = share if _along_outputs(nest, operand) else 1.0
            runs = together if operand.indirect else 0
            streams += context.both_ways(node.op, operand, operand.elements * part / groups, runs=runs)
        for extra in product.extras:
            for operand in extra.operands:
                if operand.constant:
                    streams += context.transfer(node.op, operand, operand.elements * share / groups, write=False)
        cycles = max(done.cycles, groups * _least_cycles(unit, product.extras, together, width))
        stages.append(
            Stage(
                node=node.name,
                part=nest.name,
                unit=name,
                cause="compute",
                inner=groups,
                tile_cycles=cycles // groups,
                fill_cycles=unit.fill.value + form.latency.value + cycles % groups,
                depth=unit.stream_depth.value,
                streams=streams,
                held=() if memory.resident else held,
                resident=held if memory.resident else (),
                constants=(product.weights.tensor, *(operand.tensor for operand in beside)),
                memory=memory_name,
                memory_bytes=math.ceil(bits / 8),
                slots=memory.copies.value,
                macs=done.macs,
                ideal_cycles=math.ceil(done.macs / unit.macs_per_step),
                functions=(("mac", done.macs), *function_counts(product.extras)),
                note=note,
                weight_bits=done.share * groups * bits,
            )
        )
    return tuple(stages)


def timing_of(lanes: Lanes, groups: int, rows: int, together: int, input_density: float | None) -> Timing:
    form, unit = lanes.form, lanes.unit
    inputs = lanes.deal(0, 1).step * form.block[1] * together
    return Timing(
        multipliers=lanes.multipliers,
        ii=unit.ii.value,
        decode=form.decode.value if form.decode is not None else None,
        visit=form.visit.value,
        queue=form.queue.value,
        broadcast=form.broadcast.value,
        groups=groups,
        rows=rows,
        # A step of several inputs or rows is left out only if all of them are zero.
        input_density=None if input_density is None else 1 - (1 - input_density) ** inputs,
    )


def _slices(lanes: Lanes, capacity_bits: int, where: str, memory: str) -> tuple[tuple[int, int], ...]:
    """Rows of blocks of each pass: the fewest passes of nearly equal size whose weights fit the buffer."""
    rows, turn = lanes.block_rows, lanes.lanes
    turns = -(-rows // turn)
    count = max(1, -(-lanes.stored_bits(0, rows) // max(1, capacity_bits)))
    while True:
        width = -(-turns // min(count, turns)) * turn
        slices = tuple((first, min(rows, first + width)) for first in range(0, rows, width))
        largest = max(lanes.stored_bits(first, last) for first, last in slices)
        if largest <= capacity_bits:
            return slices
        if width == turn:
            raise does_not_fit(
                f"{where}: one output a lane ({turn * lanes.form.block[0]} outputs) in buffer '{memory}'",
                largest / 8,
                capacity_bits / 8,
                "bytes",
                f"raise memories.{memory}.words",
            )
        count = max(count + 1, math.ceil(count * largest / capacity_bits))


def _along_outputs(nest: LoopNest, operand: Operand) -> bool:
    return any(dim.axis is Axis.OUTPUT and dim.name in operand.dims for dim in nest.dims)


def _least_cycles(unit: DotUnit, extras: Sequence[LoopNest], together: int, width: int) -> int:
    """Cycles of a group of rows below which functions on the way out, or rows that do not overlap, do not let it."""
    latency = unit.row_latency.value * together if unit.row_latency is not None else 0
    return max(latency, epilogue_cycles(unit, extras, together * width))


def _note(key: str, lanes: Lanes, passes: Sequence[Pass], input_density: float | None) -> str:
    kept, entries = sum(done.kept for done in passes), sum(done.entries for done in passes)
    places = lanes.block_rows * lanes.block_columns
    balanced = sum(done.balanced_cycles for done in passes)
    text = f"{key}: {100 * kept / places:.3g} % of {'blocks' if lanes.form.block != (1, 1) else 'weights'} kept"
    if entries > kept:
        text += f" (and {100 * (entries - kept) / max(1, kept):.3g} % more entries of padding)"
    if input_density is not None:
        text += f", {100 * input_density:.3g} % of inputs"
    text += f", {lanes.lanes} lanes, queue {lanes.form.queue.value}"
    if len(passes) > 1:
        text += f", {len(passes)} passes"
    if balanced:
        text += f": {sum(done.cycles for done in passes) / balanced:.2f} x the cycles of balanced lanes"
    return text if all(done.exact for done in passes) else f"{text}, extended from the first groups of rows"

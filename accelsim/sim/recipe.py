"""A frame as the bulk kernel runs it: layouts, and the order in which a structure of hardware runs them.

The order comes from one lowering. Another hardware of the same structure, one that differs in numbers only, runs the
same layouts in the same order; what each of them is there is laid out again by the same functions.
Lowerings that are more than that (policies that make stages of their own, tensors that stay on chip) have no recipe:
they are run as they are for all points that decide alike (see `lowered`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from accelsim.hw.schema import Hardware, SystolicUnit
from accelsim.hw.unit import HostUnit, SpatialUnit
from accelsim.mapping import kernel
from accelsim.mapping.context import Context, Laid
from accelsim.mapping.dataflows.depthwise import is_depthwise
from accelsim.mapping.dataflows.product import ROLES, Product, product_on, product_record
from accelsim.mapping.dataflows.systolic import fixed_record
from accelsim.mapping.layout import lay_out
from accelsim.mapping.lower import Lowered
from accelsim.mapping.record import Floats, Integers, Record
from accelsim.mapping.stage import Stage
from accelsim.mapping.view import Workload
from accelsim.results.causes import CAUSES
from accelsim.sim import bulk_kernel as bulk
from accelsim.sim.chip_events import Layout


class Tables(NamedTuple):
    """What `bulk_kernel.run_points` reads of a frame on the numbers of an array and its buffers."""

    products: Integers
    operands: Integers
    operand_counts: Integers
    epilogues: Integers
    epilogue_counts: Integers
    fixed: Integers
    units_of: Integers
    memories_of: Integers
    boxes: Integers
    moves: Integers
    sizes: Floats
    stages: Integers
    seconds: Floats
    layouts: Integers

    def copied(self) -> Tables:
        """The same tables for one kernel: it writes boxes of products behind those that are there."""
        own = {name: getattr(self, name).copy() for name in ("products", "boxes", "moves", "sizes", "stages")}
        return self._replace(**own)


@dataclass(frozen=True)
class Recipe:
    """`laid` are the distinct layouts, `slots` [slots, 4] their order (columns of `bulk_kernel`)."""

    workload: Workload
    lowered: Lowered
    laid: tuple[Laid, ...]
    slots: Integers

    def layouts(self, hardware: Hardware, known: dict[Hashable, tuple[Stage, ...]]) -> list[Layout]:
        """The distinct layouts on a hardware. `known` keeps those that nothing concerns that changed since the last.

        Raises what laying out raises.
        """
        context = Context(self.workload, hardware, renamed=dict(self.lowered.context.renamed))
        found: list[Layout] = []
        for laid in self.laid:
            product = _searched(context, laid)
            if product is not None:
                found.append(product)
                continue
            parts = _parts_of(hardware, laid.unit)
            key = (laid.key, *map(id, parts))
            if key not in known:
                known[key] = lay_out(context, laid.unit, laid.node, laid.nests)
            found.append(known[key])
        return found

    @property
    def times(self) -> list[int]:
        """How often each layout is there."""
        found: list[int] = np.bincount(self.slots[:, bulk.LAYOUT], minlength=len(self.laid)).tolist()
        return found

    def tables_of(self, hardware: Hardware, layouts: Sequence[Layout]) -> Tables:
        """The frame as the kernels read it."""
        units, buffers = list(hardware.units), list(hardware.memories)
        found = Collected(Record(hardware))
        for layout in layouts:
            if isinstance(layout, Product):
                memories = [buffers.index(layout.unit.held[role]) for role in ROLES]
                found.add_product(product_record(layout), fixed_record(layout), units.index(layout.name), memories)
            else:
                found.add_stages(layout, units, buffers)
        return found.tables()


def _parts_of(hardware: Hardware, unit: str) -> tuple[object, ...]:
    """Parts of a description that laying out on a unit can read: copies with other numbers are other objects."""
    own = hardware.units[unit]
    return (own, *(hardware.memories[name] for name in own.held.values()), *hardware.links.values())


def _searched(context: Context, laid: Laid):  # type: ignore[no-untyped-def]
    """The product of a layout on a systolic array, None for any other layout."""
    unit = context.hardware.units[laid.unit]
    main = next((nest for nest in laid.nests if nest.function == "mac"), None)
    if not isinstance(unit, SystolicUnit) or main is None or (unit.depthwise is not None and is_depthwise(main)):
        return None
    return product_on(context, laid.unit, unit, laid.node, laid.nests)


def rates_matter(hardware: Hardware) -> bool:
    """Whether what is laid out depends on clocks and bandwidths in ways that the bulk kernel does not know."""
    return hardware.schedule.objective != "latency" or any(
        unit.sparse or isinstance(unit, SpatialUnit | HostUnit) for unit in hardware.units.values()
    )


def recipe_of(workload: Workload, lowered: Lowered) -> Recipe | None:
    """The recipe of a lowering, None where its stages are not its layouts in order."""
    context = lowered.context
    if (
        lowered.occupancy
        or context.kept
        or context.contested
        or context.sized
        or context.hardware.schedule.branches != "sequential"
    ):
        return None
    prefetch = context.hardware.schedule.prefetch
    numbers: dict[Hashable, int] = {}
    distinct: list[Laid] = []
    nodes: dict[str, int] = {}
    slots = []
    position = 0
    keys: dict[object, str] = {}
    buffers = list(context.hardware.memories)
    for place, laid in enumerate(context.laid):
        if laid.key not in numbers:
            numbers[laid.key] = len(distinct)
            distinct.append(laid)
        ahead = prefetch == "all" or (prefetch == "experts" and laid.scope == "experts")
        node = nodes.setdefault(laid.node.name, len(nodes))
        slots.append((numbers[laid.key], place, node, ahead))
        for stage in context.layouts[laid.key][1]:
            if position == len(lowered.stages) or not _same(stage, lowered.stages[position], laid):
                return None
            grouped = ahead and stage.memory and stage.slots >= 2
            key: object = ()
            if grouped:
                which = "" if stage.early and prefetch == "all" else node if stage.early else (place,)
                key = (buffers.index(stage.memory), which)
            if keys.setdefault(key, lowered.stages[position].group) != lowered.stages[position].group:
                return None
            position += 1
    if position != len(lowered.stages) or len(set(keys.values())) != len(keys):
        return None
    return Recipe(workload, lowered, tuple(distinct), np.array(slots, np.int64).reshape(-1, 4))


def _same(stage: Stage, named: Stage, laid: Laid) -> bool:
    """Whether a stage of the lowering is the one that was laid out, under the name of its node."""
    return (
        named.node == laid.node.name
        and named.streams is stage.streams
        and named.held is stage.held
        and named.stores is stage.stores
        and (named.outer, named.inner, named.tail) == (stage.outer, stage.inner, stage.tail)
    )


class Collected:
    """Products and stages, gathered into arrays."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.products: list[tuple[Integers, Integers, Integers]] = []
        self.fixed: list[Sequence[int]] = []
        self.units: list[int] = []
        self.memories: list[Sequence[int]] = []
        self.boxes: list[list[int]] = []
        self.moves: list[list[int]] = []
        self.sizes: list[tuple[float, float]] = []
        self.stages: list[tuple[int, ...]] = []
        self.seconds: list[float] = []
        self.layouts: list[tuple[int, int]] = []

    def add_product(
        self, record: tuple[Integers, Integers, Integers], fixed: Sequence[int], unit: int, memories: Sequence[int]
    ) -> None:
        self.layouts.append((-1, len(self.products)))
        self.products.append(record)
        self.fixed.append(fixed)
        self.units.append(unit)
        self.memories.append(memories)

    def add_stages(self, stages: Sequence[Stage], units: Sequence[str], buffers: Sequence[str]) -> None:
        self.layouts.append((len(self.boxes), len(stages)))
        for stage in stages:
            box = [0] * kernel.BOX_COLUMNS
            box[kernel.OUTER], box[kernel.INNER], box[kernel.TAIL] = stage.outer, stage.inner, stage.tail
            box[kernel.CYCLES], box[kernel.BOX_FILL] = stage.tile_cycles, stage.fill_cycles
            box[kernel.DEPTH], box[kernel.SLOTS], box[kernel.EARLY] = stage.depth, stage.slots, stage.early
            box[kernel.FIRST] = len(self.moves)
            kinds = ((kernel.STREAM, stage.streams), (kernel.LOAD, stage.held), (kernel.STORE, stage.stores))
            for kind, transfers in kinds:
                for t in transfers:
                    self.moves.append([kind, 0, self.record.index[t.link], t.write, 0, t.beats])
                    self.sizes.append((t.size_bytes, t.runs))
            box[kernel.LAST] = len(self.moves)
            self.boxes.append(box)
            memory = buffers.index(stage.memory) if stage.memory else -1
            cause = CAUSES.index(stage.cause)
            self.seconds.append(-1.0 if stage.seconds is None else stage.seconds)
            self.stages.append((units.index(stage.unit), memory, stage.held_requests, stage.flush_cycles, cause))

    def tables(self) -> Tables:
        count = len(self.products)
        operands = max((record[1].shape[0] for record in self.products), default=1)
        functions = max((record[2].shape[0] for record in self.products), default=0)
        table = np.zeros((count, operands, kernel.OPERAND_COLUMNS), np.int64)
        epilogues = np.ones((count, functions, 2), np.int64)
        for number, (_, own, outs) in enumerate(self.products):
            table[number, : own.shape[0]] = own
            epilogues[number, : outs.shape[0]] = outs
        most_boxes = len(self.boxes) + count * kernel.MOST_BOXES
        most_moves = len(self.moves) + count * kernel.MOST_BOXES * (operands + 3)
        boxes = np.zeros((most_boxes, kernel.BOX_COLUMNS), np.int64)
        moves = np.zeros((most_moves, kernel.MOVE_COLUMNS), np.int64)
        sizes = np.zeros((most_moves, kernel.SIZE_COLUMNS))
        stages = np.zeros((most_boxes, bulk.STAGE_COLUMNS), np.int64)
        if self.boxes:
            boxes[: len(self.boxes)], stages[: len(self.boxes)] = self.boxes, self.stages
        if self.moves:
            moves[: len(self.moves)], sizes[: len(self.moves)] = self.moves, self.sizes
        return Tables(
            products=np.array([record[0] for record in self.products], np.int64).reshape(count, kernel.PRODUCT_COLUMNS),
            operands=table,
            operand_counts=np.array([record[1].shape[0] for record in self.products], np.int64),
            epilogues=epilogues,
            epilogue_counts=np.array([record[2].shape[0] for record in self.products], np.int64),
            fixed=np.array(self.fixed, np.int64).reshape(count, 4),
            units_of=np.array(self.units, np.int64),
            memories_of=np.array(self.memories, np.int64).reshape(count, 3),
            boxes=boxes,
            moves=moves,
            sizes=sizes,
            stages=stages,
            seconds=np.array(self.seconds),
            layouts=np.array(self.layouts, np.int64).reshape(-1, 2),
        )

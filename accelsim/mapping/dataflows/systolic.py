"""Systolic arrays: products as tiles of folds. Cycles of folds come from `folds`, the cut into tiles from `tiling`.

The product of a nest is M x K by K x N: M are its rows (tokens, pixels), N its outputs, K what it sums over. A
convolution is unrolled (im2col): the buffer of inputs holds the windows of a tile, the link carries each element of
the input once a pass. Loops that index both factors (heads, groups of a convolution) repeat the product.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from accelsim.errors import UnsupportedError
from accelsim.hw.schema import Dram, SystolicUnit
from accelsim.ir import Access, Axis, FrozenMap, LoopNest, Node, Operand
from accelsim.mapping.context import Context, does_not_fit
from accelsim.mapping.dataflows.epilogue import epilogue_cycles, function_counts
from accelsim.mapping.dataflows.folds import SIDES, Array
from accelsim.mapping.dataflows.tiling import (
    AXES,
    INNER,
    LOOPS,
    NATURAL,
    Box,
    Crossing,
    Plan,
    Problem,
    Rates,
    Role,
    best_plan,
    boxes,
    reduce_boxes,
    smallest_misfit,
)
from accelsim.mapping.stage import Stage, Transfer
from accelsim.mapping.view import nest_key

_DEEPEST = 4  # tiles that a stream may run ahead of the array, however many copies a buffer has


class _Place(NamedTuple):
    """A node on a unit."""

    context: Context
    name: str
    unit: SystolicUnit
    node: Node


class _Product(NamedTuple):
    """A product of a node on a unit: its operands by role, others that its results need, nests computed with it.

    `axes` tells for each loop of any of the nests along which side of the product it lies.
    """

    place: _Place
    nest: LoopNest
    batch: int
    size: Mapping[Axis, int]
    axes: Mapping[str, Axis]
    operands: Mapping[Role, Operand]
    others: tuple[Operand, ...]
    extras: tuple[LoopNest, ...]

    @property
    def context(self) -> Context:
        return self.place.context

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def unit(self) -> SystolicUnit:
        return self.place.unit

    @property
    def node(self) -> Node:
        return self.place.node


def systolic_stages(
    context: Context, name: str, unit: SystolicUnit, node: Node, nests: Sequence[LoopNest]
) -> tuple[Stage, ...]:
    """Lay out one mac nest, with the other nests computed on its results' way out."""
    main = next((nest for nest in nests if nest.function == "mac"), None)
    if main is None:
        raise UnsupportedError(
            f"{context.hardware.name}: unit '{name}' multiplies and adds, it cannot run "
            f"'{nest_key(node, nests[0])}' of node '{node.name}'; place it on a vector unit"
        )
    place = _Place(context, name, unit, node)
    product = _product(place, main, tuple(nest for nest in nests if nest is not main))
    problem = _problem(product)
    held: tuple[Role, ...] = tuple(sorted(AXES, key=lambda role: role != NATURAL[unit.dataflow]))
    if main.expert is not None and context.hardware.schedule.experts.order != "expert-major":
        held = ("weights",)  # what stays on chip from one visit to the next
    plan = best_plan(problem, _rates(product, problem), held)
    if plan is None:
        raise _misfit(product, problem)
    return tuple(
        _stage(product, problem, plan, {Axis.REDUCE: k, Axis.ROW: m, Axis.OUTPUT: n})
        for k in reduce_boxes(problem, plan)
        for m in boxes(problem, Axis.ROW, plan.tile[Axis.ROW])
        for n in boxes(problem, Axis.OUTPUT, plan.tile[Axis.OUTPUT])
    )


def _product(place: _Place, nest: LoopNest, extras: tuple[LoopNest, ...]) -> _Product:
    axis_of = {dim.name: dim.axis for dim in nest.dims}

    def factor(rows: bool) -> Operand:
        for operand in nest.operands:
            axes = {axis_of[dim] for dim in operand.dims}
            if operand.access is Access.READ and Axis.REDUCE in axes and (Axis.ROW in axes) is rows:
                return operand
        raise UnsupportedError(
            f"{place.context.hardware.name}: unit '{place.name}' computes products of two matrices; "
            f"'{nest_key(place.node, nest)}' of node '{place.node.name}' is none, place it on another unit"
        )

    weights, inputs = factor(rows=False), factor(rows=True)
    outputs = next(operand for operand in nest.operands if operand.access is not Access.READ)
    # A repetition that uses the same weights again is more rows of one product.
    axes = {dim: Axis.ROW if axis is Axis.BATCH and dim not in weights.dims else axis for dim, axis in axis_of.items()}
    size = dict.fromkeys((*LOOPS, Axis.BATCH), 1)
    for dim in nest.dims:
        size[axes[dim.name]] *= dim.size
    for extra in extras:
        axes.update({dim.name: dim.axis for dim in extra.dims if dim.name not in axes})
    made = {o.tensor for one in (nest, *extras) for o in one.operands if o.access is not Access.READ}
    others = [o for o in nest.operands if o not in (weights, inputs, outputs)]
    others += [o for extra in extras for o in extra.operands if o.tensor and o.tensor not in made]
    operands: dict[Role, Operand] = {"inputs": inputs, "weights": weights, "outputs": outputs}
    return _Product(place, nest, size.pop(Axis.BATCH), size, axes, operands, tuple(others), extras)


def _problem(product: _Product) -> Problem:
    unit, context = product.unit, product.context
    bits = {role: context.home(product.node.op, operand).bits for role, operand in product.operands.items()}
    return Problem(
        Array(unit.rows.value, unit.cols.value, unit.dataflow, unit.fold_overlap),
        product.batch,
        FrozenMap(product.size),
        FrozenMap({**bits, "outputs": unit.accumulator.value}),
        FrozenMap({role: context.buffer(unit.held[role]).copy_bytes * 8 for role in AXES}),
    )


def _misfit(product: _Product, problem: Problem) -> Exception:
    found = smallest_misfit(problem)
    assert found is not None
    role, bits = found
    memory = product.unit.held[role]
    return does_not_fit(
        f"node '{product.node.name}' ({product.node.op}.{product.nest.name}) on unit '{product.name}': the smallest "
        f"tile of its {role} in buffer '{memory}'",
        bits / 8,
        problem.capacity_bits[role] / 8,
        "bytes",
        f"raise memories.{memory}.words or use fewer units.{product.name}.rows",
    )


def _rates(product: _Product, problem: Problem) -> Rates:
    """What the search of a plan needs to know of links and clocks."""
    hardware = product.context.hardware
    crossings = []
    for role, operand in product.operands.items():
        home = product.context.home(product.node.op, operand)
        if home.link is None:
            continue
        link = hardware.links[home.link]
        bytes_per_s = link.beat_bytes / link.cycles_per_beat * hardware.link_clock_hz(home.link)
        memory = hardware.memories[link.memory]
        share = bytes_per_s / memory.bytes_per_s if isinstance(memory, Dram) else 0.0
        bit_seconds = 1 / (8 * bytes_per_s)
        once = operand.elements * home.bits * bit_seconds
        spill = operand.elements * problem.bits[role] * bit_seconds
        adds = operand.access is Access.ACCUMULATE
        crossings.append(Crossing(role, home.link, link.memory, once, spill, bit_seconds, share, adds))
    return Rates(1 / hardware.unit_clock_hz(product.name), tuple(crossings))


class _Tiles(NamedTuple):
    """The equal tiles of a stage: a box along each side of the product."""

    product: _Product
    box: Mapping[Axis, Box]

    def elements(self, operand: Operand) -> float:
        """Elements of an operand that a tile touches, on average over the tiles."""
        along = {self.product.axes[dim] for dim in operand.dims}
        repeated = self.product.batch if Axis.BATCH in along else 1
        share = 1.0
        for axis in along & set(LOOPS):
            box = self.box[axis]
            share *= box.elements / box.count / self.product.size[axis]
        return operand.elements / repeated * share

    def reads(self, operand: Operand, stretch: float = 1.0) -> tuple[Transfer, ...]:
        product = self.product
        return product.context.transfer(product.node.op, operand, self.elements(operand), write=False, stretch=stretch)

    def writes(self, operand: Operand, stretch: float = 1.0) -> tuple[Transfer, ...]:
        product = self.product
        return product.context.transfer(product.node.op, operand, self.elements(operand), write=True, stretch=stretch)


def _stage(product: _Product, problem: Problem, plan: Plan, box: Mapping[Axis, Box]) -> Stage:
    unit, context, operands = product.unit, product.context, product.operands
    tiles, reduce = _Tiles(product, box), box[Axis.REDUCE]
    outputs = operands["outputs"]
    wide = unit.accumulator.value / context.home(product.node.op, outputs).bits
    before = tiles.reads(outputs, wide) if reduce.reads else ()
    after = tiles.writes(outputs) if reduce.final else tiles.writes(outputs, wide)
    others = product.others if reduce.final else ()
    if reduce.final and outputs.access is Access.ACCUMULATE:
        others = (*others, outputs)
    besides = tuple(transfer for operand in others for transfer in tiles.reads(operand))
    inputs, weights = tiles.reads(operands["inputs"]), tiles.reads(operands["weights"])
    held, streams, stores = {
        "weights": (weights, (*inputs, *before, *besides, *after), ()),
        "inputs": (inputs, (*weights, *before, *besides, *after), ()),
        "outputs": ((*before, *besides), (*inputs, *weights), after),
    }[plan.held]
    inner = box[INNER[plan.held]].count
    outer = problem.batch * math.prod(box[axis].count for axis in AXES[plan.held])
    sides = SIDES[unit.dataflow]
    stream = box[sides.stream].units
    interval = problem.array.interval_cycles(stream)
    cycles = box[sides.rows].units * box[sides.columns].units * interval
    results = box[Axis.ROW].elements * box[Axis.OUTPUT].elements
    if reduce.final:
        tile = {axis: problem.elements(axis, 0, box[axis].units) for axis in (Axis.ROW, Axis.OUTPUT)}
        cycles = max(cycles, epilogue_cycles(unit, product.extras, math.prod(tile.values())))
    macs = problem.batch * results * reduce.elements
    copies = {role: context.buffer(memory).copies.value for role, memory in unit.held.items()}
    constants = [operand for operand in (operands["weights"], *others) if operand.constant]
    return Stage(
        node=product.node.name,
        part=product.nest.name,
        unit=product.name,
        cause="compute",
        outer=outer,
        inner=inner,
        tile_cycles=cycles,
        fill_cycles=unit.fill.value + problem.array.fold_cycles(stream) - interval,
        depth=min(_DEEPEST, *(count for role, count in copies.items() if role != plan.held or role == "outputs")),
        streams=streams,
        held=held,
        stores=stores,
        constants=tuple(operand.tensor for operand in constants),
        constant_bytes=_loaded_bytes(tiles, constants, plan.held, outer, inner),
        early=_early(product, plan.held, others, reads=reduce.reads),
        memory=unit.held[plan.held],
        memory_bytes=math.ceil(problem.tile_bits(plan.held, {axis: one.units for axis, one in box.items()}) / 8),
        slots=min(2, copies[plan.held]),
        macs=macs,
        ideal_cycles=math.ceil(macs / unit.macs_per_step),
        functions=(("mac", macs), *_functions(product, reduce, results)),
    )


def _loaded_bytes(tiles: _Tiles, constants: Iterable[Operand], held: Role, outer: int, inner: int) -> float:
    """Bytes of parameters over all tiles; what is held, and what held results need, comes once an outer iteration."""
    weights = tiles.product.operands["weights"]
    total = 0.0
    for operand in constants:
        once = held == ("weights" if operand is weights else "outputs")
        total += sum(t.size_bytes for t in tiles.reads(operand)) * (outer if once else outer * inner)
    return total


def _early(product: _Product, held: Role, others: Iterable[Operand], *, reads: bool) -> bool:
    """Whether no earlier node makes what is held."""
    if held == "outputs":
        return not reads and all(operand.constant for operand in others)
    return product.operands[held].constant


def _functions(product: _Product, reduce: Box, results: int) -> tuple[tuple[str, int], ...]:
    """Functions of the results on their way out: in proportion to the results of the stage."""
    if not reduce.final:
        return ()
    whole = product.size[Axis.ROW] * product.size[Axis.OUTPUT]
    return tuple((name, points * results // whole) for name, points in function_counts(product.extras))

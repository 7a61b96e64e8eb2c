"""Systolic arrays: products as tiles of folds. What a plan means is told in `tiling`, how one is found in `kernel`.

The product of a nest is M x K by K x N: M are its rows (tokens, pixels), N its outputs, K what it sums over. A
convolution is unrolled (im2col): the buffer of inputs holds the windows of a tile, the link carries each element of
the input once a pass. Loops that index both factors (heads, groups of a convolution) repeat the product.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from accelsim.hw.schema import SystolicUnit
from accelsim.ir import Access, Axis, FrozenMap, LoopNest, Node, Operand
from accelsim.mapping import kernel, search_kernel
from accelsim.mapping.context import Context, cannot_run, does_not_fit
from accelsim.mapping.dataflows.cut import cut_of, fixed_plan
from accelsim.mapping.dataflows.depthwise import depthwise_stages, is_depthwise
from accelsim.mapping.dataflows.epilogue import function_counts
from accelsim.mapping.dataflows.folds import Array
from accelsim.mapping.dataflows.tiling import AXES, LOOPS, NATURAL, Plan, Problem, Role, smallest_misfit
from accelsim.mapping.plan import Cut, fixed_tiles
from accelsim.mapping.record import ProductRecord
from accelsim.mapping.stage import Stage, Transfer

ROLES: tuple[Role, ...] = ("inputs", "weights", "outputs")
_DATAFLOWS = ("output-stationary", "weight-stationary", "input-stationary")
_OVERLAPS = ("none", "preload", "full")
_BITS = {Axis.ROW: 1, Axis.OUTPUT: 2, Axis.REDUCE: 4, Axis.BATCH: kernel.ALONG_BATCH}


class _Place(NamedTuple):
    """A node on a unit."""

    context: Context
    name: str
    unit: SystolicUnit
    node: Node


class Product(NamedTuple):
    """A product of a node on a unit: its operands by role, others that its results need, nests computed with it.

    `axes` tells for each loop of any of the nests along which side of the product it lies. `held` are the operands
    that may stay while others stream, the dataflow's own first.
    """

    place: _Place
    nest: LoopNest
    batch: int
    size: Mapping[Axis, int]
    axes: Mapping[str, Axis]
    operands: Mapping[Role, Operand]
    others: tuple[Operand, ...]
    extras: tuple[LoopNest, ...]
    held: tuple[Role, ...]

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

    @property
    def listed(self) -> tuple[Operand, ...]:
        """Operands in the order of the kernel's table."""
        return (*(self.operands[role] for role in ROLES), *self.others)


def systolic_stages(
    context: Context, name: str, unit: SystolicUnit, node: Node, nests: Sequence[LoopNest]
) -> tuple[Stage, ...]:
    """Lay out one mac nest, with the other nests computed on its results' way out.

    Raises UnsupportedError for nests that are no product, DoesNotFitError where no tile fits.
    """
    main = next((nest for nest in nests if nest.function == "mac"), None)
    if main is None:
        raise cannot_run(context, name, node, nests[0], "multiplies and adds")
    if unit.depthwise is not None and is_depthwise(main):
        return depthwise_stages(context, name, unit, node, nests)
    product = product_on(context, name, unit, node, nests)
    problem, record = _problem(product), product_record(product)
    plan = _plan(product, problem, record)
    cut = cut_of(problem, plan, _buffers(unit))
    found = record.boxes((*(plan.tile[axis] for axis in LOOPS), ROLES.index(plan.held)))
    moves = list(zip(found.moves.tolist(), found.sizes.tolist(), strict=True))
    return tuple(_stage(product, cut, box, moves[box[kernel.FIRST] : box[kernel.LAST]]) for box in found.boxes.tolist())


def _buffers(unit: SystolicUnit) -> dict[Role, str]:
    return {role: unit.held[role] for role in AXES}


def _plan(product: Product, problem: Problem, record: ProductRecord) -> Plan:
    """The plan that the description fixes, or the best one. Raises DoesNotFitError."""
    plan = _fixed(product, problem)
    if plan is not None:
        return plan
    best, ticks = record.search(product.context.record, product.context.objective(product.name))
    if ticks == search_kernel.NO_TILE:
        raise _misfit(product, problem)
    if ticks == search_kernel.TOO_LONG:
        raise does_not_fit(
            f"node '{product.node.name}' ({product.node.op}.{product.nest.name}) on unit '{product.name}': its cycles",
            float(product.nest.points) / product.unit.macs_per_step,
            search_kernel.MOST_TICKS / product.context.record.base.unit_ticks(product.name),
            "cycles, as 64-bit times hold",
            f"use a larger units.{product.name}.rows or a smaller model",
        )
    return Plan(dict(zip(LOOPS, best[:3], strict=True)), ROLES[best[3]])


def product_on(context: Context, name: str, unit: SystolicUnit, node: Node, nests: Sequence[LoopNest]) -> Product:
    """The product among nests with what is computed on its results' way out."""
    main = next(nest for nest in nests if nest.function == "mac")
    return _product(_Place(context, name, unit, node), main, tuple(nest for nest in nests if nest is not main))


def fixed_record(product: Product) -> tuple[int, int, int, int]:
    """The plan that the description fixes, as the kernels read it; -1 throughout if it fixes none."""
    if fixed_tiles(product.context.hardware, product.node.name, product.nest.name) is None:
        return (-1, -1, -1, -1)
    plan = _fixed(product, _problem(product))
    assert plan is not None
    m, n, k = (plan.tile[axis] for axis in LOOPS)
    return (m, n, k, ROLES.index(plan.held))


def _fixed(product: Product, problem: Problem) -> Plan | None:
    """The plan that the description fixes. Raises DoesNotFitError, InputError."""
    tiles = fixed_tiles(product.context.hardware, product.node.name, product.nest.name)
    if tiles is None:
        return None
    where = f"node '{product.node.name}' ({product.nest.name}) on unit '{product.name}'"
    return fixed_plan(problem, tiles, product.held, where=where, buffers=_buffers(product.unit))


def _product(place: _Place, nest: LoopNest, extras: tuple[LoopNest, ...]) -> Product:
    """A mac nest as a product of two matrices. Raises UnsupportedError for one that is none."""
    axis_of = {dim.name: dim.axis for dim in nest.dims}

    def factor(rows: bool) -> Operand:
        for operand in nest.operands:
            axes = {axis_of[dim] for dim in operand.dims}
            if operand.access is Access.READ and Axis.REDUCE in axes and (Axis.ROW in axes) is rows:
                return operand
        raise cannot_run(place.context, place.name, place.node, nest, "computes products of two matrices")

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
    held: tuple[Role, ...] = tuple(sorted(AXES, key=lambda role: role != NATURAL[place.unit.dataflow]))
    if nest.expert is not None and place.context.hardware.schedule.experts.order != "expert-major":
        held = ("weights",)  # what stays on chip from one visit to the next
    return Product(place, nest, size.pop(Axis.BATCH), size, axes, operands, tuple(others), extras, held)


def _problem(product: Product) -> Problem:
    unit, context = product.unit, product.context
    bits = {role: context.home(product.node.op, operand).bits for role, operand in product.operands.items()}
    return Problem(
        Array(unit.rows.value, unit.cols.value, unit.dataflow, unit.fold_overlap),
        product.batch,
        FrozenMap(product.size),
        FrozenMap({**bits, "outputs": unit.accumulator.value}),
        FrozenMap({role: context.buffer(unit.held[role]).copy_bytes * 8 for role in AXES}),
    )


def product_record(product: Product) -> ProductRecord:
    """The product as the kernels of mapping read it."""
    unit, context, op = product.unit, product.context, product.node.op
    record, hardware = context.record, context.hardware
    homes = [context.home(op, operand) for operand in product.listed]
    memories = [context.buffer(unit.held[role]) for role in ROLES]
    held = [ROLES.index(role) for role in product.held]
    row = (
        *(product.size[axis] for axis in LOOPS),
        product.batch,
        unit.rows.value,
        unit.cols.value,
        _DATAFLOWS.index(unit.dataflow),
        _OVERLAPS.index(unit.fold_overlap),
        homes[0].bits,
        homes[1].bits,
        unit.accumulator.value,
        *(memory.copy_bytes * 8 for memory in memories),
        *(memory.copies.value for memory in memories),
        unit.fill.value,
        product.operands["outputs"].access is Access.ACCUMULATE,
        *(held + [-1] * (3 - len(held))),
        _prefetch(product),
        record.base.unit_ticks(product.name),
    )
    operands = [
        (
            operand.elements,
            -1 if home.link is None else record.index[home.link],
            home.bits,
            sum(_BITS[axis] for axis in {product.axes[dim] for dim in operand.dims}),
            operand.constant,
            1 if home.link is None else hardware.links[home.link].beat_bytes,
            operand.indirect,
        )
        for operand, home in zip(product.listed, homes, strict=True)
    ]
    functions = [unit.epilogue[extra.function] for extra in product.extras if extra.function in unit.epilogue]
    epilogue = [(function.lanes.value, function.ii.value) for function in functions]
    return ProductRecord(
        np.array(row, np.int64),
        np.array(operands, np.int64),
        np.array(epilogue, np.int64).reshape(-1, 2),
    )


def _prefetch(product: Product) -> int:
    """Whether loads run ahead of the work before them, as the search may count on it."""
    scope = product.context.hardware.schedule.prefetch
    expert = product.nest.expert is not None
    return kernel.NEVER if scope == "none" or (scope == "experts" and not expert) else kernel.AHEAD


def _misfit(product: Product, problem: Problem) -> Exception:
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


def _stage(product: Product, cut: Cut, box: Sequence[int], moves: Sequence[tuple[list[int], list[float]]]) -> Stage:
    """The stage of a box, whose numbers come from the kernel."""
    unit, context, listed = product.unit, product.context, product.listed
    final = bool(box[kernel.FINAL])
    kinds: tuple[list[Transfer], list[Transfer], list[Transfer]] = ([], [], [])
    constant_bytes = 0.0
    tiles = box[kernel.OUTER] * box[kernel.INNER]
    for (kind, _, number, write, _, beats), (size, runs) in moves:
        operand = listed[number]
        home = context.home(product.node.op, operand)
        assert home.link is not None
        kinds[kind].append(Transfer(home.link, bool(write), size, beats, home.tensor_class, runs))
        if operand.constant:
            constant_bytes += size * (tiles if kind == kernel.STREAM else box[kernel.OUTER])
    others = product.others if final else ()
    elements = {axis: box[kernel.BOX_ELEMENTS + side] for side, axis in enumerate(LOOPS)}
    results = elements[Axis.ROW] * elements[Axis.OUTPUT]
    macs = product.batch * results * elements[Axis.REDUCE]
    constants = [operand for operand in (product.operands["weights"], *others) if operand.constant]
    return Stage(
        node=product.node.name,
        part=product.nest.name,
        unit=product.name,
        cause="compute",
        outer=box[kernel.OUTER],
        inner=box[kernel.INNER],
        tile_cycles=box[kernel.CYCLES],
        fill_cycles=box[kernel.BOX_FILL],
        depth=box[kernel.DEPTH],
        streams=tuple(kinds[kernel.STREAM]),
        held=tuple(kinds[kernel.LOAD]),
        stores=tuple(kinds[kernel.STORE]),
        constants=tuple(operand.tensor for operand in constants),
        constant_bytes=constant_bytes,
        early=bool(box[kernel.EARLY]),
        memory=unit.held[cut.held],
        memory_bytes=math.ceil(box[kernel.HELD_BITS] / 8),
        slots=box[kernel.SLOTS],
        macs=macs,
        ideal_cycles=math.ceil(macs / unit.macs_per_step),
        functions=(("mac", macs), *_functions(product, final, results)),
        cut=cut,
    )


def _functions(product: Product, final: bool, results: int) -> Iterable[tuple[str, int]]:
    """Functions of the results on their way out: in proportion to the results of the stage."""
    if not final:
        return ()
    whole = product.size[Axis.ROW] * product.size[Axis.OUTPUT]
    return ((name, points * results // whole) for name, points in function_counts(product.extras))

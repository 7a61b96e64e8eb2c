"""A nest as a product of two matrices on a systolic array, and how the kernels of mapping read it.

The product of a nest is M x K by K x N: M are its rows (tokens, pixels), N its outputs, K what it sums over. A
convolution is unrolled (im2col): the buffer of inputs holds the windows of a tile, the link carries each element of
the input once a pass. Loops that index both factors (heads, groups of a convolution) repeat the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from accelsim.hw.schema import SystolicUnit
from accelsim.ir import Access, Axis, LoopNest, Node, Operand
from accelsim.mapping import kernel
from accelsim.mapping.context import Context, Home, cannot_run
from accelsim.mapping.dataflows.folds import Array
from accelsim.mapping.dataflows.tiling import AXES, LOOPS, NATURAL, Problem, Role
from accelsim.mapping.record import ProductRecord

_ROW, _OUTPUT, _REDUCE = LOOPS
_BATCH, _READ = Axis.BATCH, Access.READ  # members of an Enum are slow to reach
ROLES: tuple[Role, ...] = ("inputs", "weights", "outputs")
_DATAFLOWS = ("output-stationary", "weight-stationary", "input-stationary")
_OVERLAPS = ("none", "preload", "full")
_HELD: dict[str, tuple[Role, ...]] = {
    dataflow: tuple(sorted(AXES, key=lambda role: role != natural)) for dataflow, natural in NATURAL.items()
}
_NO_EPILOGUE = np.empty((0, 2), np.int64)
_BITS = {_ROW: 1, _OUTPUT: 2, _REDUCE: 4, _BATCH: kernel.ALONG_BATCH}


class _Place(NamedTuple):
    """A node on a unit."""

    context: Context
    name: str
    unit: SystolicUnit
    node: Node


class _Array(NamedTuple):
    """What all products on a unit share: its array and buffers, and, as the kernel reads them, the columns of a
    product that are its own: `sides` from ROWS on, `rooms` from the bits of sums on."""

    array: Array
    capacity_bits: Mapping[Role, int]
    accumulator: int
    buffers: Mapping[Role, str]
    sides: tuple[int, ...]
    rooms: tuple[int, ...]
    unit_ticks: int


@dataclass(frozen=True)
class Product:
    """A product of a node on a unit: its operands by role, and nests computed with it.

    `held` are the operands that may stay while others stream, the dataflow's own first. `listed` are all operands in
    the order of the kernel's table: inputs, weights, outputs, and others that its results need; `along` has the bits of
    the sides that each lies along.
    """

    place: _Place
    nest: LoopNest
    extras: tuple[LoopNest, ...]
    held: tuple[Role, ...]
    batch: int
    size: Mapping[Axis, int]
    operands: Mapping[Role, Operand]
    listed: tuple[Operand, ...]
    along: tuple[int, ...]

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
    def others(self) -> tuple[Operand, ...]:
        """What else its results need."""
        return self.listed[len(ROLES) :]

    @cached_property
    def homes(self) -> tuple[Home, ...]:
        """Where these operands are stored. Raises InputError where the hardware does not say."""
        return tuple(self.context.home(self.node.op, operand) for operand in self.listed)

    @cached_property
    def array(self) -> _Array:
        """What it shares with all products on its unit."""
        return self.context.shared(("array", self.name), lambda: _array_of(self))


def product_on(context: Context, name: str, unit: SystolicUnit, node: Node, nests: Sequence[LoopNest]) -> Product:
    """The product among nests with what is computed on its results' way out."""
    main = next(nest for nest in nests if nest.function == "mac")
    return _product(_Place(context, name, unit, node), main, tuple(nest for nest in nests if nest is not main))


def _product(place: _Place, nest: LoopNest, extras: tuple[LoopNest, ...]) -> Product:
    """A mac nest as a product of two matrices. Raises UnsupportedError for one that is none."""
    nests = (nest, *extras)
    found = place.context.workload.remembered("matrices", nests, lambda: _matrices(nest, extras))
    if found is None:
        raise cannot_run(place.context, place.name, place.node, nest, "computes products of two matrices")
    held = _HELD[place.unit.dataflow]
    if nest.expert is not None and place.context.hardware.schedule.experts.order != "expert-major":
        held = ("weights",)  # what stays on chip from one visit to the next
    return Product(place, nest, extras, held, *found)


class _Matrices(NamedTuple):
    """What of a product follows from its nests."""

    batch: int
    size: Mapping[Axis, int]
    operands: Mapping[Role, Operand]
    listed: tuple[Operand, ...]
    along: tuple[int, ...]


def _matrices(nest: LoopNest, extras: tuple[LoopNest, ...]) -> _Matrices | None:
    axis_of = {dim.name: dim.axis for dim in nest.dims}
    found: dict[Role, Operand] = {}
    for operand in nest.operands:
        axes = [axis_of[dim] for dim in operand.dims]
        if operand.access is not _READ:
            found.setdefault("outputs", operand)
        elif _REDUCE in axes:
            found.setdefault("inputs" if _ROW in axes else "weights", operand)
    if len(found) < len(ROLES):
        return None
    weights = found["weights"]
    # A repetition that uses the same weights again is more rows of one product.
    sides = {dim: _ROW if axis is _BATCH and dim not in weights.dims else axis for dim, axis in axis_of.items()}
    size = dict.fromkeys((*LOOPS, _BATCH), 1)
    for dim in nest.dims:
        size[sides[dim.name]] *= dim.size
    for extra in extras:
        sides.update({dim.name: dim.axis for dim in extra.dims if dim.name not in sides})
    made = {o.tensor for one in (nest, *extras) for o in one.operands if o.access is not _READ}
    others = [o for o in nest.operands if all(o is not factor for factor in found.values())]
    others += [o for extra in extras for o in extra.operands if o.tensor and o.tensor not in made]
    listed = (*(found[role] for role in ROLES), *others)
    along = tuple(sum(_BITS[axis] for axis in {sides[dim] for dim in operand.dims}) for operand in listed)
    return _Matrices(size.pop(_BATCH), size, found, listed, along)


def _array_of(product: Product) -> _Array:
    unit, context = product.unit, product.context
    memories = [context.buffer(unit.held[role]) for role in ROLES]
    rooms = [memory.copy_bytes * 8 for memory in memories]
    return _Array(
        Array(unit.rows.value, unit.cols.value, unit.dataflow, unit.fold_overlap),
        dict(zip(ROLES, rooms, strict=True)),
        unit.accumulator.value,
        {role: unit.held[role] for role in AXES},
        (unit.rows.value, unit.cols.value, _DATAFLOWS.index(unit.dataflow), _OVERLAPS.index(unit.fold_overlap)),
        (unit.accumulator.value, *rooms, *(memory.copies.value for memory in memories), unit.fill.value),
        context.record.base.unit_ticks(product.name),
    )


def problem_of(product: Product) -> Problem:
    """The product as plans are made for it."""
    array, homes = product.array, product.homes
    bits: dict[Role, int] = {"inputs": homes[0].bits, "weights": homes[1].bits, "outputs": array.accumulator}
    return Problem(array.array, product.batch, product.size, bits, array.capacity_bits)


def product_record(product: Product) -> ProductRecord:
    """The product as the kernels of mapping read it."""
    unit, record, array, homes = product.unit, product.context.record, product.array, product.homes
    links = product.context.hardware.links
    held = [ROLES.index(role) for role in product.held]
    row = (
        *(product.size[axis] for axis in LOOPS),
        product.batch,
        *array.sides,
        homes[0].bits,
        homes[1].bits,
        *array.rooms,
        product.operands["outputs"].access is Access.ACCUMULATE,
        *held,
        *(-1,) * (3 - len(held)),
        _prefetch(product),
        array.unit_ticks,
    )
    operands = [
        (
            operand.elements,
            -1 if home.link is None else record.index[home.link],
            home.bits,
            along,
            operand.constant,
            1 if home.link is None else links[home.link].beat_bytes,
            operand.indirect,
        )
        for operand, home, along in zip(product.listed, homes, product.along, strict=True)
    ]
    functions = [unit.epilogue[extra.function] for extra in product.extras if extra.function in unit.epilogue]
    epilogue = [(function.lanes.value, function.ii.value) for function in functions]
    return ProductRecord(
        np.array(row, np.int64),
        np.array(operands, np.int64),
        np.array(epilogue, np.int64) if epilogue else _NO_EPILOGUE,
    )


def _prefetch(product: Product) -> int:
    """Whether loads run ahead of the work before them, as the search may count on it."""
    scope = product.context.hardware.schedule.prefetch
    expert = product.nest.expert is not None
    return kernel.NEVER if scope == "none" or (scope == "experts" and not expert) else kernel.AHEAD

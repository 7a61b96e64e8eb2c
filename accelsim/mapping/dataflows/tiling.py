"""How a product is cut into tiles that fit the buffers of a systolic array.

Sizes along the array are cut in whole folds (R rows, C columns), the streamed one anywhere. A size that its tile does
not divide leaves a box of its own with the smaller tile, so that all tiles of a box cost the same cycles. One
operand's tile is held while the tiles along the loop that does not index it stream past:

    held     inner loop   crosses the link
    weights  M            weights once a box of M; inputs for each tile of N
    inputs   N            inputs once a box of N; weights for each tile of M
    outputs  K            inputs for each tile of N, weights for each tile of M

A cut of K spills partial sums, accumulator wide: written after every tile of K but the last, read back before every
one but the first; held outputs stay through a box of K. K is the outermost loop, then the boxes of M, then of N.

The choice is the least estimate among candidates. Not searched: other loop orders, tiles of unequal size, what stays on
chip between nodes.
Not modelled: that sums read back must have been written, where fewer tiles than a buffer has copies lie between.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Literal, NamedTuple

from accelsim.ir import Axis, FrozenMap
from accelsim.mapping.dataflows.folds import SIDES, Array

Role = Literal["inputs", "weights", "outputs"]
_MOVING = 0.1  # weight of all transfers in an estimate
_TRIED = 64  # numbers of tiles looked at for one that divides the reduction
LOOPS = (Axis.ROW, Axis.OUTPUT, Axis.REDUCE)
AXES: dict[Role, tuple[Axis, Axis]] = {
    "inputs": (Axis.ROW, Axis.REDUCE),
    "weights": (Axis.OUTPUT, Axis.REDUCE),
    "outputs": (Axis.ROW, Axis.OUTPUT),
}
INNER: dict[Role, Axis] = {"weights": Axis.ROW, "inputs": Axis.OUTPUT, "outputs": Axis.REDUCE}
NATURAL: dict[str, Role] = {
    "output-stationary": "outputs",
    "weight-stationary": "weights",
    "input-stationary": "inputs",
}


@dataclass(frozen=True)
class Problem:
    """A product of M x K by K x N, `batch` times, on an array whose buffers hold `capacity_bits` of each operand.

    `bits` are the stored widths in the buffers.
    """

    array: Array
    batch: int
    size: FrozenMap[Axis, int]
    bits: FrozenMap[Role, int]
    capacity_bits: FrozenMap[Role, int]

    @cached_property
    def _grains(self) -> dict[Axis, int]:
        sides = SIDES[self.array.dataflow]
        return {sides.rows: self.array.rows, sides.columns: self.array.columns, sides.stream: 1}

    @cached_property
    def _units(self) -> dict[Axis, int]:
        return {axis: -(-self.size[axis] // grain) for axis, grain in self._grains.items()}

    def unit(self, axis: Axis) -> int:
        """The grain in which a size is cut."""
        return self._grains[axis]

    def units(self, axis: Axis) -> int:
        return self._units[axis]

    def elements(self, axis: Axis, first: int, last: int) -> int:
        """Elements in the units from `first` up to `last`."""
        unit, size = self.unit(axis), self.size[axis]
        return min(size, last * unit) - min(size, first * unit)

    def tile_bits(self, role: Role, tile: Mapping[Axis, int]) -> int:
        first, second = (self.elements(axis, 0, tile[axis]) for axis in AXES[role])
        return first * second * self.bits[role]

    def fits(self, role: Role, tile: Mapping[Axis, int]) -> bool:
        return self.tile_bits(role, tile) <= self.capacity_bits[role]


@dataclass(frozen=True, slots=True)
class Box:
    """Equal tiles along one loop: `count` of `units` grains, `elements` in all. Along K: whether partial sums are
    read back at the start, and whether results are final at the end."""

    count: int
    units: int
    elements: int
    reads: bool = False
    final: bool = True


class Plan(NamedTuple):
    """The units of a tile along each loop, and the operand that is held."""

    tile: Mapping[Axis, int]
    held: Role


def boxes(problem: Problem, axis: Axis, units: int) -> tuple[Box, ...]:
    """One box, or two where the last tile is smaller."""
    total = problem.units(axis)
    count, rest = divmod(total, units)
    whole = Box(count, units, problem.elements(axis, 0, count * units))
    if not rest:
        return (whole,)
    return (whole, Box(1, rest, problem.elements(axis, count * units, total)))


def reduce_boxes(problem: Problem, plan: Plan) -> tuple[Box, ...]:
    """Boxes of K. Unless results are held, the first and the last tile are boxes of their own."""
    units, total = plan.tile[Axis.REDUCE], problem.units(Axis.REDUCE)
    found = boxes(problem, Axis.REDUCE, units)
    if plan.held != "outputs":
        starts = list(range(0, total, units))
        cuts = sorted({0, 1, len(starts) - 1, len(starts)})
        found = tuple(
            Box(
                last - first,
                min(units, total - first * units),
                problem.elements(Axis.REDUCE, first * units, last * units),
            )
            for first, last in itertools.pairwise(cuts)
        )
    return tuple(replace(box, reads=index > 0, final=index == len(found) - 1) for index, box in enumerate(found))


def passes(problem: Problem, plan: Plan) -> dict[Role, int]:
    """How often each operand crosses its link; of outputs, how often a result or partial sum is written."""
    tiles = {axis: -(-problem.units(axis) // plan.tile[axis]) for axis in LOOPS}
    cuts = {axis: 1 + bool(problem.units(axis) % plan.tile[axis]) for axis in LOOPS}
    return {role: (cuts if plan.held == role else tiles)[inner] for role, inner in INNER.items()}


def stream_cycles(problem: Problem, plan: Plan) -> int:
    """Cycles of all folds without any wait."""
    sides = SIDES[problem.array.dataflow]
    units, total = plan.tile[sides.stream], problem.units(sides.stream)
    count, rest = divmod(total, units)
    once = count * problem.array.interval_cycles(units) + (problem.array.interval_cycles(rest) if rest else 0)
    return problem.batch * problem.units(sides.rows) * problem.units(sides.columns) * once


class Crossing(NamedTuple):
    """What an operand's link costs: seconds for all elements once, for all sums once at the width of the accumulator,
    and for a bit; how much of each the link's `memory` is busy; whether results are read too, to be added to."""

    role: Role
    link: str
    memory: str
    seconds: float
    spill_seconds: float
    bit_seconds: float
    memory_share: float
    adds: bool


class Rates(NamedTuple):
    """A cycle of the array, and the operands that cross a link."""

    cycle_seconds: float
    crossings: tuple[Crossing, ...]


def estimate(problem: Problem, rates: Rates, plan: Plan) -> float:
    """Seconds of a plan: the slowest of array, channels and DRAMs, plus the first load and the last store; and a tenth
    of the time of all transfers, so that of plans that are about as fast the one that moves least is taken."""
    compute = stream_cycles(problem, plan) * rates.cycle_seconds
    often = passes(problem, plan)
    reads: dict[str, float] = {}
    writes: dict[str, float] = {}
    shared: dict[str, float] = {}
    ends = 0.0
    for role, link, memory, once, spill, bit_seconds, share, adds in rates.crossings:
        spilled = spill * (often[role] - 1) if role == "outputs" else 0.0
        read = spilled + once * adds if role == "outputs" else once * often[role]
        written = spilled + once if role == "outputs" else 0.0
        reads[link] = reads.get(link, 0.0) + read
        writes[link] = writes.get(link, 0.0) + written
        shared[memory] = shared.get(memory, 0.0) + (read + written) * share
        ends += problem.tile_bits(role, plan.tile) * bit_seconds
    slowest = max(compute, *reads.values(), *writes.values(), *shared.values(), 0.0)
    return slowest + ends + _MOVING * (sum(reads.values()) + sum(writes.values()))


@lru_cache(maxsize=4096)
def best_plan(problem: Problem, rates: Rates, held: tuple[Role, ...]) -> Plan | None:
    """The candidate of least estimate, the first of equals; None where even the smallest tile does not fit."""
    return min(_candidates(problem, held), key=partial(estimate, problem, rates), default=None)


def _candidates(problem: Problem, held: tuple[Role, ...]) -> Iterator[Plan]:
    rows, outputs = (tuple(_cuts(problem.units(axis))) for axis in (Axis.ROW, Axis.OUTPUT))
    for m, n in itertools.product(rows, outputs):
        for k in _reduce_cuts(problem, m, n):
            tile = {Axis.ROW: m, Axis.OUTPUT: n, Axis.REDUCE: k}
            for role in held:
                yield Plan(tile, role)


def _cuts(units: int) -> Iterator[int]:
    """Tile sizes for 1, 2, 4, ... tiles of nearly equal size."""
    count, last = 1, 0
    while last != 1:
        size = -(-units // count)
        if size != last:
            yield size
        last, count = size, 2 * count


def _reduce_cuts(problem: Problem, m: int, n: int) -> Iterator[int]:
    """Tile sizes of K for the fewest tiles that fit, the next number that divides K, twice and four times as many."""
    total, unit = problem.units(Axis.REDUCE), problem.unit(Axis.REDUCE)
    tile = {Axis.ROW: m, Axis.OUTPUT: n, Axis.REDUCE: 1}
    if not all(problem.fits(role, tile) for role in AXES):
        return
    width = {role: problem.elements(AXES[role][0], 0, tile[AXES[role][0]]) * problem.bits[role] for role in AXES}
    room = min(problem.capacity_bits[role] // width[role] for role in ("inputs", "weights"))
    most = total if room >= problem.size[Axis.REDUCE] else max(1, room // unit)
    fewest = -(-total // most)
    even = next((count for count in range(fewest, min(4 * fewest, fewest + _TRIED)) if total % count == 0), fewest)
    yield from sorted({-(-total // count) for count in (fewest, even, 2 * fewest, 4 * fewest)}, reverse=True)


def smallest_misfit(problem: Problem) -> tuple[Role, int] | None:
    """The operand whose smallest tile its buffer cannot hold, and the bits of that tile."""
    smallest = dict.fromkeys(LOOPS, 1)
    bits = {role: problem.tile_bits(role, smallest) for role in AXES}
    found = [(role, size) for role, size in bits.items() if size > problem.capacity_bits[role]]
    return max(found, key=lambda item: item[1] / max(1, problem.capacity_bits[item[0]]), default=None)

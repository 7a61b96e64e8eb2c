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

Plans are found by `mapping/search_kernel.py` and laid out by `mapping/kernel.py`. Not searched: other loop orders,
tiles of unequal size, what stays on chip between nodes.
Not modelled: that sums read back must have been written, where fewer tiles than a buffer has copies lie between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from accelsim.ir import Axis
from accelsim.mapping.dataflows.folds import SIDES, Array

Role = Literal["inputs", "weights", "outputs"]
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
    size: Mapping[Axis, int]
    bits: Mapping[Role, int]
    capacity_bits: Mapping[Role, int]

    @cached_property
    def _grains(self) -> dict[Axis, int]:
        sides = SIDES[self.array.dataflow]
        return {sides.rows: self.array.rows, sides.columns: self.array.columns, sides.stream: 1}

    def unit(self, axis: Axis) -> int:
        """The grain in which a size is cut."""
        return self._grains[axis]

    def units(self, axis: Axis) -> int:
        return -(-self.size[axis] // self._grains[axis])

    def elements(self, axis: Axis, first: int, last: int) -> int:
        """Elements in the units from `first` up to `last`."""
        unit, size = self.unit(axis), self.size[axis]
        return min(size, last * unit) - min(size, first * unit)

    def tile_bits(self, role: Role, tile: Mapping[Axis, int]) -> int:
        first, second = (self.elements(axis, 0, tile[axis]) for axis in AXES[role])
        return first * second * self.bits[role]

    def fits(self, role: Role, tile: Mapping[Axis, int]) -> bool:
        return self.tile_bits(role, tile) <= self.capacity_bits[role]


class Plan(NamedTuple):
    """The units of a tile along each loop, and the operand that is held."""

    tile: Mapping[Axis, int]
    held: Role


def passes(problem: Problem, plan: Plan) -> dict[Role, int]:
    """How often each operand crosses its link; of outputs, how often a result or partial sum is written."""
    found: dict[Role, int] = {}
    for role, inner in INNER.items():
        units, tile = problem.units(inner), plan.tile[inner]
        found[role] = 1 + bool(units % tile) if plan.held == role else -(-units // tile)
    return found


def smallest_misfit(problem: Problem) -> tuple[Role, int] | None:
    """The operand whose smallest tile its buffer cannot hold, and the bits of that tile."""
    smallest = dict.fromkeys(LOOPS, 1)
    bits = {role: problem.tile_bits(role, smallest) for role in AXES}
    found = [(role, size) for role, size in bits.items() if size > problem.capacity_bits[role]]
    return max(found, key=lambda item: item[1] / max(1, problem.capacity_bits[item[0]]), default=None)

"""A nest on a spatial array: its loops along the sides, and the pieces that it is cut into."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from accelsim.hw.schema import SpatialUnit
from accelsim.ir import Axis, Dim, LoopNest, Node, Operand
from accelsim.mapping.context import Context


class StepCut(NamedTuple):
    """Steps of a block of rows, of a tile of outputs and of a tile of the reduction."""

    rows: int
    outputs: int
    reduce: int


class Box(NamedTuple):
    """`pieces` of `steps` steps each, together `part` of the loop."""

    pieces: int
    steps: int
    part: Fraction


@dataclass(frozen=True)
class Loop:
    """A loop that is cut: its size, its factor along the sides, and `repeats` of it that are cut with it."""

    size: int
    factor: int
    repeats: int = 1

    @cached_property
    def steps(self) -> int:
        return self.repeats * -(-self.size // self.factor)

    def boxes(self, steps: int) -> tuple[Box, ...]:
        count, rest = divmod(self.steps, steps)
        whole = self._elements(count * steps)
        found = [Box(count, steps, Fraction(whole, self._elements(self.steps)))]
        if rest:
            found.append(Box(1, rest, 1 - found[0].part))
        return tuple(found)

    def _elements(self, steps: int) -> int:
        images, rest = divmod(steps, -(-self.size // self.factor))
        return images * self.size + min(self.size, rest * self.factor)


@dataclass(frozen=True)
class Work:
    """A product on a unit, its operands by role, and how its loops lie on the array."""

    context: Context
    name: str
    unit: SpatialUnit
    node: Node
    nest: LoopNest
    operands: Mapping[str, Operand]
    extras: tuple[LoopNest, ...]
    factors: Mapping[str, int]

    @property
    def where(self) -> str:
        return f"node '{self.node.name}' ({self.node.op}.{self.nest.name}) on unit '{self.name}'"

    def steps(self, dim: Dim) -> int:
        return -(-dim.size // self.factors.get(dim.name, 1))

    def dims(self, axis: Axis) -> list[Dim]:
        return self._dims[axis]

    @cached_property
    def _dims(self) -> Mapping[Axis, list[Dim]]:
        return {axis: [dim for dim in self.nest.dims if dim.axis is axis] for axis in Axis}

    @cached_property
    def groups(self) -> list[Dim]:
        """Repetitions with weights of their own."""
        return [dim for dim in self.dims(Axis.BATCH) if dim.name in self.operands["weights"].dims]

    @cached_property
    def group_steps(self) -> int:
        return math.prod(self.steps(dim) for dim in self.groups)

    @cached_property
    def images(self) -> list[Dim]:
        """Repetitions that meet the same weights: more rows."""
        return [dim for dim in self.dims(Axis.BATCH) if dim not in self.groups]

    def loop(self, axis: Axis) -> Loop:
        """The loop that is cut along an axis: its outermost one, of rows with all images."""
        return self._loops[axis]

    @cached_property
    def _loops(self) -> Mapping[Axis, Loop]:
        repeats = math.prod(self.steps(dim) for dim in self.images)
        found = {}
        for axis, dims in self._dims.items():
            again = repeats if axis is Axis.ROW else 1
            found[axis] = Loop(dims[0].size, self.factors.get(dims[0].name, 1), again) if dims else Loop(1, 1, again)
        return found

    def inside(self, axis: Axis) -> int:
        """Steps of the loops inside the one that is cut."""
        return math.prod(self.steps(dim) for dim in self.dims(axis)[1:])

    def part(self, operand: Operand, rows: float, outputs: float, reduce: float) -> float:
        """Elements of an operand in these parts of rows, outputs and reduction, of one step of groups."""
        known = self._indexed_by.get(operand.dims)
        if known is None:
            known = self._indexed_by[operand.dims] = self._indexing(set(operand.dims))
        share, by_rows, by_outputs, by_reduction = known
        share = (
            share * (rows if by_rows else 1.0) * (outputs if by_outputs else 1.0) * (reduce if by_reduction else 1.0)
        )
        return operand.elements * share

    @cached_property
    def _indexed_by(self) -> dict[tuple[str, ...], tuple[float, bool, bool, bool]]:
        return {}

    def _indexing(self, own: set[str]) -> tuple[float, bool, bool, bool]:
        """The share of a step of groups in what these loops index, and whether rows, outputs and reduction do."""

        def index(dims: list[Dim]) -> bool:
            return any(dim.name in own for dim in dims)

        share = 1.0 / self.group_steps if index(self.groups) else 1.0
        rows = [*self.images, *self.dims(Axis.ROW)]
        return share, index(rows), index(self.dims(Axis.OUTPUT)), index(self.dims(Axis.REDUCE))

    def bits(self, role: str) -> int:
        """Stored width of an operand in its buffer."""
        if role == "outputs":
            return self.unit.accumulator.value
        return self.context.home(self.node.op, self.operands[role]).bits

    def room(self, role: str) -> int:
        """Bits of one copy of its buffer."""
        return self.context.shared(
            ("room", self.name, role), lambda: self.context.buffer(self.unit.held[role]).copy_bytes * 8
        )

    def needed(self, role: str, cut: StepCut) -> float:
        """Bits of its buffer that a cut takes: weights of a tile, sums of a block, inputs of a step of rows."""
        rows = {"weights": 0, "inputs": 1, "outputs": cut.rows}[role]
        parts = (
            min(1.0, steps / self.loop(axis).steps)
            for axis, steps in ((Axis.ROW, rows), (Axis.OUTPUT, cut.outputs), (Axis.REDUCE, cut.reduce))
        )
        return self.part(self.operands[role], *parts) * self.bits(role)

    def limits(self) -> tuple[int, int]:
        """The most steps of a tile of outputs and of the reduction that the places have room for."""
        private = self.unit.private
        sums, window = self.loop(Axis.OUTPUT).steps, self.loop(Axis.REDUCE).steps
        if private.outputs is not None:
            sums = min(sums, private.outputs.value // self.inside(Axis.OUTPUT))
        if private.inputs is not None:
            window = min(window, private.inputs.value // self.inside(Axis.REDUCE))
        return sums, window

    def weights_fit(self, cut: StepCut) -> bool:
        kept = cut.outputs * self.inside(Axis.OUTPUT) * cut.reduce * self.inside(Axis.REDUCE)
        return self.unit.private.weights is None or kept <= self.unit.private.weights.value

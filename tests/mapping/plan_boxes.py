"""What a plan means, written plainly: the boxes along each loop and the cycles of all folds. The kernels of mapping are
held to it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from accelsim.ir import Axis
from accelsim.mapping.dataflows.folds import SIDES
from accelsim.mapping.dataflows.tiling import Plan, Problem


@dataclass(frozen=True, slots=True)
class Box:
    """Equal tiles along one loop: `count` of `units` grains, `elements` in all. Along K: whether partial sums are
    read back at the start, and whether results are final at the end."""

    count: int
    units: int
    elements: int
    reads: bool = False
    final: bool = True


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


def stream_cycles(problem: Problem, plan: Plan) -> int:
    """Cycles of all folds without any wait."""
    sides = SIDES[problem.array.dataflow]
    units, total = plan.tile[sides.stream], problem.units(sides.stream)
    count, rest = divmod(total, units)
    once = count * problem.array.interval_cycles(units) + (problem.array.interval_cycles(rest) if rest else 0)
    return problem.batch * problem.units(sides.rows) * problem.units(sides.columns) * once

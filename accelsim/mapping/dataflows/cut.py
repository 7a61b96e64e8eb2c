"""Plans of a systolic array: those that a description fixes, and what any of them means in elements and bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from accelsim.errors import InputError
from accelsim.hw.mapping import Tiles
from accelsim.ir import Axis
from accelsim.mapping.context import does_not_fit
from accelsim.mapping.dataflows.tiling import AXES, INNER, Plan, Problem, Role, passes
from accelsim.mapping.plan import Cut

FIELDS = {Axis.ROW: "rows", Axis.OUTPUT: "outputs", Axis.REDUCE: "reduce"}
_CHOICES = (*FIELDS.values(), "held")
_ORDERS = {
    held: (*(axis for axis in (Axis.REDUCE, Axis.ROW, Axis.OUTPUT) if axis is not inner), inner)
    for held, inner in INNER.items()
}
"""The loops from the outermost, by the operand that is held."""


def fixed_plan(
    problem: Problem, tiles: Tiles, held: Sequence[Role], *, where: str, buffers: Mapping[Role, str]
) -> Plan:
    """The plan that `tiles` stands for, sizes rounded up to whole folds. `held` are the operands that may stay, the
    natural one first; `where` is how errors name the product, `buffers` the buffer of each operand.

    Raises InputError for an operand that may not stay here, DoesNotFitError for a tile beyond its buffer.
    """
    role = next((role for role in held if role == tiles.held), held[0] if tiles.held is None else None)
    if role is None:
        raise InputError(f"{where}: mapping: '{tiles.held}' cannot be held here, only {', '.join(held)}")
    given = {axis: getattr(tiles, name) for axis, name in FIELDS.items()}
    tile = {
        axis: problem.units(axis) if size is None else min(problem.units(axis), -(-size // problem.unit(axis)))
        for axis, size in given.items()
    }
    for operand in AXES:
        bits = problem.tile_bits(operand, tile)
        if bits > problem.capacity_bits[operand]:
            shown = " x ".join(f"{problem.elements(axis, 0, tile[axis])} {FIELDS[axis]}" for axis in AXES[operand])
            raise does_not_fit(
                f"{where}: mapping: a tile of its {operand} ({shown}) in buffer '{buffers[operand]}'",
                bits / 8,
                problem.capacity_bits[operand] / 8,
                "bytes",
                f"smaller {' or '.join(FIELDS[axis] for axis in AXES[operand])} in the mapping, or raise "
                f"memories.{buffers[operand]}.words",
            )
    return Plan(tile, role)


def cut_of(problem: Problem, plan: Plan, buffers: Mapping[Role, str]) -> Cut:
    """What a plan means: tiles in elements, order of loops, passes, room taken of each buffer."""
    tile = {axis: min(problem.size[axis], units * problem.unit(axis)) for axis, units in plan.tile.items()}
    often = passes(problem, plan)
    return Cut(
        dataflow=problem.array.dataflow,
        batch=problem.batch,
        size=problem.size,
        tile=tile,
        held=plan.held,
        loops=_ORDERS[plan.held],
        buffers={
            role: (
                buffers[role],
                -(-tile[first] * tile[second] * problem.bits[role] // 8),
                problem.capacity_bits[role] // 8,
            )
            for role, (first, second) in AXES.items()
        },
        passes={"inputs": often["inputs"], "weights": often["weights"], "outputs": often["outputs"]},
        choices=_CHOICES,
    )

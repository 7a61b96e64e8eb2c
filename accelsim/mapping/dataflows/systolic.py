"""Systolic arrays: products as tiles of folds. What a product is is told in `product`, what a plan means in `tiling`,
how one is found in `kernel`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from accelsim.hw.schema import SystolicUnit
from accelsim.ir import Axis, LoopNest, Node
from accelsim.mapping import kernel, search_kernel
from accelsim.mapping.context import Context, cannot_run, does_not_fit
from accelsim.mapping.dataflows.cut import cut_of, fixed_plan
from accelsim.mapping.dataflows.depthwise import depthwise_stages, is_depthwise
from accelsim.mapping.dataflows.epilogue import function_counts
from accelsim.mapping.dataflows.product import ROLES, Product, problem_of, product_on, product_record
from accelsim.mapping.dataflows.tiling import LOOPS, Plan, Problem, smallest_misfit
from accelsim.mapping.plan import Cut, fixed_tiles
from accelsim.mapping.record import ProductRecord
from accelsim.mapping.stage import Stage, Transfer


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
    problem, record = problem_of(product), product_record(product)
    return _stages(product, problem, record, _plan(product, problem, record))


def planned_stages(product: Product, plan: Sequence[int]) -> tuple[Stage, ...]:
    """The stages of a product whose plan the kernels have chosen: sizes along the three loops, and the operand held."""
    return _stages(product, problem_of(product), product_record(product), _read(plan))


def _stages(product: Product, problem: Problem, record: ProductRecord, plan: Plan) -> tuple[Stage, ...]:
    cut = cut_of(problem, plan, product.array.buffers)
    found = record.boxes((*(plan.tile[axis] for axis in LOOPS), ROLES.index(plan.held)))
    moves = list(zip(found.moves.tolist(), found.sizes.tolist(), strict=True))
    return tuple(_stage(product, cut, box, moves[box[kernel.FIRST] : box[kernel.LAST]]) for box in found.boxes.tolist())


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
    return _read(best)


def _read(plan: Sequence[int]) -> Plan:
    """A plan as the kernels write it."""
    return Plan(dict(zip(LOOPS, plan[:3], strict=True)), ROLES[plan[3]])


def fixed_record(product: Product) -> tuple[int, int, int, int]:
    """The plan that the description fixes, as the kernels read it; -1 throughout if it fixes none."""
    if fixed_tiles(product.context.hardware, product.node.name, product.nest.name) is None:
        return (-1, -1, -1, -1)
    plan = _fixed(product, problem_of(product))
    assert plan is not None
    m, n, k = (plan.tile[axis] for axis in LOOPS)
    return (m, n, k, ROLES.index(plan.held))


def _fixed(product: Product, problem: Problem) -> Plan | None:
    """The plan that the description fixes. Raises DoesNotFitError, InputError."""
    tiles = fixed_tiles(product.context.hardware, product.node.name, product.nest.name)
    if tiles is None:
        return None
    where = f"node '{product.node.name}' ({product.nest.name}) on unit '{product.name}'"
    return fixed_plan(problem, tiles, product.held, where=where, buffers=product.array.buffers)


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
    unit, listed, homes = product.unit, product.listed, product.homes
    final = bool(box[kernel.FINAL])
    kinds: tuple[list[Transfer], list[Transfer], list[Transfer]] = ([], [], [])
    constant_bytes = 0.0
    rounds = box[kernel.OUTER]
    tiles = rounds * box[kernel.INNER]
    for (kind, _, number, write, _, beats), (size, runs) in moves:
        home = homes[number]
        assert home.link is not None
        kinds[kind].append(Transfer(home.link, bool(write), size, beats, home.tensor_class, runs))
        if listed[number].constant:
            constant_bytes += size * (tiles if kind == kernel.STREAM else rounds)
    rows, outputs, reduced = box[kernel.BOX_ELEMENTS : kernel.BOX_ELEMENTS + len(LOOPS)]
    macs = product.batch * rows * outputs * reduced
    constants = (product.operands["weights"], *(product.others if final else ()))
    return Stage(
        node=product.node.name,
        part=product.nest.name,
        unit=product.name,
        cause="compute",
        outer=rounds,
        inner=box[kernel.INNER],
        tile_cycles=box[kernel.CYCLES],
        fill_cycles=box[kernel.BOX_FILL],
        depth=box[kernel.DEPTH],
        streams=tuple(kinds[kernel.STREAM]),
        held=tuple(kinds[kernel.LOAD]),
        stores=tuple(kinds[kernel.STORE]),
        constants=tuple([operand.tensor for operand in constants if operand.constant]),
        constant_bytes=constant_bytes,
        early=bool(box[kernel.EARLY]),
        memory=unit.held[cut.held],
        memory_bytes=math.ceil(box[kernel.HELD_BITS] / 8),
        slots=box[kernel.SLOTS],
        macs=macs,
        ideal_cycles=math.ceil(macs / unit.macs_per_step),
        functions=(("mac", macs), *_functions(product, final, rows * outputs)),
        cut=cut,
    )


def _functions(product: Product, final: bool, results: int) -> Iterable[tuple[str, int]]:
    """Functions of the results on their way out: in proportion to the results of the stage."""
    if not final or not product.extras:
        return ()
    whole = product.size[Axis.ROW] * product.size[Axis.OUTPUT]
    return ((name, points * results // whole) for name, points in function_counts(product.extras))

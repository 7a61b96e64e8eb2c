"""Vector units: `lanes` elements a step, row by row; several passes or functions over a row follow each other.

A unit with `row_latency` does not overlap rows: each takes at least that long, whatever its throughput.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from accelsim.hw.schema import VectorUnit
from accelsim.ir import Access, Axis, LoopNest, Node, Operand
from accelsim.mapping.context import Context, cannot_run
from accelsim.mapping.stage import Stage, Transfer

_ROW, _BATCH = Axis.ROW, Axis.BATCH  # members of an Enum are slow to reach
_READ, _WRITE = Access.READ, Access.WRITE


def vector_stages(
    context: Context, name: str, unit: VectorUnit, node: Node, nests: Sequence[LoopNest]
) -> tuple[Stage, ...]:
    """One stage for all nests of the node that run on this unit: a row is loaded once and stored once."""
    for nest in nests:
        if nest.function == "mac":
            raise cannot_run(context, name, node, nest, "makes no products")
    rows = max(nest.size(_BATCH) * nest.size(_ROW) for nest in nests)
    lanes = unit.lanes.value
    work = steps = latency = 0
    for nest in nests:
        function = unit.functions.get(nest.function)
        interval = function.ii.value if function is not None else unit.ii.value
        latency += function.latency.value if function is not None else 0
        per_row = math.ceil(nest.points / rows)
        work += nest.points
        steps += math.ceil(per_row / lanes) * interval * unit.passes.value
    if unit.row_latency is not None:
        steps = max(steps, unit.row_latency.value)
    streams: list[Transfer] = []
    held: list[Transfer] = []
    by_row = {dim.name for nest in nests for dim in nest.dims if dim.axis is _ROW}
    for operand in context.workload.remembered("operands", nests, lambda: _distinct(nests)):
        if operand.constant and by_row.isdisjoint(operand.dims):
            held.extend(context.transfer(node.op, operand, operand.elements, write=False))
        else:
            again = unit.passes.value if operand.access is _READ else 1
            streams.extend(context.both_ways(node.op, operand, again * operand.elements / rows))
    return (
        Stage(
            node=node.name,
            part=nests[0].name if len(nests) == 1 else "main",
            unit=name,
            cause="vector",
            inner=rows,
            tile_cycles=steps,
            fill_cycles=unit.fill.value + latency,
            depth=unit.stream_depth.value,
            streams=tuple(streams),
            held=tuple(held),
            ideal_cycles=math.ceil(work / lanes),
            functions=tuple((nest.function, nest.points) for nest in nests),
        ),
    )


def _distinct(nests: Sequence[LoopNest]) -> tuple[Operand, ...]:
    """Operands that enter or leave the unit, each once; what one nest makes for a later one stays inside."""
    found: dict[tuple[str, str, bool], Operand] = {}
    several = len(nests) > 1
    written = [{o.role for o in nest.operands if o.access is not _READ} for nest in nests] if several else []
    wanted = [{o.role for o in nest.operands if o.access is not _WRITE} for nest in nests] if several else []
    for index, nest in enumerate(nests):
        made = set().union(*written[:index])
        needed = set().union(*wanted[index + 1 :])
        for operand in nest.operands:
            reads = operand.access is _READ
            if not operand.tensor and operand.role in (made if reads else needed):
                continue
            found.setdefault((operand.role, operand.tensor, reads), operand)
    return tuple(found.values())

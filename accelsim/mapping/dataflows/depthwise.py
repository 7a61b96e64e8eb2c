"""Depthwise convolutions on an array that has lanes for them: a channel a lane, beside or instead of the products.

Without such lanes each channel is a product of its own that fills one output of the array (the dataflow's padded way).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from accelsim.hw.unit import DotUnit, SystolicUnit
from accelsim.ir import Access, Axis, LoopNest, Node
from accelsim.mapping.context import Context, does_not_fit
from accelsim.mapping.dataflows.epilogue import epilogue_cycles, function_counts
from accelsim.mapping.stage import Stage, Transfer


def is_depthwise(nest: LoopNest) -> bool:
    """Whether channels do not mix: repetitions with weights of their own, each with one output and one channel in."""
    reduces = [dim for dim in nest.dims if dim.axis is Axis.REDUCE]
    groups = _groups(nest)
    return (
        nest.function == "mac"
        and groups > 1
        and nest.size(Axis.OUTPUT) == 1
        and bool(reduces)
        and reduces[0].name == "ic"
        and reduces[0].size == 1
    )


def _groups(nest: LoopNest) -> int:
    """Repetitions that index the weights."""
    weights = next((o for o in nest.operands if o.role == "w"), None)
    names = weights.dims if weights is not None else ()
    return math.prod(dim.size for dim in nest.dims if dim.axis is Axis.BATCH and dim.name in names)


def depthwise_stages(
    context: Context, name: str, unit: DotUnit | SystolicUnit, node: Node, nests: Sequence[LoopNest]
) -> tuple[Stage, ...]:
    """One stage: weights of all channels are loaded into their buffer, then rows of as many channels as there are lanes
    stream past.

    A tile is one row of pixels of as many channels as there are lanes. Raises DoesNotFitError.
    """
    lanes = unit.depthwise
    assert lanes is not None
    memory = unit.held.get("w") or unit.held["weights"]
    nest = next(one for one in nests if one.function == "mac")
    extras = tuple(one for one in nests if one is not nest)
    groups, kernel = _groups(nest), nest.size(Axis.REDUCE)
    rows = [dim for dim in nest.dims if dim.axis is Axis.ROW]
    width = rows[-1].size if rows else 1
    images = nest.points // (groups * kernel * width)
    blocks = math.ceil(groups / lanes.lanes.value)
    tiles = images * blocks
    constants = [o for o in nest.operands if o.constant and o.access is Access.READ]
    held: list[Transfer] = []
    bits = 0
    for operand in constants:
        held += context.transfer(node.op, operand, operand.elements, write=False)
        bits += operand.elements * context.home(node.op, operand).bits
    buffer = context.buffer(memory)
    if bits > buffer.copy_bytes * 8:
        raise does_not_fit(
            f"node '{node.name}' ({node.op}.{nest.name}) on unit '{name}': weights of {groups} channels in buffer "
            f"'{memory}'",
            bits / 8,
            buffer.copy_bytes,
            "bytes",
            f"raise memories.{memory}.words",
        )
    streams: list[Transfer] = []
    for operand in nest.operands:
        if operand not in constants:
            streams += context.both_ways(node.op, operand, operand.elements / tiles)
    for operand in (o for extra in extras for o in extra.operands if o.constant):
        held += context.transfer(node.op, operand, operand.elements, write=False)
    cycles = math.ceil(width / lanes.rows.value) * kernel * lanes.ii.value
    cycles = max(cycles, epilogue_cycles(unit, extras, width * min(groups, lanes.lanes.value)))
    return (
        Stage(
            node=node.name,
            part=nest.name,
            unit=name,
            cause="compute",
            inner=tiles,
            tile_cycles=cycles,
            fill_cycles=unit.fill.value,
            streams=tuple(streams),
            held=() if buffer.resident else tuple(held),
            resident=tuple(held) if buffer.resident else (),
            constants=tuple(operand.tensor for operand in constants),
            memory=memory,
            memory_bytes=math.ceil(bits / 8),
            slots=min(2, buffer.copies.value),
            macs=nest.macs,
            ideal_cycles=math.ceil(nest.macs / (lanes.lanes.value * lanes.rows.value)),
            functions=(("mac", nest.macs), *function_counts(extras)),
        ),
    )

"""Analytic designs: a unit known only by the products it completes in a cycle, whatever the shape of the nest."""

from __future__ import annotations

import math
from collections.abc import Sequence

from accelsim.hw.schema import RateUnit
from accelsim.ir import Access, LoopNest, Node
from accelsim.mapping.context import Context, cannot_run
from accelsim.mapping.stage import Stage, Transfer


def rate_stages(
    context: Context, name: str, unit: RateUnit, node: Node, nests: Sequence[LoopNest]
) -> tuple[Stage, ...]:
    """One stage a nest: weights are a held load, then one tile with all products, activations stream beside it."""
    products = [nest for nest in nests if nest.function == "mac"]
    if not products:
        if node.op in unit.absorbs:
            return ()
        lever = f"add '{node.op}' to units.{name}.absorbs or place it on a vector unit"
        raise cannot_run(context, name, node, nests[0], "has a rate for products only", lever=lever)
    stages = []
    for nest in products:
        held: list[Transfer] = []
        streams: list[Transfer] = []
        for operand in nest.operands:
            if operand.constant and operand.access is Access.READ:
                held.extend(context.transfer(node.op, operand, operand.elements, write=False))
            else:
                streams.extend(context.both_ways(node.op, operand, operand.elements))
        cycles = math.ceil(nest.macs / unit.macs_per_cycle.value)
        memory = unit.holds.get("w")
        stages.append(
            Stage(
                node=node.name,
                part=nest.name,
                unit=name,
                cause="compute",
                tile_cycles=cycles,
                streams=tuple(streams),
                held=tuple(held),
                constants=tuple(operand.tensor for operand in nest.operands if operand.constant),
                memory=memory or "",
                memory_bytes=math.ceil(sum(transfer.size_bytes for transfer in held)) if memory else 0,
                slots=min(2, context.buffer(memory).copies.value) if memory else 1,
                macs=nest.macs,
                ideal_cycles=cycles,
                functions=(("mac", nest.macs),),
            )
        )
    return tuple(stages)

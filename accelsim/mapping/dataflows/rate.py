"""Analytic designs: a unit known only by the products it completes in a cycle, whatever the shape of the nest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from accelsim.hw.schema import RateUnit
from accelsim.ir import Access, LoopNest, Node
from accelsim.mapping.context import Context, cannot_run
from accelsim.mapping.stage import Stage, Transfer


def rate_stages(
    context: Context, name: str, unit: RateUnit, node: Node, nests: Sequence[LoopNest]
) -> tuple[Stage, ...]:
    """One stage a nest: weights are a held load, then one tile with all products, activations stream beside it. Weights
    that are larger than their buffer come in equal parts, each with its part of all else."""
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
        size = sum(transfer.size_bytes for transfer in held)
        parts = max(1, math.ceil(size / context.buffer(memory).copy_bytes)) if memory else 1
        stages.append(
            Stage(
                node=node.name,
                part=nest.name,
                unit=name,
                cause="compute",
                outer=parts,
                tile_cycles=math.ceil(cycles / parts),
                streams=tuple(_part(transfer, parts) for transfer in streams),
                held=tuple(_part(transfer, parts) for transfer in held),
                constants=tuple(operand.tensor for operand in nest.operands if operand.constant),
                memory=memory or "",
                memory_bytes=math.ceil(size / parts) if memory else 0,
                slots=min(2, context.buffer(memory).copies.value) if memory else 1,
                macs=nest.macs,
                ideal_cycles=cycles,
                functions=(("mac", nest.macs),),
            )
        )
    return tuple(stages)


def _part(transfer: Transfer, parts: int) -> Transfer:
    return replace(transfer, size_bytes=transfer.size_bytes / parts, beats=-(-transfer.beats // parts))

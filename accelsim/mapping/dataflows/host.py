"""The processor beside the array: nodes that run there at declared rates, and what it does for the others."""

from __future__ import annotations

import math
from collections.abc import Sequence

from accelsim.hw.schema import Hardware, HostUnit
from accelsim.ir import LoopNest, Node
from accelsim.mapping.context import Context
from accelsim.mapping.stage import Stage


def host_stages(
    context: Context, name: str, unit: HostUnit, node: Node, nests: Sequence[LoopNest]
) -> tuple[Stage, ...]:
    """One stage: handing the node over, and each nest's points at the rate of its function. Operands reach the host
    through its own caches, so no link carries them."""
    seconds = unit.handover.value + sum(_seconds(unit, nest) for nest in nests)
    part = nests[0].name if len(nests) == 1 else "main"
    macs = sum(nest.macs for nest in nests)
    counts = tuple((nest.function, nest.points) for nest in nests)
    return (_stage(context.hardware, name, node.name, part, seconds, macs=macs, functions=counts),)


def host_overhead(hardware: Hardware, node: Node, units: Sequence[str], *, first: bool) -> tuple[Stage, ...]:
    """What the host does before a node that runs on `units`: starting the frame, dispatching what it does not run
    itself."""
    name, unit = next(((n, u) for n, u in hardware.units.items() if isinstance(u, HostUnit)), ("", None))
    if unit is None:
        return ()
    tasks = (
        ("launch", unit.launch.value if first else 0.0),
        ("dispatch", unit.dispatch.value * (set(units) != {name})),
    )
    return tuple(_stage(hardware, name, node.name, task, seconds) for task, seconds in tasks if seconds)


def _seconds(unit: HostUnit, nest: LoopNest) -> float:
    own = unit.functions.get(nest.function)
    if own is not None:
        return nest.points / own.value
    return nest.points / (unit.macs if nest.function == "mac" else unit.others).value


def _stage(
    hardware: Hardware,
    name: str,
    node: str,
    part: str,
    seconds: float,
    *,
    macs: int = 0,
    functions: tuple[tuple[str, int], ...] = (),
) -> Stage:
    cycles = math.ceil(seconds * hardware.unit_clock_hz(name))
    return Stage(
        node=node,
        part=part,
        unit=name,
        cause="host",
        tile_cycles=cycles,
        seconds=seconds,
        macs=macs,
        ideal_cycles=cycles if macs else 0,
        functions=functions,
    )

"""The plan of a model on a hardware: how each part of its work is cut, what is held, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from accelsim.hw.schema import Hardware
from accelsim.ir import Axis, FrozenMap
from accelsim.mapping.plan import fixed_tiles
from accelsim.results.plan import BufferUse, Plan, PlannedPart
from accelsim.sim.nodes import part_key
from accelsim.sim.timing import Frame, Timing, time_frames

_SIDES = {Axis.ROW: "rows", Axis.OUTPUT: "outputs", Axis.REDUCE: "reduce"}


def plan_of(frame: Frame, hardware: Hardware) -> Plan:
    """The plan of one frame. Raises what lowering raises."""
    timing = time_frames([frame], hardware)
    gathered: dict[tuple[str, str, str], list[int]] = {}
    for row, stage in enumerate(timing.stages):
        gathered.setdefault((stage.node, stage.part, stage.unit), []).append(row)
    ops = {node.name: node.op for node in timing.prepared[0].nodes}
    return Plan(
        model=frame.graph.name,
        hardware=hardware.name,
        task=frame.task,
        cycles=timing.cycles,
        clock_hz=hardware.clock_hz,
        parts=tuple(_part(timing, rows, ops) for rows in gathered.values()),
        folded=len(timing.lowered[0].folded),
    )


def _part(timing: Timing, rows: Sequence[int], ops: dict[str, str]) -> PlannedPart:
    stages = [timing.stages[row] for row in rows]
    first, hardware = stages[0], timing.hardware
    unit = hardware.units[first.unit]
    whole = PlannedPart(
        node=first.node,
        part=first.part,
        op=part_key(first, ops.get(first.node, first.node)),
        unit=first.unit,
        kind=unit.kind,
        dataflow=unit.kind,
        ideal_cycles=sum(stage.ideal_cycles for stage in stages),
        cycles=int(timing.row_causes[rows].sum()),
        tiles=sum(stage.tiles for stage in stages),
    )
    cut = next((stage.cut for stage in stages if stage.cut is not None), None)
    if cut is None:
        return whole
    return replace(
        whole,
        dataflow=cut.dataflow,
        batch=cut.batch,
        size=FrozenMap({name: cut.size[axis] for axis, name in _SIDES.items()}),
        tile=FrozenMap({name: cut.tile[axis] for axis, name in _SIDES.items()}),
        held=cut.held,
        loops=tuple(_SIDES[axis] for axis in cut.loops),
        passes=FrozenMap(cut.passes),
        buffers=FrozenMap({role: BufferUse(*use) for role, use in cut.buffers.items()}),
        choices=cut.choices,
        fixed=fixed_tiles(hardware, first.node, first.part) is not None,
    )

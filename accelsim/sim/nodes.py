"""What each node cost and why: rows of a timing gathered by node of the graph."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.hw.schema import Dram
from accelsim.ir import FrozenMap
from accelsim.mapping.stage import SWITCH_NODE, Stage
from accelsim.results import Event, NodeResult
from accelsim.results import Stage as StageResult
from accelsim.results.causes import CAUSES
from accelsim.sim.remarks import stage_notes
from accelsim.sim.timing import Timing


def part_key(stage: Stage, op: str) -> str:
    """`op.part`, the same for every expert, as hardware files name it in `placement`."""
    part = stage.part.split(".", 1)[1] if stage.part.startswith("expert") and "." in stage.part else stage.part
    return op if part == "main" else f"{op}.{part}"


def node_results(timing: Timing, energy_of: Sequence[float]) -> tuple[NodeResult, ...]:
    """A record for each node that took time, in order of execution; over several frames a node's rows add up.

    `energy_of[row]` are the joules booked on a row.
    """
    ops = {node.name: node for frame in timing.frames for node in frame.graph.nodes}
    ops |= {node.name: node for frame in timing.prepared for node in frame.nodes}
    gathered: dict[str, list[int]] = {}
    for row, stage in enumerate(timing.stages):
        gathered.setdefault(stage.node, []).append(row)
    fused = {name: members for lowered in timing.lowered for name, members in lowered.fused.items()}
    table = timing.row_causes
    starts = (timing.row_ends - table.sum(axis=1)).tolist()
    causes, moved, bound_cycles = table.tolist(), timing.row_bytes.tolist(), timing.row_bound_cycles.tolist()
    dram_bytes_per_cycle = dram_bytes_per_s(timing) / timing.hardware.clock_hz
    results = []
    for name, rows in gathered.items():
        stages = [timing.stages[row] for row in rows]
        node = ops.get(name)
        op = node.op if node is not None else SWITCH_NODE
        by_cause = _summed(causes, rows)
        cycles = sum(by_cause)
        read, written = _summed(moved, rows)
        ideal = sum(stage.ideal_cycles for stage in stages)
        macs = sum(stage.macs for stage in stages)
        intensity = macs / (read + written) if macs and read + written else None
        results.append(
            NodeResult(
                name=name,
                module=node.module if node is not None else "",
                op=op,
                unit=", ".join(dict.fromkeys(stage.unit for stage in stages)),
                start_cycle=starts[rows[0]],
                cycles=cycles,
                ideal_cycles=ideal,
                bound_cycles=sum(bound_cycles[row] for row in rows),
                macs=macs,
                macs_per_dram_byte=intensity,
                attainable_macs_per_cycle=_attainable(macs, ideal, intensity, dram_bytes_per_cycle),
                dram_read_bytes=read,
                dram_write_bytes=written,
                utilisation=ideal / cycles if cycles else 0.0,
                bound=_bound(timing.row_bounds, causes, rows),
                stalls=_stalls(by_cause),
                energy_j=sum(energy_of[row] for row in rows),
                detail=_detail(timing, name, stages),
                fused=fused.get(name, ()),
                stages=_parts(timing, causes, rows, op),
            )
        )
    return tuple(results)


def dram_bytes_per_s(timing: Timing) -> float:
    """What all DRAMs that the links lead to can deliver."""
    hardware = timing.hardware
    drams = {link.memory: hardware.memories[link.memory] for link in hardware.links.values()}
    return sum(memory.bytes_per_s for memory in drams.values() if isinstance(memory, Dram))


def _attainable(macs: int, ideal: int, intensity: float | None, dram_bytes_per_cycle: float) -> float | None:
    """The roofline (Williams, Waterman, Patterson, CACM 2009): the lower of the units' peak and what DRAM feeds."""
    if not macs or not ideal:
        return None
    return macs / ideal if intensity is None else min(macs / ideal, intensity * dram_bytes_per_cycle)


def _summed(table: Sequence[Sequence[int]], rows: Sequence[int]) -> Sequence[int]:
    """The columns' sums over some rows."""
    if len(rows) == 1:
        return table[rows[0]]
    return [sum(column) for column in zip(*(table[row] for row in rows), strict=True)]


def _bound(bounds: Sequence[str], causes: Sequence[Sequence[int]], rows: Sequence[int]) -> str:
    """The resource that bounds most of the time of the rows, of equals the first by name."""
    found: dict[str, int] = {}
    for row in rows:
        found[bounds[row]] = found.get(bounds[row], 0) + sum(causes[row])
    return min(found, key=lambda name: (-found[name], name))


def _stalls(by_cause: Sequence[int]) -> FrozenMap[str, int]:
    return FrozenMap(zip(CAUSES, by_cause, strict=True))


def _parts(timing: Timing, causes: Sequence[Sequence[int]], rows: Sequence[int], op: str) -> tuple[StageResult, ...]:
    parts: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        stage = timing.stages[row]
        parts.setdefault((part_key(stage, op), stage.unit), []).append(row)
    found = []
    for (key, unit), own in parts.items():
        by_cause = _summed(causes, own)
        macs = sum(timing.stages[row].macs for row in own)
        found.append(StageResult(key, unit, sum(by_cause), _stalls(by_cause), macs))
    return tuple(found)


def time_by_bound(timing: Timing) -> dict[str, int]:
    """What rows add to the total, in cycles, by the resource that bounds them, largest first."""
    found: dict[str, int] = {}
    for name, cycles in zip(timing.row_bounds, timing.row_credit.sum(axis=1).tolist(), strict=True):
        found[name] = found.get(name, 0) + cycles
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _detail(timing: Timing, name: str, stages: Sequence[Stage]) -> str:
    found = []
    for frame in timing.frames:
        routing = frame.activity.routings.get(name) if frame.activity is not None else None
        if routing is not None:
            found.append(
                f"{routing.active} of {routing.experts} experts active, {sum(routing.queues)} visits, "
                f"longest queue {max(routing.queues)}"
            )
    notes = stage_notes(stages)
    return "; ".join([*dict.fromkeys(found), *([notes] if notes else [])])


def events(timing: Timing) -> tuple[Event, ...]:
    """Compute intervals of the units and held loads of the links, one a row, in cycles."""
    timeline, base = timing.timeline, timing.base
    found = []
    for row, stage in enumerate(timing.stages):
        label = stage.node if stage.part == "main" else f"{stage.node} {stage.part}"
        begin, end = int(timeline.compute_start[row]), int(timeline.compute_end[row])
        if stage.compute_cycles and end > begin:
            found.append(Event(f"unit {stage.unit}", label, base.cycles(begin), base.cycles(end), stage.cause))
        if stage.held and timeline.held_start[row] >= 0:
            link = stage.held[0].link
            begin, end = int(timeline.held_start[row]), int(timeline.held_end[row])
            found.append(Event(f"link {link}", f"load {label}", base.cycles(begin), base.cycles(end), "weight_load"))
    return tuple(sorted(found, key=lambda event: (event.start_cycle, event.track)))

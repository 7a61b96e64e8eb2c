"""What each node cost and why: rows of a timing gathered by node of the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from accelsim.ir import FrozenMap
from accelsim.mapping.stage import SWITCH_NODE, Stage
from accelsim.results import Event, NodeResult
from accelsim.results import Stage as StageResult
from accelsim.results.causes import CAUSES
from accelsim.sim.timing import Timing

Counts = npt.NDArray[np.int64]


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
    causes = timing.row_causes
    starts = timing.row_ends - causes.sum(axis=1)
    results = []
    for name, rows in gathered.items():
        stages = [timing.stages[row] for row in rows]
        node = ops.get(name)
        op = node.op if node is not None else SWITCH_NODE
        by_cause = causes[rows].sum(axis=0)
        cycles = int(by_cause.sum())
        read, written = (int(size) for size in timing.row_bytes[rows].sum(axis=0))
        ideal = sum(stage.ideal_cycles for stage in stages)
        results.append(
            NodeResult(
                name=name,
                module=node.module if node is not None else "",
                op=op,
                unit=", ".join(dict.fromkeys(stage.unit for stage in stages)),
                start_cycle=int(starts[rows[0]]),
                cycles=cycles,
                ideal_cycles=ideal,
                macs=sum(stage.macs for stage in stages),
                dram_read_bytes=read,
                dram_write_bytes=written,
                utilisation=ideal / cycles if cycles else 0.0,
                bound=next(iter(time_by_bound(timing, rows))),
                stalls=_stalls(by_cause),
                energy_j=sum(energy_of[row] for row in rows),
                detail=_detail(timing, name),
                fused=fused.get(name, ()),
                stages=_parts(timing, rows, op),
            )
        )
    return tuple(results)


def _stalls(by_cause: Counts) -> FrozenMap[str, int]:
    return FrozenMap({cause: int(ticks) for cause, ticks in zip(CAUSES, by_cause, strict=True)})


def _parts(timing: Timing, rows: Sequence[int], op: str) -> tuple[StageResult, ...]:
    parts: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        stage = timing.stages[row]
        parts.setdefault((part_key(stage, op), stage.unit), []).append(row)
    found = []
    for (key, unit), own in parts.items():
        by_cause = timing.row_causes[own].sum(axis=0)
        macs = sum(timing.stages[row].macs for row in own)
        found.append(StageResult(key, unit, int(by_cause.sum()), _stalls(by_cause), macs))
    return tuple(found)


def time_by_bound(timing: Timing, rows: Sequence[int] | None = None) -> dict[str, int]:
    """Cycles of the rows (default: all) by the resource that bounds them, largest first."""
    cycles, bounds = timing.row_causes.sum(axis=1), timing.row_bounds
    found: dict[str, int] = {}
    for row in range(len(bounds)) if rows is None else rows:
        found[bounds[row]] = found.get(bounds[row], 0) + int(cycles[row])
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _detail(timing: Timing, name: str) -> str:
    found = []
    for frame in timing.frames:
        routing = frame.activity.routings.get(name) if frame.activity is not None else None
        if routing is not None:
            found.append(
                f"{routing.active} of {routing.experts} experts active, {sum(routing.queues)} visits, "
                f"longest queue {max(routing.queues)}"
            )
    return "; ".join(dict.fromkeys(found))


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

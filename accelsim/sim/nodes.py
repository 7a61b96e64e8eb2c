"""What each node cost and why: rows of a timing gathered by node of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from accelsim.hw.schema import Dram
from accelsim.ir import FrozenMap, Routing
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


class _Kind(NamedTuple):
    """What is the same for nodes whose rows are the same stages: `parts` are a placement key, a unit, the positions of
    its rows among those of the node, and its products; `bounds` the resource that bounds each row."""

    unit: str
    ideal_cycles: int
    bound_cycles: int
    macs: int
    macs_per_dram_byte: float | None
    attainable: float | None
    dram_bytes: tuple[int, int]
    parts: tuple[tuple[str, str, tuple[int, ...], int], ...]
    bounds: tuple[str, ...]
    note: str


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
    causes = table.tolist()
    same = [*zip(timing.distinct.of_row.tolist(), [stage.part for stage in timing.stages], strict=True)]
    routings = [frame.activity.routings for frame in timing.frames if frame.activity is not None]
    kinds: dict[object, _Kind] = {}
    kind_of = _Kinds(timing)
    results = []
    for name, rows in gathered.items():
        node = ops.get(name)
        op, module = (node.op, node.module) if node is not None else (SWITCH_NODE, "")
        key = (op, *[same[row] for row in rows])
        kind = kinds.get(key)
        if kind is None:
            kind = kinds[key] = kind_of(op, rows)
        own = [causes[row] for row in rows]
        by_cause = _summed(own)
        cycles = sum(by_cause)
        stalls = _stalls(by_cause)
        results.append(
            NodeResult(
                name=name,
                module=module,
                op=op,
                unit=kind.unit,
                start_cycle=starts[rows[0]],
                cycles=cycles,
                ideal_cycles=kind.ideal_cycles,
                bound_cycles=kind.bound_cycles,
                macs=kind.macs,
                macs_per_dram_byte=kind.macs_per_dram_byte,
                attainable_macs_per_cycle=kind.attainable,
                dram_read_bytes=kind.dram_bytes[0],
                dram_write_bytes=kind.dram_bytes[1],
                utilisation=kind.ideal_cycles / cycles if cycles else 0.0,
                bound=_bound(kind.bounds, own),
                stalls=stalls,
                energy_j=sum([energy_of[row] for row in rows]),
                detail=_detail(routings, name, kind.note) if routings else kind.note,
                fused=fused.get(name, ()),
                stages=_parts(kind, own, cycles, stalls),
            )
        )
    return tuple(results)


class _Kinds:
    """Finds the kind of a node, from the rows of one."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._moved, self._bound_cycles = timing.row_bytes.tolist(), timing.row_bound_cycles.tolist()
        self._dram_bytes_per_cycle = dram_bytes_per_s(timing) / timing.hardware.clock_hz

    def __call__(self, op: str, rows: Sequence[int]) -> _Kind:
        stages = [self._timing.stages[row] for row in rows]
        read, written = _summed([self._moved[row] for row in rows])
        ideal = sum(stage.ideal_cycles for stage in stages)
        macs = sum(stage.macs for stage in stages)
        intensity = macs / (read + written) if macs and read + written else None
        parts: dict[tuple[str, str], list[int]] = {}
        for position, stage in enumerate(stages):
            parts.setdefault((part_key(stage, op), stage.unit), []).append(position)
        return _Kind(
            unit=", ".join(dict.fromkeys(stage.unit for stage in stages)),
            ideal_cycles=ideal,
            bound_cycles=sum(self._bound_cycles[row] for row in rows),
            macs=macs,
            macs_per_dram_byte=intensity,
            attainable=_attainable(macs, ideal, intensity, self._dram_bytes_per_cycle),
            dram_bytes=(read, written),
            parts=tuple((*key, tuple(own), sum(stages[p].macs for p in own)) for key, own in parts.items()),
            bounds=tuple(self._timing.row_bounds[row] for row in rows),
            note=stage_notes(stages),
        )


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


def _summed(rows: Sequence[Sequence[int]]) -> Sequence[int]:
    """The columns' sums."""
    return rows[0] if len(rows) == 1 else [sum(column) for column in zip(*rows, strict=True)]


def _bound(bounds: Sequence[str], causes: Sequence[Sequence[int]]) -> str:
    """The resource that bounds most of the time of the rows, of equals the first by name."""
    if len(bounds) == 1:
        return bounds[0]
    found: dict[str, int] = {}
    for name, own in zip(bounds, causes, strict=True):
        found[name] = found.get(name, 0) + sum(own)
    return min(found, key=lambda name: (-found[name], name))


def _stalls(by_cause: Sequence[int]) -> FrozenMap[str, int]:
    return FrozenMap(zip(CAUSES, by_cause, strict=True))


def _parts(
    kind: _Kind, causes: Sequence[Sequence[int]], cycles: int, stalls: FrozenMap[str, int]
) -> tuple[StageResult, ...]:
    if len(kind.parts) == 1:
        ((name, unit, _, macs),) = kind.parts
        return (StageResult(name, unit, cycles, stalls, macs),)
    found = []
    for name, unit, positions, macs in kind.parts:
        by_cause = _summed([causes[position] for position in positions])
        found.append(StageResult(name, unit, sum(by_cause), _stalls(by_cause), macs))
    return tuple(found)


def time_by_bound(timing: Timing) -> dict[str, int]:
    """What rows add to the total, in cycles, by the resource that bounds them, largest first."""
    found: dict[str, int] = {}
    for name, cycles in zip(timing.row_bounds, timing.row_credit.sum(axis=1).tolist(), strict=True):
        found[name] = found.get(name, 0) + cycles
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _detail(routings: Iterable[Mapping[str, Routing]], name: str, notes: str) -> str:
    found = [
        f"{routing.active} of {routing.experts} experts active, {sum(routing.queues)} visits, "
        f"longest queue {max(routing.queues)}"
        for routing in (own.get(name) for own in routings)
        if routing is not None
    ]
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

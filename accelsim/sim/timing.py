"""Timing frames on a hardware: the fast core that everything else explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.hw.schema import Hardware
from accelsim.hw.timebase import TimeBase
from accelsim.ir import Activity, Graph
from accelsim.mapping.lower import Lowered
from accelsim.mapping.plan import check_mapping
from accelsim.mapping.servers import Servers
from accelsim.mapping.stage import SWITCH_NODE, Stage, Transfer
from accelsim.mapping.view import Workload
from accelsim.passes.split_projections import split_projections
from accelsim.sim.assemble import assemble
from accelsim.sim.branches import run_branches
from accelsim.sim.distinct import Distinct, distinct_stages
from accelsim.sim.instances import interval_ticks, on_instances
from accelsim.sim.objective import lower
from accelsim.sim.table import Program
from accelsim.sim.timeline import Timeline, run_program


@dataclass(frozen=True)
class Frame:
    """One inference: the graph of a task and what its input makes it do."""

    task: str
    graph: Graph
    activity: Activity | None = None


@dataclass(frozen=True)
class Timing:
    """Stages of all frames in order, the program made of them and its timeline.

    `prepared` are the graphs after the passes that the hardware asks for; `frame_of[r]` is the frame of row r."""

    frames: tuple[Frame, ...]
    prepared: tuple[Graph, ...]
    hardware: Hardware
    lowered: tuple[Lowered, ...]
    stages: tuple[Stage, ...]
    frame_of: tuple[int, ...]
    program: Program
    timeline: Timeline
    setup: tuple[Transfer, ...]
    new_bytes: tuple[int, ...]
    """Bytes of parameters that each frame loads and the frame before did not use (0 for the first)."""

    @cached_property
    def base(self) -> TimeBase:
        return TimeBase(self.hardware)

    @cached_property
    def distinct(self) -> Distinct:
        return distinct_stages(self.stages)

    @cached_property
    def cycles(self) -> int:
        return self.base.cycles(self.timeline.total)

    @cached_property
    def interval_s(self) -> float:
        """Mean seconds between two frames, one over the throughput."""
        if len(self.frames) > 1 or self.hardware.instances.value == 1:
            return self.cycles / self.hardware.clock_hz / len(self.frames)
        return interval_ticks(self.program, self.stages, self.hardware) / self.base.tick_hz

    @cached_property
    def row_causes(self) -> npt.NDArray[np.int64]:
        """[rows, causes] in cycles of the primary clock. Boundaries are rounded up on the one time axis, so that rows
        that follow each other sum to the total and causes to their row whatever the tick."""
        return self._in_cycles(self.timeline.causes, self.timeline.start)

    @cached_property
    def row_credit(self) -> npt.NDArray[np.int64]:
        """[rows, causes] in cycles that sum to the total: what of its causes a row adds to the time of the rows before
        it (see `Timeline.credit`). The same as `row_causes` unless rows run side by side."""
        begins = self.timeline.makespan - self.timeline.credit.sum(axis=1)
        return self._in_cycles(self.timeline.credit, begins)

    def _in_cycles(self, causes: npt.NDArray[np.int64], begins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        per_cycle = self.base.ticks_per_cycle
        edges = -(-(begins[:, None] + np.cumsum(causes, axis=1)) // per_cycle)
        return np.diff(edges, axis=1, prepend=-(-begins[:, None] // per_cycle))

    @cached_property
    def row_bytes(self) -> npt.NDArray[np.int64]:
        """[rows, 2]: bytes that each row reads from and writes to memories behind links."""
        moved = [(stage.moved_bytes(write=False), stage.moved_bytes(write=True)) for stage in self.distinct.stages]
        return self.distinct.rows(moved).reshape(len(self.stages), 2)

    @cached_property
    def row_compute(self) -> npt.NDArray[np.int64]:
        """[rows] cycles of its unit's clock in which the unit of each row works."""
        return self.distinct.rows(stage.compute_cycles for stage in self.distinct.stages)

    @cached_property
    def row_bounds(self) -> tuple[str, ...]:
        """For each row the resource that is busy longest in it: its unit, the channel of a link, or a DRAM.

        No row can be shorter than that however the rest is improved.
        """
        names = [f"link {link} {way}" for link in self.hardware.links for way in ("reads", "writes")]
        names += [f"memory {server.name}" for server in Servers(self.hardware).drams]
        return tuple(
            f"unit {stage.unit}" if first == 0 else names[first - 1]
            for stage, first in zip(self.stages, self._busy.argmax(axis=1).tolist(), strict=True)
        )

    @cached_property
    def row_bound_cycles(self) -> npt.NDArray[np.int64]:
        """[rows] cycles that the resource of `row_bounds` is busy: what a row takes at least."""
        return np.asarray(-(-self._busy.max(axis=1) // self.base.ticks_per_cycle))

    @cached_property
    def _busy(self) -> npt.NDArray[np.int64]:
        """[rows, 1 + channels + memories]: ticks that the unit, each channel and each DRAM work for a row."""
        ticks = {name: self.base.unit_ticks(name) for name in self.hardware.units}
        compute = self.row_compute * self.distinct.rows(ticks[stage.unit] for stage in self.distinct.stages)
        return np.concatenate([compute[:, None], self.program.channel_ticks, self.program.memory_ticks], axis=1)

    @cached_property
    def row_ends(self) -> npt.NDArray[np.int64]:
        """End of each row in cycles."""
        return np.asarray(-(-self.timeline.end // self.base.ticks_per_cycle))


class _ByDigest:
    """A graph that compares by its digests, so that looking it up does not walk all nodes."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __hash__(self) -> int:
        return hash(self.graph.structure_digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByDigest) and self.graph.digest == other.graph.digest


@lru_cache(maxsize=16)
def _workload(graph: _ByDigest, activity: Activity | None, split: bool) -> Workload:
    """What of a frame does not depend on the hardware's numbers, kept for the next point of a sweep."""
    return Workload(split_projections(graph.graph) if split else graph.graph, activity)


def workload_of(frame: Frame, hardware: Hardware) -> Workload:
    """A frame as a hardware sees it, after the passes it asks for."""
    return _workload(_ByDigest(frame.graph), frame.activity, hardware.schedule.split_projections)


class _HardwareByDigest:
    """A hardware that compares by its digest: the digest is worked out once, a hash of all its parts each time."""

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self.digest = hardware.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _HardwareByDigest) and self.digest == other.digest


@lru_cache(maxsize=64)
def _lowered(workload: Workload, hardware: _HardwareByDigest) -> Lowered:
    """Lowering, kept for calls that repeat a point (the other tasks of a sequence, a report after a run)."""
    return lower(workload, hardware.hardware)


def time_frames(frames: Sequence[Frame], hardware: Hardware) -> Timing:
    """Run frames one after the other, as one timeline. Raises what lowering raises (see `lower`)."""
    point = _HardwareByDigest(hardware)
    workloads = [workload_of(frame, hardware) for frame in frames]
    stages: list[Stage] = []
    frame_of: list[int] = []
    setup: list[Transfer] = []
    new_bytes: list[int] = []
    kept: dict[tuple[int, str, str, str], tuple[str, ...]] = {}
    used: dict[int, set[str]] = {}
    chips = hardware.instances.value if hardware.schedule.spread == "frames" else 1
    results: list[Lowered] = []
    for index, workload in enumerate(workloads):
        graph = workload.graph
        result = _lowered(workload, point)
        results.append(result)
        own: list[Stage] = []
        for stage in result.stages:
            if stage.resident:
                place = (index % chips, stage.memory, stage.node, stage.part)
                contents = tuple(graph.parameters[name] for name in stage.constants)
                if index < chips:
                    setup.extend(stage.resident)
                elif kept.get(place) != contents:
                    own.append(_reload(stage))
                kept[place] = contents
        own.extend(result.stages if index == 0 else of_frame(result.stages, index, hardware))
        loaded = {graph.parameters[name] for stage in own for name in stage.constants}
        before = used.get(index % chips)
        new_bytes.append(0 if before is None else _new_bytes(own, graph, before))
        used[index % chips] = loaded
        stages.extend(own)
        frame_of.extend([index] * len(own))
    check_mapping(hardware, stages)
    program, timeline = _run(stages, frame_of, results, hardware)
    return Timing(
        frames=tuple(frames),
        prepared=tuple(workload.graph for workload in workloads),
        hardware=hardware,
        lowered=tuple(results),
        stages=tuple(stages),
        frame_of=tuple(frame_of),
        program=program,
        timeline=timeline,
        setup=tuple(setup),
        new_bytes=tuple(new_bytes),
    )


def retimed(timing: Timing, hardware: Hardware) -> Timing:
    """The same stages, tiles as they were cut, on a hardware that differs only in rates of clocks, DRAMs or links."""
    program, timeline = _run(timing.stages, timing.frame_of, timing.lowered, hardware)
    return replace(timing, hardware=hardware, program=program, timeline=timeline)


def _run(
    stages: Sequence[Stage], frame_of: Sequence[int], lowered: Sequence[Lowered], hardware: Hardware
) -> tuple[Program, Timeline]:
    """The program of these stages, in the lanes that the hardware has for them, and its timeline."""
    program = assemble(stages, hardware)
    if hardware.schedule.branches == "concurrent":
        return run_branches(program, stages, frame_of, [one.needs for one in lowered], hardware)
    if hardware.instances.value > 1 and len(lowered) > 1:
        program = on_instances(program, stages, frame_of, hardware)
    return program, run_program(program)


def of_frame(stages: Sequence[Stage], index: int, hardware: Hardware) -> Sequence[Stage]:
    """Stages with prefetch groups of their own, unless the scope of prefetch is everything."""
    if hardware.schedule.prefetch == "all":
        return stages
    return [replace(stage, group=f"{stage.group}@{index}") if stage.group else stage for stage in stages]


def _reload(stage: Stage) -> Stage:
    """Loading a resident buffer anew, because the next task keeps other values in it."""
    return Stage(
        node=SWITCH_NODE,
        part=stage.memory,
        unit=stage.unit,
        cause=stage.cause,
        inner=0,
        held=stage.resident,
        held_requests=stage.held_requests,
        memory=stage.memory,
        constants=stage.constants,
    )


def _new_bytes(stages: Sequence[Stage], graph: Graph, used: set[str]) -> int:
    """Bytes of the loads that bring a parameter which the frame before did not use."""
    new = (stage for stage in stages if any(graph.parameters[name] not in used for name in stage.constants))
    return round(sum(stage.loaded_constant_bytes for stage in new))

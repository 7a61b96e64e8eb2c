"""Timing frames on a hardware: the fast core that everything else explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.hw.schema import Dram, Hardware
from accelsim.ir import Activity, Graph
from accelsim.mapping.lower import Lowered, lower
from accelsim.mapping.stage import SWITCH_NODE, Stage, Transfer
from accelsim.mapping.view import Workload
from accelsim.passes.split_projections import split_projections
from accelsim.sim.assemble import TimeBase, assemble
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
    def cycles(self) -> int:
        return self.base.cycles(self.timeline.total)

    @cached_property
    def row_causes(self) -> npt.NDArray[np.int64]:
        """[rows, causes] in cycles of the primary clock. Boundaries are rounded up on the one time axis, so that rows
        sum to the total and causes to their row whatever the tick."""
        per_cycle = self.base.ticks_per_cycle
        if per_cycle == 1:
            return self.timeline.causes
        flat = np.cumsum(self.timeline.causes.reshape(-1))
        edges = -(-flat // per_cycle)
        return np.diff(edges, prepend=0).reshape(self.timeline.causes.shape)

    @cached_property
    def row_bytes(self) -> npt.NDArray[np.int64]:
        """[rows, 2]: bytes that each row reads from and writes to memories behind links."""
        moved = [(stage.moved_bytes(write=False), stage.moved_bytes(write=True)) for stage in self.stages]
        return np.array(moved, np.int64).reshape(len(self.stages), 2)

    @cached_property
    def row_bounds(self) -> tuple[str, ...]:
        """For each row the resource that is busy longest in it: its unit, the channel of a link, or a DRAM.

        No row can be shorter than that however the rest is improved.
        """
        compute = np.array([stage.compute_cycles * self.base.unit_ticks(stage.unit) for stage in self.stages])
        busy = np.concatenate([compute[:, None], self.program.channel_ticks, self.program.memory_ticks], axis=1)
        names = [f"link {link} {way}" for link in self.hardware.links for way in ("reads", "writes")]
        names += [f"memory {name}" for name, memory in self.hardware.memories.items() if isinstance(memory, Dram)]
        return tuple(
            f"unit {stage.unit}" if first == 0 else names[first - 1]
            for stage, first in zip(self.stages, busy.argmax(axis=1).tolist(), strict=True)
        )

    @cached_property
    def row_ends(self) -> npt.NDArray[np.int64]:
        """End of each row in cycles."""
        return np.cumsum(self.row_causes.sum(axis=1))


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
    split = hardware.schedule.split_projections
    point = _HardwareByDigest(hardware)
    workloads = [_workload(_ByDigest(frame.graph), frame.activity, split) for frame in frames]
    stages: list[Stage] = []
    frame_of: list[int] = []
    setup: list[Transfer] = []
    new_bytes: list[int] = []
    kept: dict[tuple[str, str, str], tuple[str, ...]] = {}
    used: set[str] = set()
    results: list[Lowered] = []
    for index, workload in enumerate(workloads):
        graph = workload.graph
        result = _lowered(workload, point)
        results.append(result)
        own: list[Stage] = []
        for stage in result.stages:
            if stage.resident:
                place = (stage.memory, stage.node, stage.part)
                contents = tuple(graph.parameters[name] for name in stage.constants)
                if index == 0:
                    setup.extend(stage.resident)
                elif kept.get(place) != contents:
                    own.append(_reload(stage))
                kept[place] = contents
        own.extend(result.stages if index == 0 else _of_frame(result.stages, index, hardware))
        loaded = {graph.parameters[name] for stage in own for name in stage.constants}
        new_bytes.append(_new_bytes(own, graph, used) if index else 0)
        used = loaded
        stages.extend(own)
        frame_of.extend([index] * len(own))
    program = assemble(stages, hardware)
    return Timing(
        frames=tuple(frames),
        prepared=tuple(workload.graph for workload in workloads),
        hardware=hardware,
        lowered=tuple(results),
        stages=tuple(stages),
        frame_of=tuple(frame_of),
        program=program,
        timeline=run_program(program),
        setup=tuple(setup),
        new_bytes=tuple(new_bytes),
    )


def _of_frame(stages: Sequence[Stage], index: int, hardware: Hardware) -> Sequence[Stage]:
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

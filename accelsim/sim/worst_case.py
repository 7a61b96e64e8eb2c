"""A bound on the time of frames over all routings, and a routing that comes near it.

The timeline is made of max and + of durations (`mapping/timeline_kernel.py`), so to let a piece of it wait until
everything before has ended and all servers are free makes nothing end earlier. A frame therefore takes no longer than
the sum of its pieces, each from such a rest to the next, where a piece is an expert with its queue, or what runs
between two routed nodes. A piece starts with its first weights on chip where they may be prefetched, and ends when it
has prefetched those of the next. How long the expert of a queue takes is simulated for every length; which queues make
the largest sum is a knapsack, solved exactly: each token takes `top_k` experts, and each of them once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import numpy as np
import numpy.typing as npt

from accelsim.errors import UnsupportedError
from accelsim.hw.schema import Hardware, Schedule
from accelsim.ir import Activity, FrozenMap, Routing
from accelsim.mapping.experts import EXPERT_LOADS, POLICIES, ExpertWork
from accelsim.mapping.lower import lower
from accelsim.mapping.stage import Stage
from accelsim.mapping.timeline_kernel import LATENCY
from accelsim.mapping.view import Workload
from accelsim.sim.assemble import assemble
from accelsim.sim.assumption import routed_nodes, uniform
from accelsim.sim.segment_kernel import run_segment
from accelsim.sim.timing import Frame, Timing, of_frame, time_frames

Ticks = npt.NDArray[np.int64]
_NEVER = -(1 << 62)


@dataclass(frozen=True)
class WorstCase:
    """No routing of the frames takes more than `cycles`; `frames` have the routing whose pieces sum to that."""

    frames: tuple[Frame, ...]
    cycles: int
    latency_s: float


@dataclass(frozen=True)
class _Piece:
    """Stages that run in any case or, where `node` is given, a choice of queues for the experts of that node."""

    frame: int
    stages: tuple[Stage, ...] = ()
    node: str = ""


def worst_case(frames: Sequence[Frame], hardware: Hardware) -> WorstCase:
    """Bound the time of frames over all routings. Raises what lowering raises, UnsupportedError where rows run side by
    side, for which nothing is proven here.
    """
    timing = time_frames([replace(frame, activity=_uniform(frame)) for frame in frames], hardware)
    if timing.program.lanes is not None:
        raise UnsupportedError(
            f"{hardware.name}: the bound over all routings holds for nodes that run one after the other; use "
            "schedule.branches=sequential and one instance"
        )
    return _Bounds(timing).result()


def _uniform(frame: Frame) -> Activity | None:
    shapes = routed_nodes(frame.graph)
    routings = FrozenMap({name: uniform(*shape) for name, shape in shapes.items()})
    if frame.activity is not None:
        return replace(frame.activity, routings=routings)
    return Activity("", routings) if routings else None


def _found(activity: Activity, routings: Mapping[str, Routing]) -> Activity:
    source = "assumed the routing whose bound is the largest"
    return replace(activity, source=source, routings=FrozenMap(routings))


class _Bounds:
    """The pieces of frames whose routing is not known, and how long each can take."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.hardware = timing.hardware
        self.schedule = timing.hardware.schedule
        self._known: dict[object, tuple[int, object]] = {}  # with the stages, so that their ids stay theirs
        self.pieces = [piece for frame in range(len(timing.frames)) for piece in self._pieces(frame)]
        self.firsts = [self._first_loads(piece) for piece in self.pieces]

    def result(self) -> WorstCase:
        ticks = 0
        routings: list[dict[str, Routing]] = [{} for _ in self.timing.frames]
        for index, piece in enumerate(self.pieces):
            if piece.node:
                most, routings[piece.frame][piece.node] = self._choice(index)
                ticks += most
            else:
                ticks += self._ticks(index, piece.stages, self._loaded_before(index))
        cycles = self.timing.base.cycles(ticks)
        frames = tuple(
            frame if frame.activity is None else replace(frame, activity=_found(frame.activity, found))
            for frame, found in zip(self.timing.frames, routings, strict=True)
        )
        return WorstCase(frames, cycles, cycles / self.hardware.clock_hz)

    def _pieces(self, frame: int) -> Iterator[_Piece]:
        lowered = self.timing.lowered[frame]
        own = [stage for stage, of in zip(self.timing.stages, self.timing.frame_of, strict=True) if of == frame]
        stages = own[len(own) - len(lowered.stages) :]
        fixed = own[: len(own) - len(lowered.stages)]
        for node, members in groupby(stages, key=lambda stage: stage.node):
            of_node = list(members)
            work = lowered.experts.get(node)
            if work is None:
                fixed += of_node
                continue
            routed = len(POLICIES[self.schedule.experts.order](work, self.schedule))
            of_node, of_experts = of_node[: len(of_node) - routed], of_node[len(of_node) - routed :]
            yield _Piece(frame, (*fixed, *of_node, *(stage for stage in of_experts if stage.part == EXPERT_LOADS)))
            yield _Piece(frame, node=node)
            fixed = []
        yield _Piece(frame, tuple(fixed))

    def _first_loads(self, piece: _Piece) -> dict[str, list[Stage]]:
        """Of each prefetch group the loads that may be the first of a piece: one, or one of each expert."""
        choices: list[Sequence[Stage]] = [piece.stages]
        if piece.node:
            choices = self._one_of_each(piece)
        found: dict[str, list[Stage]] = {}
        for stages in choices:
            for group in dict.fromkeys(stage.group for stage in stages if stage.group and stage.held):
                found.setdefault(group, []).append(next(s for s in stages if s.group == group and s.held))
        return found

    def _alone(self, work: ExpertWork, expert: int, frame: int) -> Sequence[Stage]:
        """The stages that one expert adds: for its queue or, where experts are run for each token, for a visit."""
        if _runs_visits(self.schedule):
            stages = tuple(work.visit()[expert])
        else:
            one = replace(work, whole={expert: work.whole[expert]})
            stages = POLICIES[self.schedule.experts.order](one, self.schedule)
        stages = tuple(stage for stage in stages if stage.part != EXPERT_LOADS)
        return of_frame(stages, frame, self.hardware) if frame else stages

    def _one_of_each(self, piece: _Piece) -> list[Sequence[Stage]]:
        """The stages of each expert, with some queue."""
        known = self._queues[piece.frame, piece.node]
        return [self._alone(work, expert, piece.frame) for expert, _, work in known[: known[0][2].routing.experts]]

    def _loaded_before(self, index: int) -> set[str]:
        """Prefetch groups that an earlier piece belongs to, which has loaded what comes first in this one."""
        return {group for first in self.firsts[:index] for group in first}

    def _next_loads(self, index: int, group: str) -> list[Stage]:
        """Of a prefetch group the loads that may come next after a row of this piece."""
        again = self.firsts[index].get(group, []) if self.pieces[index].node else []
        later = next((first[group] for first in self.firsts[index + 1 :] if group in first), [])
        return [*again, *later]

    def _ticks(self, index: int, stages: Sequence[Stage], loaded: set[str]) -> int:
        """Ticks of these stages of a piece from rest to rest, the first loads of the groups `loaded` being done."""
        first = {stage.group: row for row, stage in reversed(list(enumerate(stages))) if stage.group and stage.held}
        coming = tuple(
            tuple(found) for group in sorted(first, key=first.__getitem__) if (found := self._next_loads(index, group))
        )
        done = tuple(sorted(row for group, row in first.items() if group in loaded))
        key = (tuple(map(_shape, stages)), tuple(tuple(map(_shape, found)) for found in coming), done)
        if key not in self._known:
            self._known[key] = self._run(stages, coming, done), (*stages, *coming)
        return self._known[key][0]

    def _run(self, stages: Sequence[Stage], coming: Sequence[Sequence[Stage]], done: Sequence[int]) -> int:
        """`_ticks` with the first loads of rows `done` done; of the loads that may come next the largest counts."""
        program = assemble([*stages, *(stage for found in coming for stage in found)], self.hardware)
        rows, (read, write, held, store) = program.rows.copy(), program.servers()
        behind = len(stages)
        for found in coming:
            several = slice(behind, behind + len(found))
            held[behind], rows[behind, LATENCY] = held[several].max(axis=0), rows[several, LATENCY].max()
            behind += len(found)
        ready = np.full(len(rows), -1, np.int64)
        ready[list(done)] = 0
        return int(run_segment(rows, read, write, held, store, program.followers(), ready, len(stages)))

    def _choice(self, index: int) -> tuple[int, Routing]:
        """The largest sum of ticks that the experts of a routed node can come to, and a routing with that sum."""
        piece = self.pieces[index]
        work = self.timing.lowered[piece.frame].experts[piece.node]
        before = self._loaded_before(index)
        within = before | self.firsts[index].keys()
        routing = work.routing
        if _runs_visits(self.schedule):
            visits = self._one_of_each(piece)
            first = max(self._ticks(index, stages, before) for stages in visits)
            each = max(self._ticks(index, stages, within) for stages in visits)
            return first + (routing.tokens * routing.top_k - 1) * each, routing
        first_ticks = np.full((routing.experts, routing.tokens + 1), _NEVER, np.int64)
        later_ticks = first_ticks.copy()
        for expert, queue, work in self._queues[piece.frame, piece.node]:
            stages = self._alone(work, expert, piece.frame)
            alike = slice(None) if self._experts_are_alike else expert
            later_ticks[alike, queue] = self._ticks(index, stages, within)
            first_ticks[alike, queue] = self._ticks(index, stages, before)
        most, queues = _largest_sum(first_ticks, later_ticks, routing.tokens * routing.top_k)
        if self._experts_are_alike:
            queues = tuple(sorted(queues))  # the longest last, whose work hides no load of a next one
        return most, with_queues(queues, routing.tokens, routing.top_k)

    @property
    def _experts_are_alike(self) -> bool:
        """Whether the stages of a queue are the same for each expert of a node, whose weights have one shape."""
        return not self.hardware.mapping and not any(unit.sparse for unit in self.hardware.units.values())

    @cached_property
    def _queues(self) -> Mapping[tuple[int, str], Sequence[tuple[int, int, ExpertWork]]]:
        """For each routed node of each frame (expert, length of its queue, work that has it), for all lengths; of one
        expert each if they are alike."""
        found: dict[tuple[int, str], list[tuple[int, int, ExpertWork]]] = {}
        hardware = _without_order_of_tokens(self.hardware)
        for index, frame in enumerate(self.timing.frames):
            if frame.activity is None:
                continue
            uniform = frame.activity.routings
            for turn in range(max((self._turns(routing) for routing in uniform.values()), default=0)):
                routings = FrozenMap({name: self._lengths(routing, turn) for name, routing in uniform.items()})
                workload = Workload(self.timing.prepared[index], replace(frame.activity, routings=routings))
                lowered = lower(workload, hardware)
                for node, work in lowered.experts.items():
                    if turn < self._turns(routings[node]):
                        found.setdefault((index, node), []).extend(
                            (expert, queue, work) for expert, queue in enumerate(work.routing.queues)
                        )
        return found

    def _turns(self, routing: Routing) -> int:
        """How many routings show all lengths of a queue."""
        return -(-routing.tokens // routing.experts) if self._experts_are_alike else routing.tokens

    def _lengths(self, routing: Routing, turn: int) -> Routing:
        """Queues of different lengths, which need not be those of one routing."""
        step = routing.experts if self._experts_are_alike else 1
        queues = tuple((turn * step + expert) % routing.tokens + 1 for expert in range(routing.experts))
        return Routing(queues, routing.tokens, routing.top_k)


def _largest_sum(first: Ticks, later: Ticks, visits: int) -> tuple[int, tuple[int, ...]]:
    """Queues that sum to `visits` with the most ticks in all, and these.

    `later[e, q]` are the ticks of expert e with a queue of q, `first[e, q]` if no expert before it has one; an expert
    without a queue takes none. Dynamic programming over experts and visits given so far.
    """
    experts, lengths = later.shape
    most = np.full(visits + 1, _NEVER, np.int64)
    taken = np.zeros((experts, visits + 1), np.int64)
    for expert in range(experts):
        new = most.copy()
        for queue in range(1, min(lengths, visits + 1)):
            sums = most[: visits + 1 - queue] + later[expert, queue]
            sums[0] = max(sums[0], first[expert, queue])
            better = sums > new[queue:]
            new[queue:][better] = sums[better]
            taken[expert, queue:][better] = queue
        most = new
    queues, left = [0] * experts, visits
    for expert in reversed(range(experts)):
        queues[expert] = int(taken[expert, left])
        left -= queues[expert]
    return int(most[visits]), tuple(queues)


def with_queues(queues: Sequence[int], tokens: int, top_k: int) -> Routing:
    """A routing with these queues, none longer than `tokens`, which sum to `tokens` x `top_k`: each token in turn takes
    the experts with the most still to take (Gale and Ryser: that never fails)."""
    left = np.array(queues)
    ids = []
    for _ in range(tokens):
        row = np.argsort(-left, kind="stable")[:top_k]
        left[row] -= 1
        ids.append(row.tolist())
    return Routing.from_ids(ids, len(queues))


def _shape(stage: Stage) -> tuple[int, ...]:
    """Equal for stages of equal layers, which share their transfers."""
    moved = (id(stage.streams), id(stage.held), id(stage.stores), id(stage.unit), bool(stage.group))
    return (*moved, stage.outer, stage.inner, stage.tail, stage.tile_cycles, stage.flush_cycles, stage.fill_cycles)


def _without_order_of_tokens(hardware: Hardware) -> Hardware:
    """The same layouts from queues alone: an order of tokens asks which token takes which expert."""
    if hardware.schedule.experts.order == "expert-major":
        return hardware
    experts = hardware.schedule.experts.model_copy(update={"order": "resident"})
    return hardware.model_copy(update={"schedule": hardware.schedule.model_copy(update={"experts": experts})})


def _runs_visits(schedule: Schedule) -> bool:
    """Whether experts run for one token at a time. That all visits load is the worst that a cache can do."""
    return schedule.experts.order == "token-major" and schedule.experts.cache.policy != "expected-hit"

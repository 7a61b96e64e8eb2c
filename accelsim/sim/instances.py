"""Several instances of a design that share its DRAMs: frames dealt to them in turn, or the layers of each frame.

`frames`: each instance runs whole frames, one after the other. `layers`: each frame passes through the instances;
consecutive nodes are dealt so that the longest share of a frame is as short as can be, while frames follow each other.
Links are each instance's own. A DRAM serves whoever asks: an instance has of it what the others leave, their traffic
spread evenly over the time T that all of them take, a part of 1 - (claims of the others) / T. As instances drift
against each other, no order of their requests is more likely than another. Larger parts make T shorter and a shorter T
makes parts smaller, so that there is one T; it is never below the sum of claims, nor above what equal parts give, and
never rises with a bandwidth. Within an instance all times stay max and + of durations.
One frame alone has the whole DRAM: that is its latency. The interval is that of frames without end.

Not modelled: links that instances share; requests of two instances that meet more often than by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accelsim.hw.schema import Hardware
from accelsim.mapping.stage import Stage
from accelsim.sim import table
from accelsim.sim.branches import grouped
from accelsim.sim.table import Lanes, Program
from accelsim.sim.timeline import run_program

Rows = npt.NDArray[np.int64]

_NEAR = 1e-6  # of a time that is found by bisection


def on_instances(program: Program, stages: Sequence[Stage], frame_of: Sequence[int], hardware: Hardware) -> Program:
    """The program of several frames, dealt to the instances."""
    count = hardware.instances.value
    frames = np.array(frame_of, np.int64)
    if hardware.schedule.spread == "frames":
        return _sharing(program, frames % count, None)
    return _sharing(program, _layers(program, stages, frames, count), frames)


def interval_ticks(program: Program, stages: Sequence[Stage], hardware: Hardware) -> float:
    """Mean ticks between two frames like this one, if they never end."""
    count = hardware.instances.value
    lane = np.zeros(len(stages), np.int64)
    if hardware.schedule.spread == "frames":
        return run_program(_sharing(program, lane, None, alike=count)).total / count
    lane = _layers(program, stages, lane, count)
    return float(run_program(_sharing(program, lane, None)).total)


def _sharing(program: Program, lane: Rows, frames: Rows | None, *, alike: int = 1) -> Program:
    """The program in lanes that share the DRAMs, each lane there `alike` times."""
    ticks = program.memory_ticks.astype(np.float64)
    own = np.array([ticks[lane == one].sum(axis=0) for one in range(int(lane.max(initial=0)) + 1)])
    total = alike * own.sum(axis=0)

    def shared(time: float) -> Program:
        part = 1.0 - (total - own) / time
        stretch = np.ones((len(lane), program.channels + program.memories))
        stretch[:, program.channels :] = np.where(own > 0, 1.0 / np.where(own > 0, part, 1.0), 1.0)[lane]
        return _laned(program, lane, frames, np.maximum(stretch, 1.0))

    low = float(max(total.max(initial=0.0), 1.0))  # where each lane of the busiest DRAM has its part of the claims
    high = float(run_program(shared(low)).total)
    while high - low > _NEAR * high:
        middle = (low + high) / 2
        low, high = (middle, high) if run_program(shared(middle)).total > middle else (low, middle)
    return shared(low)


def _layers(program: Program, stages: Sequence[Stage], frames: Rows, count: int) -> Rows:
    """The instance of each row: for each frame consecutive nodes, the longest share as short as can be."""
    timeline = run_program(program)
    own = (timeline.end - timeline.start).tolist()
    lane = np.zeros(len(stages), np.int64)
    for frame in np.unique(frames).tolist():
        rows = np.flatnonzero(frames == frame).tolist()
        nodes: list[list[int]] = []
        for row in rows:
            if nodes and stages[row].node == stages[nodes[-1][-1]].node:
                nodes[-1].append(row)
            else:
                nodes.append([row])
        for part, first, last in _parts([sum(own[row] for row in node) for node in nodes], count):
            lane[[row for node in nodes[first:last] for row in node]] = part
    return lane


def _parts(lengths: Sequence[int], count: int) -> list[tuple[int, int, int]]:
    """(part, first, last) of at most `count` runs of items whose longest sum is the least; earlier parts are fuller."""
    low, high = max(lengths, default=0), sum(lengths)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if len(_filled(lengths, middle)) <= count else (middle + 1, high)
    edges = [*_filled(lengths, low), len(lengths)]
    return [(part, edges[part], edges[part + 1]) for part in range(len(edges) - 1)]


def _filled(lengths: Sequence[int], most: int) -> list[int]:
    """Starts of runs that each take items up to a sum of `most`."""
    starts, room = [0], most
    for index, length in enumerate(lengths):
        if length > room:
            starts.append(index)
            room = most
        room -= length
    return starts


def _laned(program: Program, lane: Rows, frames: Rows | None, stretch: npt.NDArray[np.float64]) -> Program:
    """The program with rows of a lane one after the other; given `frames`, rows of a frame too."""
    after = np.full((len(lane), 2), -1, np.int64)
    for column, keys in enumerate((lane, frames)):
        last: dict[int, int] = {}
        for row, key in enumerate(keys.tolist() if keys is not None else ()):
            after[row, column] = last.get(key, -1)
            last[key] = row
    rows = program.rows.copy()
    rows[:, table.GROUP] = grouped(rows[:, table.GROUP], lane)
    return replace(program, rows=rows, lanes=Lanes(after, lane, stretch))

"""Several instances of a design that share its DRAMs: frames dealt to them in turn, or the layers of each frame.

`frames`: each instance runs whole frames, one after the other. `layers`: each frame passes through the instances;
consecutive nodes are dealt so that the longest share of a frame is as short as can be, while frames follow each other.
Links are each instance's own. A DRAM is divided in equal parts between frames, in proportion to the bytes that they
move between layers; parts are fixed, as in `sim/branches.py`, so all times stay max and + of durations.
One frame alone has the whole DRAM: that is its latency. The interval is that of frames without end.

Not modelled: links that instances share; what one instance leaves of its part of a DRAM, given to another.
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


def on_instances(program: Program, stages: Sequence[Stage], frame_of: Sequence[int], hardware: Hardware) -> Program:
    """The program of several frames, dealt to the instances."""
    count = hardware.instances.value
    frames = np.array(frame_of, np.int64)
    if hardware.schedule.spread == "frames":
        return _laned(program, frames % count, None, _equal(program, min(count, len(np.unique(frames)))))
    lane = _layers(program, stages, frames, count)
    return _laned(program, lane, frames, _by_bytes(program, lane))


def interval_ticks(program: Program, stages: Sequence[Stage], hardware: Hardware) -> float:
    """Mean ticks between two frames like this one, if they never end."""
    count = hardware.instances.value
    if hardware.schedule.spread == "frames":
        lane = np.zeros(len(stages), np.int64)
        return run_program(_laned(program, lane, None, _equal(program, count))).total / count
    lane = _layers(program, stages, np.zeros(len(stages), np.int64), count)
    return float(run_program(_laned(program, lane, None, _by_bytes(program, lane))).total)


def _equal(program: Program, count: int) -> npt.NDArray[np.float64]:
    stretch = np.ones((len(program.rows), program.channels + program.memories))
    stretch[:, program.channels :] = count
    return stretch


def _by_bytes(program: Program, lane: Rows) -> npt.NDArray[np.float64]:
    """Of each DRAM the part that a lane's claims have of all."""
    claims = program.memory_ticks.astype(np.float64)
    own = np.array([claims[lane == one].sum(axis=0) for one in range(int(lane.max(initial=0)) + 1)])
    stretch = _equal(program, 1)
    part = own[lane]
    stretch[:, program.channels :] = np.where(part > 0, claims.sum(axis=0) / np.maximum(part, 1.0), 1.0)
    return np.maximum(stretch, 1.0)


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

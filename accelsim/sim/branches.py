"""Branches of a graph side by side: which rows of a program may overlap, and what each has of the servers meanwhile.

Rows of one unit follow each other, and so do rows of units that share a buffer; these are a *lane*. A row comes after
the last row of each node whose results it reads. Where some rows are in no order, from a row before them all to one
after them all, lies a *region*; a whole program is a sequence of single rows and regions.

Inside a region each server is divided among the lanes in proportion to the bytes that they move over it, as ports with
a regulated share of a DRAM are: a lane keeps its share when others are idle. So no transfer depends on the time of
another lane's, all times stay max and + of durations, and no server does more than it can. Loads ahead of time stay
inside a lane of a region. A region is run side by side only where that takes less time than row after row.

Not modelled: arbitration that gives one lane what another leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accelsim.hw.schema import Hardware
from accelsim.mapping.stage import Stage
from accelsim.sim import table
from accelsim.sim.table import Lanes, Program
from accelsim.sim.timeline import Timeline, run_program

Needs = Mapping[str, Sequence[str]]
"""Nodes whose results a node reads, for each node that takes time."""


@dataclass(frozen=True)
class Region:
    """Rows `first` up to `last`, some of which are in no order. `after[i]` lists rows of the region that row
    `first + i` comes after."""

    first: int
    last: int
    after: tuple[tuple[int, ...], ...]


def unit_lanes(hardware: Hardware) -> dict[str, int]:
    """A number for each unit, equal for units that share a buffer."""
    lane: dict[str, int] = {}
    buffers: dict[str, int] = {}
    for index, (name, unit) in enumerate(hardware.units.items()):
        joined = {buffers[memory] for memory in unit.held.values() if memory in buffers}
        lane[name] = min((index, *joined))
        for known, number in (*lane.items(),):
            if number in joined:
                lane[known] = lane[name]
        for memory, number in (*buffers.items(),):
            if number in joined:
                buffers[memory] = lane[name]
        buffers.update(dict.fromkeys(unit.held.values(), lane[name]))
    numbers = {number: i for i, number in enumerate(dict.fromkeys(lane.values()))}
    return {name: numbers[number] for name, number in lane.items()}


def dependencies(
    stages: Sequence[Stage], frame_of: Sequence[int], needs: Sequence[Needs], lanes: Mapping[str, int]
) -> list[tuple[int, ...]]:
    """For each row the rows it comes directly after. `needs[frame]` are those of the frame's graph; frames follow each
    other, and so does everything around a reload at a switch of tasks."""
    found: list[tuple[int, ...]] = []
    last_of_node: dict[str, int] = {}
    last_of_lane: dict[int, int] = {}
    floor: set[int] = set()
    for row, (stage, frame) in enumerate(zip(stages, frame_of, strict=True)):
        if row and (frame != frame_of[row - 1] or stage.is_reload or stages[row - 1].is_reload):
            floor = set(last_of_lane.values())
            last_of_node.clear()
            last_of_lane.clear()
        before: set[int] = set()
        if stage.node in last_of_node:
            before.add(last_of_node[stage.node])
        else:
            before.update(last_of_node[node] for node in needs[frame].get(stage.node, ()) if node in last_of_node)
        lane = lanes[stage.unit]
        if lane in last_of_lane:
            before.add(last_of_lane[lane])
        found.append(tuple(sorted(before or floor)))
        last_of_node[stage.node] = last_of_lane[lane] = row
    return found


def regions(after: Sequence[Sequence[int]]) -> tuple[Region, ...]:
    """The regions of a program whose rows come after those in `after`."""
    # What a row comes after, all told: everything before row `whole`, and `others` behind it.
    known: list[tuple[int, frozenset[int]]] = []
    for before in after:
        whole = max((known[row][0] for row in before), default=0)
        others = {row for row in before if row >= whole}
        others.update(row for one in before for row in known[one][1] if row >= whole)
        while whole in others:
            others.remove(whole)
            whole += 1
        known.append((whole, frozenset(others)))
    found = []
    edge = least = len(after)
    for row in range(len(after) - 1, -1, -1):
        least = min(least, known[row][0])
        if least >= row:  # every row from here on comes after all rows before
            if edge - row > 1:
                inside = tuple(tuple(r for r in after[k] if r >= row) for k in range(row, edge))
                found.append(Region(row, edge, inside))
            edge = row
    return tuple(reversed(found))


def run_branches(
    program: Program,
    stages: Sequence[Stage],
    frame_of: Sequence[int],
    needs: Sequence[Needs],
    hardware: Hardware,
) -> tuple[Program, Timeline]:
    """The program with its branches side by side where that is faster, and its timeline."""
    apart = run_program(program)
    lanes = unit_lanes(hardware)
    found = regions(dependencies(stages, frame_of, needs, lanes))
    if not found:
        return program, apart
    lane = np.array([lanes[stage.unit] for stage in stages], np.int64)
    weights = _moved_bytes(program, stages, hardware)
    beside = run_program(_laid(program, lane, weights, found))
    faster = tuple(region for region in found if _ticks(beside, region) < _ticks(apart, region))
    chosen = _laid(program, lane, weights, faster)
    timeline = beside if faster == found else run_program(chosen)
    return (chosen, timeline) if timeline.total < apart.total else (program, apart)


def _ticks(timeline: Timeline, region: Region) -> int:
    rows = slice(region.first, region.last)
    return int(timeline.end[rows].max() - timeline.start[rows].min())


def _moved_bytes(program: Program, stages: Sequence[Stage], hardware: Hardware) -> npt.NDArray[np.float64]:
    """[rows, servers]: what decides the shares. Bytes, not ticks, so that shares do not move with a bandwidth."""
    channels = np.zeros((len(stages), program.channels))
    index = {name: 2 * i for i, name in enumerate(hardware.links)}
    word = {name: link.beat_bytes for name, link in hardware.links.items()}
    for row, stage in enumerate(stages):
        for transfers, times in (
            (stage.streams, stage.tiles),
            (stage.held, stage.rounds),
            (stage.stores, stage.rounds),
        ):
            for transfer in transfers:
                moved = max(transfer.beats, transfer.runs) * word[transfer.link]
                channels[row, index[transfer.link] + transfer.write] += times * moved
    draws = program.memory_of_channel[:, None] == np.arange(program.memories)
    return np.concatenate([channels, channels @ draws], axis=1)


def _laid(
    program: Program, lane: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], beside: Collection[Region]
) -> Program:
    """The program with these regions side by side and everything else row after row."""
    count = len(lane)
    after: list[tuple[int, ...]] = [(row - 1,) for row in range(count)]
    segment = np.zeros(count, np.int64)
    own_lane = np.zeros(count, np.int64)
    stretch = np.ones_like(weights)
    for number, region in enumerate(beside, start=1):
        rows = slice(region.first, region.last)
        segment[rows], segment[region.last :] = 2 * number - 1, 2 * number
        own_lane[rows] = lane[rows]
        start = after[region.first]
        for row, before in zip(range(region.first, region.last), region.after, strict=True):
            after[row] = before or start
        used = np.unique(lane[rows])
        members = [region.first + np.flatnonzero(lane[rows] == one) for one in used.tolist()]
        if region.last < count:
            after[region.last] = tuple(int(own[-1]) for own in members)
        total = weights[rows].sum(axis=0)
        for own in members:
            share = weights[own].sum(axis=0)
            stretch[own] = np.where(share > 0, total / np.maximum(share, 1e-300), 1.0)
    width = max(len(before) for before in after)
    padded = np.array([[*before, *(-1,) * (width - len(before))] for before in after], np.int64)
    rows_table = program.rows.copy()
    rows_table[:, table.GROUP] = grouped(rows_table[:, table.GROUP], segment)
    return replace(program, rows=rows_table, lanes=Lanes(padded, own_lane, np.maximum(stretch, 1.0)))


def grouped(groups: npt.NDArray[np.int64], segment: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Groups that do not reach from one segment to another: a number for each pair; 0 stays no group."""
    numbers: dict[tuple[int, int], int] = {}
    return np.array(
        [
            numbers.setdefault(pair, len(numbers) + 1) if pair[0] else 0
            for pair in zip(groups.tolist(), segment.tolist(), strict=True)
        ],
        np.int64,
    )

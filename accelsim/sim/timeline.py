"""Run a program and keep what reports and traces need."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accelsim.mapping import timeline_kernel as kernel
from accelsim.sim.table import Program, Ticks


@dataclass(frozen=True, eq=False)
class Timeline:
    """When each row of a program ran and why it took so long; all in ticks.

    `start`, `end` tile the time axis, unless rows run side by side. `causes` is [rows, len(CAUSES)]; each row sums to
    end - start.
    `compute_start`, `compute_end`: first tile's start and last tile's end, without fill. `held_start`,
    `held_end`: start of the first and end of the last held load, -1 for a row without; a prefetch starts in
    an earlier row. `channel_busy`, `memory_busy`: ticks that transfers keep each channel and DRAM busy.
    `stepped` tiles were walked one by one, the others jumped.
    """

    start: Ticks
    end: Ticks
    causes: Ticks
    compute_start: Ticks
    compute_end: Ticks
    held_start: Ticks
    held_end: Ticks
    channel_busy: Ticks
    memory_busy: Ticks
    total: int
    stepped: int

    @cached_property
    def makespan(self) -> Ticks:
        """[rows]: the latest end of a row and all rows before it."""
        return np.asarray(np.maximum.accumulate(self.end))

    @cached_property
    def credit(self) -> Ticks:
        """[rows, len(CAUSES)]: causes that sum to `total`.

        A row is credited the ticks by which it extends the makespan of the rows before it: all of its own where rows
        follow each other, none where it hides beside earlier ones, and between these its causes in proportion, each
        cut at a whole tick of their running sum.
        """
        extends = np.diff(self.makespan, prepend=0)
        credit = self.causes.copy()
        for row in np.flatnonzero(extends != self.end - self.start).tolist():
            part, whole = int(extends[row]), int(self.end[row] - self.start[row])
            edges = [total * part // whole for total in itertools.accumulate(self.causes[row].tolist())]
            credit[row] = np.diff(np.array([0, *edges]))
        return credit


def run_program(program: Program, *, step_every_tile: bool = False) -> Timeline:
    """The exact timeline of a program. `step_every_tile` does not jump: the same result, only slower."""
    count = program.rows.shape[0]
    times = np.zeros((count, kernel.TIMES), np.int64)
    causes = np.zeros((count, kernel.CAUSE_COUNT), np.int64)
    followers = program.followers()
    ready = np.empty_like(followers)
    stepped = kernel.run(
        program.rows, *program.servers(), program.after(), followers, ready, step_every_tile, times, causes
    )
    start, end, compute_start, compute_end, held_start, held_end = (np.ascontiguousarray(c) for c in times.T)
    return Timeline(
        start=start,
        end=end,
        causes=causes,
        compute_start=compute_start,
        compute_end=compute_end,
        held_start=held_start,
        held_end=held_end,
        channel_busy=program.channel_ticks.sum(axis=0),
        memory_busy=program.memory_ticks.sum(axis=0),
        total=int(end.max(initial=0)),
        stepped=int(stepped),
    )

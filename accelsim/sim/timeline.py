"""Run a program and keep what reports and traces need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.sim import kernel
from accelsim.sim.table import Program, Ticks


@dataclass(frozen=True, eq=False)
class Timeline:
    """When each row of a program ran and why it took so long; all in ticks.

    `start`, `end` tile the time axis. `causes` is [rows, len(CAUSES)]; each row sums to end - start.
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


def run_program(program: Program, *, step_every_tile: bool = False) -> Timeline:
    """The exact timeline of a program. `step_every_tile` does not jump: the same result, only slower."""
    count = program.rows.shape[0]
    times = np.zeros((count, kernel.TIMES), np.int64)
    causes = np.zeros((count, kernel.CAUSE_COUNT), np.int64)
    followers = program.followers()
    ready = np.empty_like(followers)
    stepped = kernel.run(program.rows, *program.servers(), followers, ready, step_every_tile, times, causes)
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
        total=int(end[-1]) if count else 0,
        stepped=int(stepped),
    )

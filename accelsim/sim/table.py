"""Programs: what the timeline kernel runs, as columns of integers.

`rows[r, COLUMN]` holds the scalars of a row, `inner[r, channel]` and its siblings the ticks of its transfers.
What each column means to the timeline is told in `mapping/timeline_kernel.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.errors import DoesNotFitError, InternalError
from accelsim.mapping.timeline_kernel import (
    CAUSE,
    COLUMNS,
    COMPUTE,
    DEPTH,
    FILL,
    FLUSH,
    GROUP,
    INNER,
    LATENCY,
    MAX_DEPTH,
    NODE,
    OUTER,
    SERIAL,
    SLOTS,
    STREAM_LATENCY,
    TAIL,
)
from accelsim.results import Failure
from accelsim.results.causes import CAUSES

__all__ = [
    "CAUSE",
    "COLUMNS",
    "COMPUTE",
    "DEPTH",
    "FILL",
    "FLUSH",
    "GROUP",
    "INNER",
    "LATENCY",
    "MAX_DEPTH",
    "MAX_TICKS",
    "NODE",
    "OUTER",
    "SERIAL",
    "SLOTS",
    "STREAM_LATENCY",
    "TAIL",
    "Lanes",
    "Program",
    "empty_rows",
    "too_long",
]

Ticks = npt.NDArray[np.int64]

MAX_TICKS = 2.0**60

_MATRICES = ("inner", "inner_dram", "begin", "begin_dram", "end", "end_dram")
# Smallest and largest value of each column; None: bounded by the overflow guard only.
_RANGES: dict[str, tuple[int, int, int | None]] = {
    "outer": (OUTER, 1, None),
    "inner": (INNER, 0, None),
    "tail": (TAIL, 0, None),
    "compute": (COMPUTE, 0, None),
    "flush": (FLUSH, 0, None),
    "fill": (FILL, 0, None),
    "depth": (DEPTH, 1, MAX_DEPTH),
    "latency": (LATENCY, 0, None),
    "stream_latency": (STREAM_LATENCY, 0, None),
    "serial": (SERIAL, 0, None),
    "cause": (CAUSE, 0, len(CAUSES) - 1),
    "group": (GROUP, 0, 2**16),
    "slots": (SLOTS, 1, 2),
}


def too_long(what: str, ticks: float) -> DoesNotFitError:
    """The error where times could pass what 64-bit integers hold."""
    levers = ("a smaller model", "shorter durations", "clocks with a larger common divisor")
    failure = Failure(what, ticks, MAX_TICKS, "ticks", levers=levers)
    text = f"{what}: up to {ticks:.3g} ticks, more than the {MAX_TICKS:.3g} that 64-bit times hold"
    return DoesNotFitError(f"{text} -- would help: {'; '.join(levers)}", (failure,))


def empty_rows(count: int) -> Ticks:
    """`count` rows that do nothing: one outer iteration without tiles, depth 1, one slot, no node."""
    rows = np.zeros((count, COLUMNS), np.int64)
    rows[:, [OUTER, DEPTH, SLOTS]] = 1
    rows[:, NODE] = -1
    return rows


@dataclass(frozen=True, eq=False)
class Lanes:
    """How rows of a program run side by side. Without, each row comes after the one before it.

    `after` [rows, any]: earlier rows that a row comes after, -1 for none. `lane` [rows]: rows of a lane come after
    each other; each lane has a share of every server to itself. `stretch` [rows, channels + memories], at least 1:
    what a row's transfers on a server take longer, because it has this part of it only. Whoever makes lanes sees to it
    that shares, 1 / stretch, leave no server more to do than it can, at all times or on average.
    """

    after: Ticks
    lane: Ticks
    stretch: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Program:
    """Rows to run in order, and the transfers of each on every channel, in ticks.

    Channel 2*l reads and 2*l + 1 writes link l; `memory_of_channel` gives the DRAM that it draws on, or -1.
    `inner` is per tile; `begin` (read channels) is the held load before each outer iteration, `end` (write
    channels) the store after each; the iteration of TAIL tiles has the same. `*_dram` is what the same
    transfer claims of its DRAM. All arrays are copied and read-only; those of transfers are [rows, channels].
    Raises InternalError for a shape or value out of range, DoesNotFitError if times could pass 2**60 ticks.
    """

    rows: Ticks
    inner: Ticks
    inner_dram: Ticks
    begin: Ticks
    begin_dram: Ticks
    end: Ticks
    end_dram: Ticks
    memory_of_channel: Ticks
    lanes: Lanes | None = None

    def __post_init__(self) -> None:
        for name in ("rows", *_MATRICES, "memory_of_channel"):
            values = np.array(getattr(self, name), dtype=np.int64, order="C")
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        self._check_shapes()
        self._check_ranges()
        self._check_lanes()
        if self.upper_bound > MAX_TICKS:
            raise too_long("timeline: all rows", self.upper_bound)

    @property
    def channels(self) -> int:
        return self.memory_of_channel.size

    @property
    def memories(self) -> int:
        """Number of DRAMs that channels draw on."""
        return int(self.memory_of_channel.max(initial=-1)) + 1

    @cached_property
    def iterations(self) -> Ticks:
        """Outer iterations of each row, the tail included."""
        return self.rows[:, OUTER] + (self.rows[:, TAIL] > 0)

    @cached_property
    def tiles(self) -> Ticks:
        """Tiles of each row."""
        return self.rows[:, OUTER] * self.rows[:, INNER] + self.rows[:, TAIL]

    @cached_property
    def channel_ticks(self) -> Ticks:
        """[rows, channels]: ticks that each row's transfers keep each channel busy, latencies not counted."""
        return self.tiles[:, None] * self.inner + self.iterations[:, None] * (self.begin + self.end)

    @cached_property
    def memory_ticks(self) -> Ticks:
        """[rows, memories]: ticks that each row claims of each DRAM."""
        claims = self.tiles[:, None] * self.inner_dram + self.iterations[:, None] * (self.begin_dram + self.end_dram)
        return np.asarray(claims @ self._draws)

    @cached_property
    def upper_bound(self) -> float:
        """No run takes more ticks than all of its transfers, computations and latencies in a line."""
        rows = self.rows.astype(np.float64)
        iterations = rows[:, OUTER] + 1
        tile = rows[:, COMPUTE] + sum(getattr(self, name).sum(axis=1, dtype=np.float64) for name in _MATRICES[:2])
        iteration = rows[:, FLUSH] + rows[:, LATENCY]
        iteration = iteration + sum(getattr(self, name).sum(axis=1, dtype=np.float64) for name in _MATRICES[2:])
        once = rows[:, [FILL, SERIAL, STREAM_LATENCY]].sum(axis=1)
        tiles = rows[:, OUTER] * rows[:, INNER] + rows[:, TAIL]
        slowest = 1.0 if self.lanes is None else np.maximum(1.0, self.lanes.stretch.max(axis=1, initial=1.0))
        return float(((tiles * tile + iterations * iteration) * slowest + once).sum())

    @cached_property
    def _draws(self) -> Ticks:
        """[channels, memories]: 1 where a channel draws on a DRAM."""
        draws: Ticks = (self.memory_of_channel[:, None] == np.arange(self.memories)).astype(np.int64)
        return draws

    def servers(self) -> tuple[Ticks, Ticks, Ticks, Ticks]:
        """[rows, channels + memories] ticks: tile reads, tile stores, held loads, iteration stores."""
        reads = np.arange(self.channels) % 2 == 0
        return (
            self._on_servers(self.inner * reads, self.inner_dram * reads),
            self._on_servers(self.inner * ~reads, self.inner_dram * ~reads),
            self._on_servers(self.begin, self.begin_dram),
            self._on_servers(self.end, self.end_dram),
        )

    def after(self) -> Ticks:
        """[rows, any] earlier rows that each row comes after, -1 for none."""
        if self.lanes is None:
            return np.arange(-1, self.rows.shape[0] - 1, dtype=np.int64)[:, None]
        return np.ascontiguousarray(self.lanes.after, dtype=np.int64)

    def followers(self) -> Ticks:
        """For each row the next of its group with a held load, -1: none follows, -2: no held load itself."""
        groups = np.where(self.begin.any(axis=1) | self.begin_dram.any(axis=1), self.rows[:, GROUP], -1)
        result = np.where(groups < 0, -2, -1)
        for group in range(1, int(groups.max(initial=0)) + 1):
            members = np.flatnonzero(groups == group)
            result[members[:-1]] = members[1:]
        return result

    def _on_servers(self, ports: Ticks, claims: Ticks) -> Ticks:
        ticks = np.concatenate([ports, claims @ self._draws], axis=1)
        if self.lanes is None:
            return np.ascontiguousarray(ticks)
        rows, servers = ticks.shape
        spread = np.zeros((rows, int(self.lanes.lane.max(initial=0)) + 1, servers), np.int64)
        # Rounded up, and above 2**53 a float is a little off, which the guard against overflow has room for.
        stretched = np.where(self.lanes.stretch == 1.0, ticks, np.ceil(ticks * self.lanes.stretch).astype(np.int64))
        spread[np.arange(rows), self.lanes.lane] = stretched
        return spread.reshape(rows, -1)

    def _check_shapes(self) -> None:
        if self.rows.ndim != 2 or self.rows.shape[1] != COLUMNS:
            raise InternalError(f"program: rows have shape {self.rows.shape}, expected [rows, {COLUMNS}]")
        if self.memory_of_channel.ndim != 1 or self.channels % 2:
            raise InternalError("program: memory_of_channel must list a read and a write channel for each link")
        expected = (self.rows.shape[0], self.channels)
        for name in _MATRICES:
            if getattr(self, name).shape != expected:
                raise InternalError(f"program: {name} has shape {getattr(self, name).shape}, expected {expected}")

    def _check_ranges(self) -> None:
        for name, (column, low, high) in _RANGES.items():
            values = self.rows[:, column]
            wrong = (values < low) | (values > (np.iinfo(np.int64).max if high is None else high))
            if wrong.any():
                row = int(np.argmax(wrong))
                raise InternalError(f"program: row {row}: {name} {values[row]} is not in {low}..{high or ''}")
        for name in _MATRICES:
            values = getattr(self, name)
            if (values < 0).any():
                raise InternalError(f"program: row {int(np.argmax((values < 0).any(axis=1)))}: negative {name} ticks")
        if (self.memory_of_channel < -1).any():
            raise InternalError("program: memory_of_channel holds an index below -1")
        if self.begin[:, 1::2].any() or self.begin_dram[:, 1::2].any():
            raise InternalError("program: a held load on a write channel")
        if self.end[:, ::2].any() or self.end_dram[:, ::2].any():
            raise InternalError("program: an end store on a read channel")
        dry = self.memory_of_channel < 0
        if any(getattr(self, name)[:, dry].any() for name in ("inner_dram", "begin_dram", "end_dram")):
            raise InternalError("program: a claim on the DRAM of a channel that has none")
        self._check_groups()

    def _check_lanes(self) -> None:
        if self.lanes is None:
            return
        rows = self.rows.shape[0]
        if (self.lanes.after >= np.arange(rows)[:, None]).any() or (self.lanes.after < -1).any():
            raise InternalError("program: a row comes after itself or a later one")
        if self.lanes.lane.shape != (rows,) or (self.lanes.lane < 0).any():
            raise InternalError("program: each row needs a lane, counted from 0")
        if self.lanes.stretch.shape != (rows, self.channels + self.memories) or (self.lanes.stretch < 1.0).any():
            raise InternalError("program: a stretch for each row and server must be at least 1")

    def _check_groups(self) -> None:
        slots: dict[int, int] = {}
        for row, (group, count) in enumerate(self.rows[:, [GROUP, SLOTS]].tolist()):
            if group and slots.setdefault(group, count) != count:
                raise InternalError(f"program: row {row}: group {group} has {count} slots here, {slots[group]} before")

"""Many hardware points on one graph, in columns: no Python per point, equal to simulating each by itself."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.errors import AccelsimError
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, Graph
from accelsim.mapping import kernel, search_kernel
from accelsim.mapping.lower import lower
from accelsim.mapping.record import LATENCY_ONLY, Integers
from accelsim.mapping.stage import Stage
from accelsim.results.causes import CAUSES
from accelsim.sim import bulk_kernel as bulk
from accelsim.sim.points import Columns, Points, points_of
from accelsim.sim.prices import priced
from accelsim.sim.recipe import Recipe, Tables, rates_matter, recipe_of
from accelsim.sim.timing import Frame, time_frames, workload_of

Column = npt.NDArray[Any]
_CHUNK = 4096  # points that one call of the kernel simulates


def simulate_many(
    graph: Graph,
    hardware: Hardware | Sequence[Hardware],
    columns: Columns | None = None,
    *,
    activity: Activity | None = None,
    costs: bool = True,
    threads: int | None = None,
) -> dict[str, Column]:
    """Simulate one frame on many points: a list of hardware, or one hardware with `columns`, dotted path -> values.

    All columns have one length; row i is the hardware with the i-th value at each path. Descriptions of a list may
    differ in numbers only. Gives columns of the same length: `cycles`, `latency_s`, `dram_read_bytes`,
    `dram_write_bytes`, `stalls.<cause>` in cycles, `failure` (why a point cannot run, its numbers are then 0), and with
    `costs` `energy.<scope>` in J, `resources.<kind>`, `fits` and `misfits` (what exceeds its bound). They are what
    `simulate` gives one by one; energies may differ in the last digits. Points with equal arrays and buffers share
    the work that depends on nothing else. `threads` default to the number of processors.
    Raises InputError for paths and values that are not there, and what lowering the first point raises if none runs.
    """
    points = points_of(hardware, columns)
    frame = Frame(graph.meta.get("task", ""), graph, activity)
    workload = workload_of(frame, points.base)
    found = BulkResults(points)
    recipe = None
    if not rates_matter(points.base):
        try:
            recipe = recipe_of(workload, lower(workload, points.base))
        except AccelsimError:
            recipe = None  # the base is no point of its own: others may run where it does not
    if recipe is None:
        for index in range(points.count):
            found.one_by_one(index, frame)
    else:
        known: dict[Hashable, tuple[Stage, ...]] = {}
        with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            tasks = []
            for group in points.groups():
                try:
                    tables = recipe.tables(group.hardware, known)
                except AccelsimError as error:
                    found.failure[group.members] = str(error)
                    continue
                work = BulkGroup(recipe, tables, points, group.hardware)
                size = min(_CHUNK, max(1, -(-group.members.size // (threads or os.cpu_count() or 1))))
                listed = pool.submit(work.list_candidates)  # queued before what waits for it
                starts = range(0, group.members.size, size)
                tasks += [pool.submit(work.run, group.members[start : start + size], found, listed) for start in starts]
            for task in tasks:
                task.result()
        for index in np.flatnonzero(found.status != bulk.DONE).tolist():
            found.one_by_one(index, frame)
    result = found.columns()
    if costs:
        result.update(priced(points, found.usage(), workload, recipe.lowered if recipe is not None else None))
    return result


class BulkResults:
    """What points give, as it is found."""

    def __init__(self, points: Points) -> None:
        self.points = points
        count, units = points.count, len(points.base.units)
        self.ticks = np.zeros(count, np.int64)
        self.cycles = np.zeros(count, np.int64)
        self.read, self.written = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.status = np.zeros(count, np.int64)
        self.active = np.zeros((count, units), np.int64)
        self.stalls = np.zeros((count, len(CAUSES)), np.int64)
        self.failure = np.full(count, "", object)

    def take(self, members: Integers, results: Integers, stalls: Integers, per_cycle: Integers) -> None:
        """Store what the kernel found for some points."""
        self.status[members] = results[:, bulk.STATUS]
        self.cycles[members] = -(-results[:, bulk.TICKS] // per_cycle)
        self.read[members], self.written[members] = results[:, bulk.READ_BYTES], results[:, bulk.WRITTEN_BYTES]
        self.active[members] = results[:, bulk.STATUS + 1 :]
        self.stalls[members] = stalls

    def one_by_one(self, index: int, frame: Frame) -> None:
        """A point by itself, where there is no faster way or a reason is wanted."""
        hardware = self.points.hardware(index)
        self.status[index] = bulk.DONE
        try:
            timing = time_frames([frame], hardware)
        except AccelsimError as error:
            self.failure[index] = str(error)
            return
        self.cycles[index] = timing.cycles
        self.read[index], self.written[index] = timing.row_bytes.sum(axis=0)
        self.stalls[index] = timing.row_credit.sum(axis=0)
        units = {name: number for number, name in enumerate(hardware.units)}
        for stage in timing.stages:
            self.active[index, units[stage.unit]] += stage.compute_cycles

    def usage(self) -> _Usage:
        return _Usage(self.cycles, self.read, self.written, self.active, self.failure == "")

    def columns(self) -> dict[str, Column]:
        return {
            "cycles": self.cycles,
            "latency_s": self.cycles / self.points.clock_hz,
            "dram_read_bytes": self.read,
            "dram_write_bytes": self.written,
            **{f"stalls.{cause}": self.stalls[:, number] for number, cause in enumerate(CAUSES)},
            "failure": self.failure,
        }


class _Usage(NamedTuple):
    """Cycles, bytes, busy cycles of each unit of each point, and whether it ran."""

    cycles: Integers
    read_bytes: Integers
    written_bytes: Integers
    active: Integers
    ran: npt.NDArray[np.bool_]


class BulkGroup:
    """Points with one array and one set of buffers: what they share, and the kernel on some of them."""

    def __init__(self, recipe: Recipe, tables: Tables, points: Points, hardware: Hardware) -> None:
        self.recipe, self.tables, self.points, self.hardware = recipe, tables, points, hardware
        count = tables.products.shape[0]
        self.plans = np.empty((count, search_kernel.MOST_PLANS, 4), np.int64)
        self.features = np.empty((count, search_kernel.MOST_PLANS, search_kernel.FEATURES))
        self.counts = np.zeros(count, np.int64)
        links = len(hardware.links)
        self.fixed_operands = np.zeros((links, kernel.OPERAND_COLUMNS), np.int64)
        self.fixed_operands[:, kernel.LINK] = np.arange(links)

    def list_candidates(self) -> None:
        """Cuts to choose from, the same for all points of the group."""
        bulk.list_candidates(self.tables.products, self.plans, self.features, self.counts)

    def run(self, members: Integers, found: BulkResults, listed: Future[None]) -> None:
        """Simulate some points, as soon as the candidates are listed."""
        listed.result()
        t = self.tables
        records = self.points.records(self.hardware, members)
        size = members.size
        results = np.zeros((size, bulk.STATUS + 1 + len(self.hardware.units)), np.int64)
        stalls = np.zeros((size, len(CAUSES)), np.int64)
        chosen = np.zeros((t.products.shape[0], 4), np.int64)
        bulk.run_points(
            t.products.copy(),
            t.operands,
            t.operand_counts,
            t.epilogues,
            t.epilogue_counts,
            t.fixed,
            t.units_of,
            t.memories_of,
            self.plans,
            self.features,
            self.counts,
            t.boxes.copy(),
            t.moves.copy(),
            t.sizes.copy(),
            t.stages.copy(),
            self.fixed_operands,
            t.layouts,
            self.recipe.slots,
            self.hardware.schedule.prefetch == "all",
            len(self.hardware.memories),
            records.links,
            records.drams,
            records.tick_hz,
            records.unit_ticks,
            records.per_cycle,
            LATENCY_ONLY,
            chosen,
            results,
            stalls,
        )
        found.take(members, results, stalls, records.per_cycle)

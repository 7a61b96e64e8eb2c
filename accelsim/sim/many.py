"""Many hardware points on one graph, in columns: no Python per point, equal to simulating each by itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.errors import AccelsimError
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, Graph
from accelsim.mapping import kernel
from accelsim.mapping.lower import Lowered
from accelsim.mapping.plan import check_mapping
from accelsim.mapping.record import LATENCY_ONLY, Floats, Integers
from accelsim.mapping.stage import Stage
from accelsim.mapping.view import Workload
from accelsim.results.causes import CAUSES
from accelsim.sim import batch_kernel as batch
from accelsim.sim import bulk_kernel as bulk
from accelsim.sim.chip_events import ChipEvents, event_joules, is_chip
from accelsim.sim.lowered import alike, obstacle, run_of
from accelsim.sim.objective import lower
from accelsim.sim.points import Columns, Group, Points, points_of
from accelsim.sim.prices import priced
from accelsim.sim.recipe import Recipe, Tables, rates_matter, recipe_of
from accelsim.sim.timing import Frame, time_frames, workload_of

Column = npt.NDArray[Any]
Progress = Callable[[int, int], None]
_CHUNK = 4096  # points that one call of the kernel simulates


def simulate_many(
    graph: Graph,
    hardware: Hardware | Sequence[Hardware],
    columns: Columns | None = None,
    *,
    activity: Activity | None = None,
    costs: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Column]:
    """Simulate one frame on many points: a list of hardware, or one hardware with `columns`, dotted path -> values.

    All columns have one length; row i is the hardware with the i-th value at each path. Descriptions of a list may
    differ in numbers only. Gives columns of the same length: `cycles`, `latency_s`, `dram_read_bytes`,
    `dram_write_bytes`, `stalls.<cause>` in cycles, `failure` (why a point cannot run, its numbers are then 0), and with
    `costs` `energy.<scope>` in J, `resources.<kind>`, `fits` and `misfits` (what exceeds its bound). They are what
    `simulate` gives one by one; energies may differ in the last digits. Points with equal arrays and buffers share
    the work that depends on nothing else. `threads` default to the number of processors.
    `one_by_one` says why a point could share nothing and was simulated by itself, a hundred times slower: '' for the
    others. `progress` is called with the points that are done and their number, now and then.
    Raises InputError for paths and values that are not there, and what lowering the first point raises if none runs.
    """
    points = points_of(hardware, columns)
    frame = Frame(graph.meta.get("task", ""), graph, activity)
    workload = workload_of(frame, points.base)
    found = BulkResults(points, progress, charged=costs and is_chip(points.base))
    recipe = _recipe(workload, points.base)
    known: dict[tuple[float, ...], Lowered | None] = {}
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        work = _Pool(pool, points, found, threads or os.cpu_count() or 1)
        for group in points.groups():
            if recipe is not None:
                work.by_recipe(recipe, group)
            else:
                known[group.values] = work.by_lowering(workload, group)
        work.wait()
    found.finish(frame, points.groups())
    result = found.columns()
    if costs:
        result.update(priced(points, found.usage(), workload, recipe.lowered if recipe is not None else None, known))
    return result


def _recipe(workload: Workload, base: Hardware) -> Recipe | None:
    if rates_matter(base):
        return None
    try:
        return recipe_of(workload, lower(workload, base))
    except AccelsimError:
        return None  # the base is no point of its own: others may run where it does not


class _Pool:
    """Hands points to the kernel, on threads."""

    def __init__(self, pool: ThreadPoolExecutor, points: Points, found: BulkResults, threads: int) -> None:
        self.pool, self.points, self.found, self.threads = pool, points, found, threads
        self.tasks: list[Future[None]] = []
        self.layouts: dict[Hashable, tuple[Stage, ...]] = {}

    def by_recipe(self, recipe: Recipe, group: Group) -> None:
        """Points of a group by the layouts of a recipe; their tiles are searched for each."""
        try:
            layouts = recipe.layouts(group.hardware, self.layouts)
            tables = recipe.tables_of(group.hardware, layouts)
        except AccelsimError as error:
            self.found.fail(group.members, str(error))
            return
        events = ChipEvents(group.hardware, layouts, recipe.times) if self.found.charged else None
        self._run(BulkGroup(recipe.slots, tables, self.points, group.hardware, events), group.members)

    def by_lowering(self, workload: Workload, group: Group) -> Lowered | None:
        """Points of a group by as few lowerings as there are ways to decide. Returns one of them."""
        members, lowered = group.members, None
        while members.size:
            try:
                lowered = lower(workload, self.points.hardware(int(members[0])))
                check_mapping(group.hardware, lowered.stages)
            except AccelsimError as error:  # rates have no say in what fits
                self.found.fail(members, str(error))
                return lowered
            why = obstacle(lowered)
            if why:
                self.found.leave(members, why)
                return lowered
            same = alike(lowered, self.points.rates(group.hardware, members), members.size)
            slots, tables = run_of(lowered, group.hardware)
            if self.found.charged:
                self.found.events[members[same]] = event_joules(group.hardware, lowered.stages)
            self._run(BulkGroup(slots, tables, self.points, group.hardware), members[same])
            members = members[~same]
        return lowered

    def _run(self, work: BulkGroup, members: Integers) -> None:
        size = min(_CHUNK, max(1, -(-members.size // self.threads)))
        for start in range(0, members.size, size):
            self.tasks.append(self.pool.submit(work.run, members[start : start + size], self.found))

    def wait(self) -> None:
        for task in self.tasks:
            task.result()
            self.found.tell()


class BulkResults:
    """What points give, as it is found; `charged`: with the joules of a chip's events."""

    def __init__(self, points: Points, progress: Progress | None = None, *, charged: bool = False) -> None:
        self.points, self.progress, self.charged = points, progress, charged
        count, units = points.count, len(points.base.units)
        self.ticks = np.zeros(count, np.int64)
        self.cycles = np.zeros(count, np.int64)
        self.read, self.written = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.status = np.zeros(count, np.int64)
        self.active = np.zeros((count, units), np.int64)
        self.stalls = np.zeros((count, len(CAUSES)), np.int64)
        self.events = np.zeros(count)
        self.failure = np.full(count, "", object)
        self.alone = np.full(count, "", object)
        self.done = np.zeros(count, np.bool_)

    def tell(self) -> None:
        """Tell how many points are done."""
        if self.progress is not None:
            self.progress(int(self.done.sum()), self.points.count)

    def fail(self, members: Integers, why: str) -> None:
        """Points that cannot run."""
        self.failure[members], self.done[members] = why, True

    def leave(self, members: Integers, why: str) -> None:
        """Points that share nothing with others: `finish` simulates each by itself."""
        self.status[members], self.alone[members] = bulk.TOO_LONG, why

    def finish(self, frame: Frame, groups: Iterable[Group]) -> None:
        """Simulate what is left one by one, a point of each group where no tile fits: that depends on no rate."""
        for group in groups:
            stuck = group.members[self.status[group.members] == bulk.NO_TILE]
            if stuck.size:
                self.one_by_one(int(stuck[0]), frame)
                if self.failure[stuck[0]]:
                    self.fail(stuck, self.failure[stuck[0]])
                    self.status[stuck] = bulk.DONE
        left = np.flatnonzero(self.status != bulk.DONE)
        self.alone[left] = np.where(self.alone[left] == "", "no tile fits, or times pass 2**60 ticks", self.alone[left])
        for index in left.tolist():
            self.one_by_one(index, frame)
            self.tell()

    def take(self, members: Integers, results: Integers, stalls: Integers, per_cycle: Integers) -> None:
        """Store what the kernel found for some points."""
        self.status[members] = results[:, bulk.STATUS]
        self.cycles[members] = -(-results[:, bulk.TICKS] // per_cycle)
        self.read[members], self.written[members] = results[:, bulk.READ_BYTES], results[:, bulk.WRITTEN_BYTES]
        self.active[members] = results[:, bulk.STATUS + 1 :]
        self.stalls[members] = stalls
        self.done[members] = results[:, bulk.STATUS] == bulk.DONE

    def one_by_one(self, index: int, frame: Frame) -> None:
        """A point by itself, where there is no faster way or a reason is wanted."""
        hardware = self.points.hardware(index)
        self.status[index], self.done[index] = bulk.DONE, True
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
        if self.charged:
            self.events[index] = event_joules(hardware, timing.stages)

    def usage(self) -> _Usage:
        return _Usage(self.cycles, self.read, self.written, self.active, self.events, self.failure == "")

    def columns(self) -> dict[str, Column]:
        return {
            "cycles": self.cycles,
            "latency_s": self.cycles / self.points.clock_hz,
            "dram_read_bytes": self.read,
            "dram_write_bytes": self.written,
            **{f"stalls.{cause}": self.stalls[:, number] for number, cause in enumerate(CAUSES)},
            "failure": self.failure,
            "one_by_one": self.alone,
        }


class _Usage(NamedTuple):
    """Cycles, bytes, busy cycles of each unit, joules of a chip's events of each point, and whether it ran."""

    cycles: Integers
    read_bytes: Integers
    written_bytes: Integers
    active: Integers
    events: Floats
    ran: npt.NDArray[np.bool_]


class BulkGroup:
    """Points with one array and one set of buffers: what they share, and the kernel on some of them.

    `events` are those of a chip whose tiles are searched.
    """

    def __init__(
        self, slots: Integers, tables: Tables, points: Points, hardware: Hardware, events: ChipEvents | None = None
    ) -> None:
        self.slots, self.tables, self.points, self.hardware = slots, tables, points, hardware
        self.events = events
        links = len(hardware.links)
        self.fixed_operands = np.zeros((links, kernel.OPERAND_COLUMNS), np.int64)
        self.fixed_operands[:, kernel.LINK] = np.arange(links)

    def is_fixed(self) -> bool:
        """Whether no tile is searched, so that points differ in ticks alone."""
        return bool((self.tables.fixed[:, 0] > 0).all())

    def run(self, members: Integers, found: BulkResults) -> None:
        """Simulate some points."""
        t = self.tables.copied()
        records = self.points.records(self.hardware, members)
        size = members.size
        results = np.zeros((size, bulk.STATUS + 1 + len(self.hardware.units)), np.int64)
        stalls = np.zeros((size, len(CAUSES)), np.int64)
        everywhere, buffers = self.hardware.schedule.prefetch == "all", len(self.hardware.memories)
        chosen = np.broadcast_to(t.fixed, (size, *t.fixed.shape))
        if self.is_fixed():
            batch.run_points(t, self.fixed_operands, self.slots, everywhere, buffers, records, results, stalls)
        else:
            chosen = np.zeros((size, *t.fixed.shape), np.int64)
            bulk.run_points(
                t,
                self.fixed_operands,
                self.slots,
                everywhere,
                buffers,
                records,
                LATENCY_ONLY,
                chosen,
                results,
                stalls,
            )
        found.take(members, results, stalls, records.per_cycle)
        if self.events is not None:
            done = results[:, bulk.STATUS] == bulk.DONE
            found.events[members[done]] = self.events.joules(chosen[done])

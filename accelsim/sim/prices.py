"""Energy and fit of many points, in columns: worked out once for each array, then scaled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from accelsim.cost.energy import ACCELERATOR, BOARD, Usage, energy
from accelsim.cost.limits import clock_demands
from accelsim.cost.resources import Taken, taken_by
from accelsim.errors import AccelsimError
from accelsim.hw.schema import Hardware
from accelsim.mapping.lower import Lowered
from accelsim.mapping.record import Floats, Integers
from accelsim.mapping.view import Workload
from accelsim.sim.chip_events import is_chip
from accelsim.sim.fit import clock_misfit, over_budget
from accelsim.sim.objective import lower
from accelsim.sim.points import Points
from accelsim.sim.totals import over_capacity

Column = npt.NDArray[Any]


class Used(Protocol):
    """What points did: cycles, bytes, busy cycles of each unit, joules of a chip's events, and whether they ran."""

    @property
    def cycles(self) -> Integers: ...
    @property
    def read_bytes(self) -> Integers: ...
    @property
    def written_bytes(self) -> Integers: ...
    @property
    def active(self) -> Integers: ...
    @property
    def events(self) -> Floats: ...
    @property
    def ran(self) -> npt.NDArray[np.bool_]: ...


def priced(
    points: Points,
    used: Used,
    workload: Workload,
    lowered: Lowered | None,
    known: Mapping[tuple[float, ...], Lowered | None],
) -> dict[str, Column]:
    """`energy.<scope>` in J, `resources.<kind>`, `fits` and `misfits` for each point; nothing of points that did not
    run. `lowered` is the lowering of the base, `known` those by the values of all that is no rate.
    Energy is linear in what a run did and, beside that, that of an FPGA in its clock; an FPGA of several clocks gets no
    column.
    """
    linear = len(points.base.clocks) == 1 or is_chip(points.base)
    paths = points.paths("layout")  # no rate takes resources, and what a clock exceeds is told point by point
    columns: dict[str, Column] = {
        "fits": np.ones(points.count, np.bool_),
        "misfits": np.full(points.count, "", object),
    }
    for values, members in points.combinations(paths, np.arange(points.count)):
        hardware = points.base.with_values(values)
        taken = taken_by(hardware)
        demands = taken.demands
        for kind, demand in demands.items():
            columns.setdefault(f"resources.{kind}", np.zeros(points.count))[members] = demand.amount
        slow = {clock_misfit(demand) for demand in clock_demands(hardware)}
        names = [failure.what for failure in over_budget(hardware, demands) if failure.what not in slow]
        own = known.get(tuple(values.values()))
        lacking = _told(hardware, own) if own is not None else _lacking(hardware, workload, lowered)
        everyone = np.ones(members.size, np.bool_)
        beyond = [(name, everyone) for name in names] + _late(points, hardware, members)
        for failure, which in beyond + [(name, everyone) for name in lacking]:
            misfit = members[which]
            columns["fits"][misfit] = False
            columns["misfits"][misfit] = [
                f"{text}; {failure}" if text else failure for text in columns["misfits"][misfit]
            ]
        if linear:
            for scope, joules in _energies(points, used, hardware, taken, members).items():
                columns.setdefault(f"energy.{scope}", np.zeros(points.count))[members] = joules
    for column in columns.values():
        if column.dtype.kind in "bf":
            column[~used.ran] = 0
    return columns


def _lacking(hardware: Hardware, workload: Workload, lowered: Lowered | None) -> list[str]:
    """Buffers that would have to keep more than they hold. Whether any does is only asked where the base keeps some."""
    if lowered is not None and not lowered.kept_bytes and not lowered.filled_bytes and not lowered.misfits:
        return []
    try:
        own = lower(workload, hardware)
    except AccelsimError:
        return []
    return _told(hardware, own)


def _told(hardware: Hardware, lowered: Lowered) -> list[str]:
    return [failure.what for failure in (*over_capacity(hardware, [lowered]), *lowered.misfits)]


def _late(points: Points, hardware: Hardware, members: Integers) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """What no array of its size has been clocked at, and which points do."""
    demands, found = clock_demands(hardware), []
    clocks = points.rates(hardware, members).unit_hz if demands else {}
    for demand in demands:
        clock = clocks[demand.unit][:, 0]
        late = clock > max(demand.reached_hz.value, demand.built_hz) * (1 + 1e-9)
        if late.any():
            found.append((clock_misfit(demand), late))
    return found


def _energies(points: Points, used: Used, hardware: Hardware, taken: Taken, members: Integers) -> Mapping[str, Floats]:
    """Joules by scope: those of a second at its clock, of a busy cycle of each unit, of a byte each way, and of events.

    What the hardware has `taken` does not depend on its clock.
    """
    clock = next(iter(hardware.clocks))  # of a chip no energy depends on any: events and seconds are charged
    base_hz = hardware.clock_hz
    double = hardware.with_values({f"clocks.{clock}.frequency": 2 * base_hz})

    def scopes(on: Hardware, **did: Any) -> dict[str, float]:
        usage = Usage(**{"seconds": 1.0, "unit_active_cycles": {}, "dram_read_bytes": 0, "dram_write_bytes": 0, **did})
        return {name: joules.value for name, joules in energy(on, usage, taken).scopes.items()}

    idle, faster = scopes(hardware), scopes(double)
    byte = 1 << 30
    read, written = scopes(hardware, dram_read_bytes=byte), scopes(hardware, dram_write_bytes=byte)
    busy = base_hz / 4
    units = [scopes(hardware, unit_active_cycles={name: busy}) for name in hardware.units]
    hz = points.clock_hz[members]
    seconds = used.cycles[members] / hz
    found = {}
    for name, joules in idle.items():
        per_hz = (faster[name] - joules) / base_hz
        total = seconds * (joules - per_hz * base_hz + per_hz * hz)
        total = total + used.read_bytes[members] * ((read[name] - joules) / byte)
        total = total + used.written_bytes[members] * ((written[name] - joules) / byte)
        for number, one in enumerate(units):
            total = total + used.active[members, number] * ((one[name] - joules) / busy)
        if name in (ACCELERATOR, BOARD):
            total = total + used.events[members]
        found[name] = total
    return found

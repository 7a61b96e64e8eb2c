"""Points of a hardware space in columns: which of them share arrays and buffers, and the records of their rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, did_you_mean
from accelsim.hw.memory import Dram
from accelsim.hw.part import Part
from accelsim.hw.quantity import Quantity
from accelsim.hw.schema import Hardware
from accelsim.hw.timebase import TICKS_PER_CLOCK_TICK, TimeBase
from accelsim.mapping import kernel
from accelsim.mapping.rates import Rates, rates_of
from accelsim.mapping.record import Floats, Integers, Record

Columns = Mapping[str, Sequence[float] | npt.NDArray[Any]]
# What of a link and of a DRAM no layout looks at: rates only.
_RATES_OF_LINKS = ("port_width", "latency", "burst", "outstanding", "round_trip", "write_round_trip", "write_gap")
_RATES_OF_DRAMS = ("write_efficiency", "granule", "row_miss", "turnaround", "write_batch")


class Group(NamedTuple):
    """Points that share everything but rates, and the base with what they share."""

    hardware: Hardware
    members: Integers
    values: tuple[float, ...]
    """What they share at the paths that are no rates."""


class Records(NamedTuple):
    """Rates of some points as the kernels read them, a row each."""

    links: Floats
    drams: Floats
    tick_hz: Integers
    unit_ticks: Integers
    unit_hz: Floats
    per_cycle: Integers


@dataclass(frozen=True)
class Points:
    """`base` with one value of each column at its path, `count` times."""

    base: Hardware
    columns_of: Mapping[str, npt.NDArray[Any]]
    count: int

    def hardware(self, index: int) -> Hardware:
        """A point by itself."""
        return self.base.with_values({path: values[index].item() for path, values in self.columns_of.items()})

    @cached_property
    def clock_hz(self) -> Floats:
        """[points] frequency of the clock that cycles are counted in."""
        return self._values(f"clocks.{next(iter(self.base.clocks))}.frequency", self.base.clock_hz)

    def _values(self, path: str, default: float) -> Floats:
        return np.asarray(self.columns_of.get(path, np.full(self.count, default)), np.float64)

    @cached_property
    def _drams(self) -> tuple[str, ...]:
        return tuple(name for name, memory in self.base.memories.items() if isinstance(memory, Dram))

    def _kind(self, path: str) -> str:
        """'direct' for rates that are worked out by column, 'rate' for other rates, 'layout' for all else."""
        room, _, rest = path.partition(".")
        name, _, field = rest.rpartition(".")
        if room == "clocks":
            return "direct" if len(self.base.clocks) == 1 else "rate"
        if room == "memories" and name in self._drams:
            if field in ("bandwidth", "efficiency"):
                return "direct"
            return "rate" if field in _RATES_OF_DRAMS else "layout"
        return "rate" if room == "links" and field in _RATES_OF_LINKS else "layout"

    def paths(self, *kinds: str) -> tuple[str, ...]:
        return tuple(path for path in self.columns_of if self._kind(path) in kinds)

    def groups(self) -> Iterator[Group]:
        """Points by what laying out can see."""
        for values, members in self.combinations(self.paths("layout"), np.arange(self.count)):
            yield Group(self.base.with_values(values), members, tuple(values.values()))

    def combinations(self, paths: Sequence[str], members: Integers) -> Iterator[tuple[dict[str, float], Integers]]:
        """The distinct values at `paths` among some points, each with the points that have them."""
        if not paths:
            yield {}, members
            return
        table = np.stack([np.asarray(self.columns_of[path], np.float64)[members] for path in paths], axis=1)
        distinct, inverse = np.unique(table, axis=0, return_inverse=True)
        order = np.argsort(inverse.reshape(-1), kind="stable")
        ends = np.cumsum(np.bincount(inverse.reshape(-1), minlength=distinct.shape[0]))
        for values, part in zip(distinct.tolist(), np.split(order, ends[:-1]), strict=True):
            yield dict(zip(paths, values, strict=True)), members[part]

    def rates(self, hardware: Hardware, members: Integers) -> Rates:
        """Rates of points whose layout is that of `hardware`, each [members, 1]."""
        first = rates_of(hardware)
        found = Rates(*({name: np.empty((members.size, 1)) for name in column} for column in first))
        where = np.empty(self.count, np.int64)
        where[members] = np.arange(members.size)
        for values, part in self.combinations(self.paths("rate"), members):
            for columns, own in zip(found, rates_of(hardware.with_values(values)), strict=True):
                for name, value in own.items():
                    columns[name][where[part], 0] = value
        if len(hardware.clocks) == 1:
            for columns in (found.unit_hz, found.link_hz):
                for column in columns.values():
                    column[:, 0] = self.clock_hz[members]
        for name in found.bytes_per_s:
            paths = [f"memories.{name}.{field}" for field in ("bandwidth", "efficiency")]
            dram = hardware.memories[name]
            if isinstance(dram, Dram) and any(path in self.columns_of for path in paths):
                bandwidth = self._values(paths[0], dram.bandwidth.value)[members]
                found.bytes_per_s[name][:, 0] = bandwidth * self._values(paths[1], dram.efficiency.value)[members]
        return found

    def records(self, hardware: Hardware, members: Integers) -> Records:
        """Rates of points whose layout is that of `hardware`."""
        size = members.size
        drams = max(1, len(Record(hardware).servers.drams))
        links = np.empty((size, len(hardware.links), kernel.LINK_COLUMNS))
        found = Records(
            links,
            np.empty((size, drams, kernel.DRAM_COLUMNS)),
            np.empty(size, np.int64),
            np.empty((size, len(hardware.units)), np.int64),
            np.concatenate(list(self.rates(hardware, members).unit_hz.values()), axis=1),
            np.empty(size, np.int64),
        )
        where = np.empty(self.count, np.int64)
        where[members] = np.arange(size)
        for values, part in self.combinations(self.paths("rate"), members):
            own = where[part]
            record = Record(hardware.with_values(values))
            base: TimeBase = record.base
            found.links[own], found.drams[own] = record.links, record.drams
            found.tick_hz[own], found.per_cycle[own] = base.tick_hz, base.ticks_per_cycle
            found.unit_ticks[own] = [base.unit_ticks(name) for name in hardware.units]
            self._direct(record, part, own, found)
        return found

    def _direct(self, record: Record, part: Integers, own: Integers, found: Records) -> None:
        """Put the columns of a single clock and of bandwidths over what the record says."""
        hardware = record.hardware
        clock = f"clocks.{next(iter(hardware.clocks))}.frequency"
        if clock in self.columns_of and self._kind(clock) == "direct":
            # One clock: all that is counted in cycles has the same number of ticks whatever its frequency.
            found.tick_hz[own] = np.rint(self.columns_of[clock][part]).astype(np.int64) * TICKS_PER_CLOCK_TICK
        for index, server in enumerate(record.servers.drams):
            name = next(name for name in self._drams if hardware.memories[name] is server.dram)
            paths = [f"memories.{name}.{field}" for field in ("bandwidth", "efficiency")]
            if not any(path in self.columns_of for path in paths):
                continue
            dram = server.dram
            bandwidth = self._values(paths[0], dram.bandwidth.value)[part]
            efficiency = self._values(paths[1], dram.efficiency.value)[part]
            written = efficiency if dram.write_efficiency is None else dram.write_efficiency.value
            found.drams[own, index, kernel.READ_RATE] = bandwidth * efficiency * server.share
            found.drams[own, index, kernel.WRITE_RATE] = bandwidth * written * server.share


def points_of(hardware: Hardware | Sequence[Hardware], columns: Columns | None) -> Points:
    """Points from a base and columns, or from a list. Raises InputError for a path, a length or a value that is wrong,
    or for descriptions that differ in more than numbers."""
    if not isinstance(hardware, Hardware):
        return _from_list(tuple(hardware), columns)
    found = {path: np.asarray(values) for path, values in (columns or {}).items()}
    known = dict(hardware.quantities())
    for path, values in found.items():
        if path not in known:
            raise InputError(f"{hardware.name}: '{path}' is no number of it{did_you_mean(path, known)}")
        if values.ndim != 1 or values.dtype.kind not in "iuf":
            raise InputError(f"{hardware.name}: {path}: a column is one number for each point")
        if not (np.isfinite(values).all() and (values >= (0 if known[path].value == 0 else 1e-12)).all()):
            raise InputError(f"{hardware.name}: {path}: a value is not a number or not above zero")
        if isinstance(known[path].value, int) and (np.mod(values, 1) != 0).any():
            raise InputError(f"{hardware.name}: {path}: a value is not a whole number")
    counts = {values.size for values in found.values()}
    if len(counts) > 1:
        raise InputError(f"{hardware.name}: columns have {', '.join(map(str, sorted(counts)))} values; give one length")
    return Points(hardware, found, counts.pop() if counts else 1)


def _from_list(hardwares: tuple[Hardware, ...], columns: Columns | None) -> Points:
    if columns is not None:
        raise InputError("simulate_many: give columns with one hardware, or a list of hardware without columns")
    if not hardwares:
        raise InputError("simulate_many: the list of hardware is empty")
    base = hardwares[0]
    known = dict(base.quantities())
    changed: dict[str, dict[int, float]] = {}
    for index, other in enumerate(hardwares[1:], start=1):
        for path, value in _differences(base, other, (), f"point {index} ({other.name})"):
            changed.setdefault(path, {})[index] = value
    columns_of = {}
    for path, values in changed.items():
        column = np.full(len(hardwares), known[path].value)
        column[list(values)] = list(values.values())
        columns_of[path] = column
    return Points(base, columns_of, len(hardwares))


def _differences(one: Any, other: Any, path: tuple[str, ...], where: str) -> Iterator[tuple[str, float]]:
    """Numbers in which two parts differ. Parts that are the same object are not looked into."""
    if one is other:
        return
    if isinstance(one, Quantity) and isinstance(other, Quantity):
        if one.value != other.value:
            yield ".".join(path), other.value
    elif isinstance(one, Part) and type(one) is type(other):
        for name in type(one).model_fields:
            yield from _differences(getattr(one, name), getattr(other, name), (*path, name), where)
    elif isinstance(one, Mapping) and isinstance(other, Mapping) and list(one) == list(other):
        for name in one:
            yield from _differences(one[name], other[name], (*path, name), where)
    elif one != other and path[-1:] != ("sourced",) and path[:1] not in (("name",), ("title",), ("notes",)):
        raise InputError(
            f"simulate_many: {where} differs from the first point at '{'.'.join(path)}', which is no number; "
            "points of a list may differ in numbers only"
        )

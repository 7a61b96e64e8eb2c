"""One accelerator on one board, as validated values."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

from accelsim.errors import InputError, did_you_mean
from accelsim.hw.energy import AsicEnergy, EnergyTable, FpgaEnergy
from accelsim.hw.mapping import FixedTiles
from accelsim.hw.memory import Buffer, Clock, Dram, Link, Memory
from accelsim.hw.part import Built, Format, Name, Named, Part, Resources, Selected, TensorClass, Units
from accelsim.hw.quantity import Blocks, Count, Quantity, SquareMetres, Watts, default
from accelsim.hw.schedule import Cache, Experts, Schedule
from accelsim.hw.unit import DotUnit, Function, HostUnit, RateUnit, SpatialUnit, SystolicUnit, Unit, VectorUnit
from accelsim.ir.frozen import FrozenMap
from accelsim.units import format_value

__all__ = [
    "AsicEnergy",
    "Board",
    "Buffer",
    "Cache",
    "Clock",
    "DotUnit",
    "Dram",
    "EnergyTable",
    "Experts",
    "FpgaEnergy",
    "Function",
    "Hardware",
    "HostUnit",
    "Link",
    "RateUnit",
    "Recorded",
    "Resources",
    "Schedule",
    "SpatialUnit",
    "SystolicUnit",
    "VectorUnit",
]


@dataclass(frozen=True)
class Recorded:
    """A number of a hardware file under its path, for reports."""

    path: str
    value: float
    low: float
    high: float
    dimension: str
    text: str
    rows: tuple[str, ...] = ()


class Board(Part):
    """Budgets and standing power of a board; a file names one of `hw/tables/boards.yaml`.

    `static_power` is the programmable logic's, `system_power` the processing system's while the host waits,
    `rest_power` all else on the board. A chip of its own (`fabric: asic`) has no blocks, and `area`, where known.
    """

    name: str
    part: str
    fabric: Literal["fpga", "asic"] = "fpga"
    sourced: str | None = None
    lut: Blocks
    ff: Blocks
    dsp: Blocks
    bram36: Blocks
    uram: Blocks
    area: SquareMetres | None = None
    static_power: Watts
    system_power: Watts
    rest_power: Watts


class Hardware(Part):
    """An accelerator: clocks, memories, links, units, where ops run, and what may overlap.

    `sources`, `notes` and `not_modelled` are for reports. `on_chip` lists classes of tensors that never leave
    the chip, in the words of a link's `carries`. `instances` is how often units, buffers and links are there, on the
    same DRAMs. `mapping` fixes tile sizes of nodes, by node and part; all others are searched. `built` says that the
    design exists, and what it takes there. Change numbers with `with_values`, anything else through the overrides of
    `load_hardware`.
    """

    name: Name
    title: str
    extends: str | None = None
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_modelled: tuple[str, ...] = ()
    board: Board
    clocks: Named[Clock]
    precision: Selected[Format]
    memories: Named[Memory]
    links: Named[Link]
    units: Named[Unit]
    placement: Selected[Units]
    on_chip: tuple[TensorClass, ...] = ()
    instances: Count = default(1, "count")
    schedule: Schedule
    mapping: FixedTiles = FrozenMap()
    energy: EnergyTable
    built: Built | None = None

    @property
    def clock_hz(self) -> float:
        """Frequency of the first clock, the one cycles are counted in."""
        return next(iter(self.clocks.values())).frequency.value

    def unit_clock_hz(self, unit: str) -> float:
        clock = self.units[unit].clock
        return self.clocks[clock].frequency.value if clock else self.clock_hz

    def link_clock_hz(self, link: str) -> float:
        clock = self.links[link].clock
        return self.clocks[clock].frequency.value if clock else self.clock_hz

    @cached_property
    def digest(self) -> str:
        """Depends on every value and choice that can change a result, not on texts or provenance."""
        lines = [
            f"{'/'.join(path)}={leaf.value if isinstance(leaf, Quantity) else leaf}\n" for path, leaf in self._settings
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def settings(self) -> dict[str, str]:
        """Every value that can change a result, by dotted path, as text with its unit."""
        return {
            ".".join(path): format_value(leaf.value, leaf.dimension) if isinstance(leaf, Quantity) else str(leaf)
            for path, leaf in self._settings
        }

    @cached_property
    def _settings(self) -> tuple[tuple[tuple[str, ...], Any], ...]:
        """Values that can change a result, by path."""
        return tuple((path, leaf) for path, leaf in self._values if path[0] not in _TEXTS and path[-1] != "sourced")

    @cached_property
    def _values(self) -> tuple[tuple[tuple[str, ...], Any], ...]:
        """Everything the description says, by path."""
        return tuple(_leaves(self, ()))

    def quantities(self) -> tuple[tuple[str, Quantity[Any]], ...]:
        """Every number with its dotted path."""
        return self._numbers

    @cached_property
    def _numbers(self) -> tuple[tuple[str, Quantity[Any]], ...]:
        return tuple((".".join(path), leaf) for path, leaf in self._values if isinstance(leaf, Quantity))

    def recorded(self, kind: str) -> tuple[Recorded, ...]:
        """The numbers whose provenance is of `kind`."""
        return tuple(
            Recorded(path, q.value, q.low, q.high, q.dimension, q.text, q.rows)
            for path, q in self.quantities()
            if q.kind == kind
        )

    def estimates(self) -> tuple[Recorded, ...]:
        """Numbers that are estimates, with their ranges."""
        return self.recorded("estimate")

    def timing_estimates(self) -> tuple[Recorded, ...]:
        """Those estimates that can change cycles: neither power, energy, nor counts of FPGA resources."""
        return tuple(
            record
            for record in self.estimates()
            if not record.path.startswith(("board.", "energy.")) and ".resources." not in record.path
        )

    def calibrated(self) -> tuple[Recorded, ...]:
        """Numbers taken from published rows, which must then not be scored."""
        return self.recorded("calibrated")

    def provenance_counts(self) -> dict[str, int]:
        """How many numbers there are of each kind of provenance; schema defaults are not counted."""
        counts = Counter(q.kind for _, q in self.quantities() if q.kind != "default")
        return dict(sorted(counts.items()))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, without what was worked out for the original."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("digest", "_settings", "_values", "_numbers"):
            copied.__dict__.pop(name, None)
        return copied

    def with_values(self, values: Mapping[str, float]) -> Hardware:
        """A copy with the numbers at the given paths replaced, their provenance kept. Raises InputError."""
        hardware: Any = self
        for path, value in values.items():
            hardware = _replaced(hardware, tuple(path.split(".")), value, path)
        return hardware  # type: ignore[no-any-return]


_TEXTS = frozenset({"name", "title", "extends", "sources", "notes", "not_modelled"})


def _leaves(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, child in _children(node):
        if not isinstance(child, (Quantity, str)) and isinstance(child, (Part, tuple, Mapping)):
            yield from _leaves(child, (*path, key))
        elif child is not None:
            yield (*path, key), child


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Part):
        for name in type(node).model_fields:
            yield name, getattr(node, name)
    elif isinstance(node, Mapping):
        yield from node.items()
    elif isinstance(node, tuple):
        for index, item in enumerate(node):
            yield str(index), item


def _replaced(node: Any, path: tuple[str, ...], value: float, shown: str) -> Any:
    if isinstance(node, Quantity):
        if path:
            raise InputError(f"{shown}: '{path[0]}' lies inside a number")
        return node.with_value(type(node.value)(value))
    known = dict(_children(node))
    if not path or path[0] not in known:
        reason = f"no such value{did_you_mean(path[0], known)}" if path else "names a part, not a number"
        raise InputError(f"{shown}: {reason}")
    child = _replaced(known[path[0]], path[1:], value, shown)
    if isinstance(node, Part):
        return node.model_copy(update={path[0]: child})
    if isinstance(node, FrozenMap):
        return node.with_items({path[0]: child})
    index = int(path[0])
    return (*node[:index], child, *node[index + 1 :])

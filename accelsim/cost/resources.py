"""Resources of a design against the board: formulas for multipliers and memories, else estimates.

Of a chip of its own that is the area of its multipliers and memories. A device has two bounds: what it holds, and
what of it can be filled in practice.
Not modelled: packing of several memories into one block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from accelsim.cost.blocks import buffer_blocks, dsp_per_float, dsp_per_product
from accelsim.cost.chip import area_mm2
from accelsim.cost.interval import Interval, total
from accelsim.cost.limits import FILL, built_amount
from accelsim.hw.energy import AsicEnergy
from accelsim.hw.memory import Buffer
from accelsim.hw.part import Resources
from accelsim.hw.schema import Hardware
from accelsim.hw.unit import DotUnit, HostUnit, RateUnit, SpatialUnit, SystolicUnit, Unit
from accelsim.ir.frozen import FrozenMap

KINDS = ("dsp", "bram36", "uram", "lut", "ff")
AREA = "area_mm2"
"""The kind of a chip of its own, beside KINDS, of which it takes none."""

_LEVERS_OF_ARRAYS = {
    "dot": ("lower {}.outputs", "raise {}.dsp_sharing"),
    "systolic": ("lower {}.cols", "raise {}.dsp_packing"),
    "spatial": ("lower {}.sides", "raise {}.dsp_packing"),
}

Parts = Mapping[str, Mapping[str, Interval]]
"""Resources of each part, named `units.linear`, `memories.weights` or `links.inout1`, by kind."""


@dataclass(frozen=True)
class Demand:
    """What a design takes of one kind of resource, and what the board has of it.

    `terms` add up to `amount`; `unknown` names parts that certainly take some but say nothing about it: the
    amount is then a lower bound. `levers` are changes of the description that would make it smaller. `practical` is
    how much of the bound has been filled by designs that were built, this one among them if it was.
    """

    kind: str
    interval: Interval
    bound: float
    terms: tuple[tuple[str, float], ...]
    unknown: tuple[str, ...] = ()
    levers: tuple[str, ...] = ()
    practical: float = math.inf

    @property
    def amount(self) -> float:
        return self.interval.value

    @property
    def fits(self) -> bool:
        """Whether the amount, as far as it is known, is within the board's."""
        return self.amount <= self.bound

    @property
    def practicable(self) -> bool:
        """Whether a design that full can be expected to route and to close timing."""
        return self.amount <= min(self.bound, self.practical)


class Taken(NamedTuple):
    """What a design takes, by part and in all."""

    parts: Parts
    demands: FrozenMap[str, Demand]


def taken_by(hardware: Hardware) -> Taken:
    """What a design takes."""
    parts = part_resources(hardware)
    return Taken(parts, demands_of(hardware, parts))


def resources(hardware: Hardware) -> FrozenMap[str, Demand]:
    """Demand of each kind in KINDS."""
    return taken_by(hardware).demands


def demands_of(hardware: Hardware, parts: Parts) -> FrozenMap[str, Demand]:
    """Demand of each kind, from the resources of all parts of each instance."""
    one = {kind: total(takes[kind] for takes in parts.values() if kind in takes).value for kind in KINDS}
    free = {kind: _bound(hardware, kind) - hardware.instances.value * one[kind] for kind in KINDS}
    demands = {kind: _demand(hardware, kind, parts, free) for kind in KINDS}
    table = hardware.energy
    if isinstance(table, AsicEnergy):
        demands[AREA] = _area(hardware, table)
    return FrozenMap(demands)


def _area(hardware: Hardware, table: AsicEnergy) -> Demand:
    areas = area_mm2(hardware, table)
    budget = hardware.board.area
    terms = tuple((name, area.value) for name, area in areas.items())
    bound = budget.value * 1e6 if budget is not None else math.inf
    inside = [name for name, unit in hardware.units.items() if not isinstance(unit, HostUnit)]
    unknown = tuple(f"units.{name}" for name in inside if f"units.{name}" not in areas)
    return Demand(AREA, total(areas.values()), bound, terms, unknown, tuple(f"lower {name}" for name, _ in terms[:2]))


def _bound(hardware: Hardware, kind: str) -> float:
    bound: float = getattr(hardware.board, kind).value
    return bound


def _practical(hardware: Hardware, kind: str) -> float:
    return max(FILL[kind] * _bound(hardware, kind), built_amount(hardware, kind))


def _demand(hardware: Hardware, kind: str, parts: Parts, free: Mapping[str, float]) -> Demand:
    terms = [(name, takes[kind] * hardware.instances.value) for name, takes in parts.items() if kind in takes]
    shown = tuple((name, interval.value) for name, interval in terms if interval.value)
    practical, used = _practical(hardware, kind), _bound(hardware, kind) - free[kind]
    return Demand(
        kind,
        total(interval for _, interval in terms),
        _bound(hardware, kind),
        shown,
        tuple(_unknown(hardware, kind, parts)),
        _levers(hardware, kind, shown, free) if free[kind] < 0 or used > practical else (),
        practical,
    )


def part_resources(hardware: Hardware) -> Parts:
    """What each part takes, by formula and by the estimates of the description."""
    parts: dict[str, Mapping[str, Interval]] = {}
    for name, unit in hardware.units.items():
        takes = _declared(unit.resources)
        if isinstance(unit, HostUnit):
            takes = {**dict.fromkeys(KINDS, Interval.exact(0.0)), **takes}
        slices = multiplier_slices(hardware, unit) if hardware.board.fabric == "fpga" else 0
        if slices:
            takes["dsp"] = takes.get("dsp", Interval.exact(0.0)) + Interval.exact(slices)
        parts[f"units.{name}"] = takes
    for name, memory in hardware.memories.items():
        if isinstance(memory, Buffer):
            kind, amount = buffer_blocks(memory)
            parts[f"memories.{name}"] = {kind: Interval.exact(amount)}
    for name, link in hardware.links.items():
        parts[f"links.{name}"] = _declared(link.resources)
    return parts


def multiplier_slices(hardware: Hardware, unit: Unit) -> int:
    """DSP slices of the multipliers of an array, by their widths; none by formula for other units."""
    if not isinstance(unit, DotUnit | SpatialUnit | SystolicUnit):
        return 0
    weight = hardware.precision["weight"]
    if weight.is_float:
        return unit.multipliers * dsp_per_float(weight.bits)
    a, b = (bits.value for bits in unit.multiplier)
    return unit.multipliers * dsp_per_product(a, b)


def _declared(given: Resources | None) -> dict[str, Interval]:
    if given is None:
        return {}
    values = ((kind, getattr(given, kind)) for kind in KINDS)
    return {kind: Interval.of(quantity) for kind, quantity in values if quantity is not None}


def _unknown(hardware: Hardware, kind: str, parts: Parts) -> Iterator[str]:
    """Units and links take LUTs and registers, and a rate stands for multipliers, said or not."""
    if hardware.board.fabric != "fpga":
        return
    if kind in ("lut", "ff"):
        computing = (name for name in parts if name.startswith(("units.", "links.")))
        yield from (name for name in computing if kind not in parts[name])
    elif kind == "dsp":
        rates = (name for name, unit in hardware.units.items() if isinstance(unit, RateUnit))
        yield from (f"units.{name}" for name in rates if kind not in parts[f"units.{name}"])


def _levers(
    hardware: Hardware, kind: str, terms: tuple[tuple[str, float], ...], free: Mapping[str, float]
) -> tuple[str, ...]:
    """Changes to the two largest parts that would help."""
    largest = [name for name, _ in sorted(terms, key=lambda term: -term[1])[:2]]
    return tuple(lever for name in largest for lever in _levers_of(hardware, kind, name, free))


def _levers_of(hardware: Hardware, kind: str, part: str, free: Mapping[str, float]) -> Iterator[str]:
    room, _, name = part.partition(".")
    memory = hardware.memories.get(name)
    if room == "memories" and isinstance(memory, Buffer):
        yield f"lower {part}.words"
        for technology in ("bram", "uram"):
            other, amount = buffer_blocks(memory.model_copy(update={"technology": technology}))
            if other != kind and amount * hardware.instances.value <= free[other]:
                yield f"{part}.technology={technology}"
    elif room == "units" and hardware.units[name].kind in _LEVERS_OF_ARRAYS:
        yield from (lever.format(part) for lever in _LEVERS_OF_ARRAYS[hardware.units[name].kind])
    else:
        yield f"lower {part}.resources.{kind}"


def on_chip_bytes(hardware: Hardware) -> FrozenMap[str, int]:
    """Bytes of each buffer, all copies."""
    buffers = ((name, memory) for name, memory in hardware.memories.items() if isinstance(memory, Buffer))
    return FrozenMap({name: buffer.total_bytes for name, buffer in buffers})

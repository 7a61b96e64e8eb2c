"""Energy of a run, by scope. A scope says whose energy it is; scopes are never mixed into one number.

Dynamic energy of an FPGA follows Vivado's power reports: an energy for each block and cycle, counted while the block's
unit is at work for multipliers and memories, and all the time for logic, wires and the clock tree, which HLS
designs do not gate. That of a chip counts operations and accesses: each product with its sum and the registers it
passes, and each word of a memory by the memory's size.
Not modelled: toggle rates of the data, temperature, voltage, row misses of the DRAM; of a chip its control, its clock
tree and the leakage of its logic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from accelsim.cost.chip import WORD_BITS, access_joules, leakage_watts, unit_joules
from accelsim.cost.interval import Interval, total
from accelsim.cost.resources import KINDS, Demand, Parts, Taken, taken_by
from accelsim.errors import InternalError
from accelsim.hw.energy import AsicEnergy, FpgaEnergy
from accelsim.hw.memory import Buffer, Dram
from accelsim.hw.schema import Hardware
from accelsim.ir.frozen import FrozenMap

ACCELERATOR, DRAM, STATIC, BOARD, STATED = "accelerator_dynamic", "dram", "device_static", "board", "stated"
_BITS_PER_BYTE = 8
_BLOCKS = ("dsp", "bram36", "uram")


@dataclass(frozen=True)
class Usage:
    """What a run did.

    `unit_active_cycles` are cycles of each unit's own clock in which it was at work; bytes are those that
    crossed the pins of all DRAMs. `operations` are the products (of an array) or function values (of others) of each
    unit, `buffer_bits` the bits read from and written to each buffer: only chips are charged by them.
    """

    seconds: float
    unit_active_cycles: Mapping[str, float]
    dram_read_bytes: float
    dram_write_bytes: float
    operations: Mapping[str, float] = field(default_factory=dict)
    buffer_bits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """Energy of one part of one scope, in joules: `count` times that of one `event` (an access, a cycle, a bit)."""

    scope: str
    joules: Interval
    event: str = ""
    count: float = 0.0

    @property
    def each(self) -> float | None:
        """Joules of one event; None where time, not events, is charged."""
        return self.joules.value / self.count if self.count else None


@dataclass(frozen=True)
class EnergyReport:
    """Joules by scope, by component, and of each unit's multipliers and blocks.

    `board` includes the three other computed scopes, the processing system and the rest of the board.
    `stated` is there only for designs whose source states a power, and means whatever that source meant.
    `unknown` names parts whose resources no one has estimated; the dynamic scope is then a lower bound.
    """

    scopes: FrozenMap[str, Interval]
    components: FrozenMap[str, Component]
    units: FrozenMap[str, Interval]
    unknown: tuple[str, ...] = ()


def energy(hardware: Hardware, usage: Usage, taken: Taken | None = None) -> EnergyReport:
    """Energy of a run on a hardware, of which it may be known what it has `taken`. Raises InternalError for a unit
    that the hardware does not have."""
    strangers = sorted(set(usage.unit_active_cycles) - set(hardware.units))
    if strangers:
        raise InternalError(f"{hardware.name}: energy of unknown units: {', '.join(strangers)}")
    parts, demands = taken or taken_by(hardware)
    table = hardware.energy
    if isinstance(table, AsicEnergy):
        units, dynamic = _chip(hardware, table, usage)
    else:
        units, dynamic = _fpga(hardware, table, usage, parts, demands)
    components = {
        "units": Component(ACCELERATOR, total(units.values())),
        **dynamic,
        **_dram(hardware, usage),
        "device static": Component(STATIC, Interval.of(hardware.board.static_power) * usage.seconds),
        "processing system": Component(BOARD, Interval.of(hardware.board.system_power) * usage.seconds),
        "rest of the board": Component(BOARD, Interval.of(hardware.board.rest_power) * usage.seconds),
    }
    unknown = dict.fromkeys(name for kind in KINDS for name in demands[kind].unknown)
    return EnergyReport(
        scopes=_scopes(hardware, usage, components),
        components=FrozenMap(components),
        units=FrozenMap(units),
        unknown=tuple(unknown),
    )


def _scopes(hardware: Hardware, usage: Usage, components: Mapping[str, Component]) -> FrozenMap[str, Interval]:
    scopes = {
        scope: total(part.joules for part in components.values() if part.scope == scope)
        for scope in (ACCELERATOR, DRAM, STATIC)
    }
    scopes[BOARD] = total(part.joules for part in components.values())
    stated = hardware.energy.stated_power
    if stated is not None:
        scopes[STATED] = Interval.of(stated) * usage.seconds
    return FrozenMap(scopes)


Spent = tuple[dict[str, Interval], dict[str, Component]]
"""Joules of each unit, and all other dynamic components."""


def _chip(hardware: Hardware, table: AsicEnergy, usage: Usage) -> Spent:
    """Products and function values, accesses to memories, and what the memories leak."""
    found = {}
    for name, memory in hardware.memories.items():
        if isinstance(memory, Buffer):
            words = usage.buffer_bits.get(name, 0.0) / WORD_BITS
            joules = access_joules(table, memory) * words
            found[f"memory {name}"] = Component(ACCELERATOR, joules, f"access of {WORD_BITS} bit", words)
    found["memory leakage"] = Component(STATIC, leakage_watts(hardware, table) * usage.seconds)
    return unit_joules(hardware, table, usage.operations), found


def _fpga(hardware: Hardware, table: FpgaEnergy, usage: Usage, parts: Parts, demands: Mapping[str, Demand]) -> Spent:
    units = {
        name: _blocks(hardware, parts[f"units.{name}"]) * usage.unit_active_cycles.get(name, 0.0)
        for name in hardware.units
    }
    return units, {**_memories(hardware, usage, parts), **_logic(hardware, table, usage, demands)}


def _cycle(hardware: Hardware, kind: str) -> Interval:
    """Energy of one resource and cycle, or of one operation of a chip, at the process of the board."""
    joules = Interval.of(getattr(hardware.energy, kind))
    return joules * Interval.of(hardware.energy.process_scale)


def _blocks(hardware: Hardware, takes: Mapping[str, Interval]) -> Interval:
    """Energy of a part's multipliers and memory blocks in one cycle; everything else counts as logic."""
    return total(takes[kind] * _cycle(hardware, f"{kind}_cycle") for kind in _BLOCKS if kind in takes)


def _memories(hardware: Hardware, usage: Usage, parts: Parts) -> dict[str, Component]:
    """Blocks that a unit holds operands in count while that unit works, all others all the time."""
    cycles = usage.seconds * hardware.clock_hz
    found: dict[str, Component] = {}
    for name in hardware.memories:
        takes = parts.get(f"memories.{name}", {})
        if not takes.keys().isdisjoint(_BLOCKS):
            active = _active_seconds(hardware, usage, name) * hardware.clock_hz
            joules = _blocks(hardware, takes) * active
            found[f"memory {name}"] = Component(ACCELERATOR, joules, "cycle of all its blocks", active)
    links = total(_blocks(hardware, parts[f"links.{name}"]) for name in hardware.links)
    found["link buffers"] = Component(ACCELERATOR, links * cycles)
    return found


def _active_seconds(hardware: Hardware, usage: Usage, memory: str) -> float:
    holders = [name for name, unit in hardware.units.items() if memory in unit.held.values()]
    if not holders:
        return usage.seconds
    active = sum(usage.unit_active_cycles.get(name, 0.0) / hardware.unit_clock_hz(name) for name in holders)
    return min(active, usage.seconds)


def _logic(hardware: Hardware, table: FpgaEnergy, usage: Usage, demands: Mapping[str, Demand]) -> dict[str, Component]:
    cycles = usage.seconds * hardware.clock_hz
    luts, registers = demands["lut"].interval, demands["ff"].interval
    wires = luts * Interval.of(table.nets_per_lut) * _cycle(hardware, "net_cycle")
    managers = Interval.of(table.clock_manager) * (len(hardware.clocks) * usage.seconds)
    return {
        "logic": Component(ACCELERATOR, luts * _cycle(hardware, "lut_cycle") * cycles),
        "wires": Component(ACCELERATOR, wires * cycles),
        "clock tree": Component(ACCELERATOR, registers * _cycle(hardware, "ff_cycle") * cycles),
        "clock managers": Component(ACCELERATOR, managers),
    }


def _dram(hardware: Hardware, usage: Usage) -> dict[str, Component]:
    table = hardware.energy
    drams = sum(1 for memory in hardware.memories.values() if isinstance(memory, Dram))
    read = Interval.of(table.dram_read) * (usage.dram_read_bytes * _BITS_PER_BYTE)
    written = Interval.of(table.dram_write) * (usage.dram_write_bytes * _BITS_PER_BYTE)
    moved = (usage.dram_read_bytes + usage.dram_write_bytes) * _BITS_PER_BYTE
    return {
        "DRAM transfers": Component(DRAM, read + written, "bit", moved),
        "DRAM standby": Component(DRAM, Interval.of(table.dram_standby) * (drams * usage.seconds)),
    }

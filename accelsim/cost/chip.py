"""What a chip of its own takes: energy of operations and accesses, and area, from a table of its process.

A product of a x b bit takes a multiplier that grows with a * b, an adder as wide as the sum, and one write of the
registers that hold both factors and the sum.
Not modelled: control, wires, clock tree and pads, and the leakage of logic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelsim.cost.interval import Interval
from accelsim.hw.energy import AsicEnergy
from accelsim.hw.memory import Buffer
from accelsim.hw.schema import Hardware
from accelsim.hw.unit import Unit
from accelsim.ir.frozen import FrozenMap

WORD_BITS = 64
"""Width of the accesses that the tables give energies for."""

_MM2 = 1e6
_SUM_BITS = 32  # where a unit does not say how wide its sums are


def operation_joules(hardware: Hardware, table: AsicEnergy, unit: Unit) -> Interval:
    """Energy of one product and its sum, or of one function value: a product at the width of activations."""
    a, b, accumulator = _widths(hardware, unit)
    one = (
        Interval.of(table.multiply_bit2) * (a * b)
        + Interval.of(table.add_bit) * accumulator
        + Interval.of(table.register_bit) * (a + b + accumulator)
    )
    return one * Interval.of(table.process_scale)


def access_joules(table: AsicEnergy, buffer: Buffer) -> Interval:
    """Energy of 64 bits read from or written to one bank of a buffer."""
    bank = buffer.copy_bytes / buffer.banks.value
    (low, x), (high, y) = table.sram_weights(bank)
    first, second = (Interval.of(getattr(table, name)) for name in (low, high))
    ends = [p**x * q**y for p in (first.low, first.high) for q in (second.low, second.high)]
    value = first.value**x * second.value**y
    return Interval(value, min(ends), max(ends)) * Interval.of(table.process_scale)


def leakage_watts(hardware: Hardware, table: AsicEnergy) -> Interval:
    """Leakage of all memories."""
    size = sum(memory.total_bytes for memory in hardware.memories.values() if isinstance(memory, Buffer))
    return Interval.of(table.leakage_mib) * (size / 2.0**20)


def area_mm2(hardware: Hardware, table: AsicEnergy) -> FrozenMap[str, Interval]:
    """Area of the multipliers and adders of each array and of each memory, of all instances: a lower bound of the
    chip's."""
    scale = Interval.of(table.area_scale) * (_MM2 * hardware.instances.value)
    found: dict[str, Interval] = {}
    for name, unit in hardware.units.items():
        count = getattr(unit, "multipliers", 0)
        if count:
            a, b, accumulator = _widths(hardware, unit)
            each = Interval.of(table.multiplier_area_bit2) * (a * b) + Interval.of(table.adder_area_bit) * accumulator
            found[f"units.{name}"] = each * scale * count
    for name, memory in hardware.memories.items():
        if isinstance(memory, Buffer):
            found[f"memories.{name}"] = Interval.of(table.sram_area_bit) * scale * (memory.total_bytes * 8)
    return FrozenMap(found)


def _widths(hardware: Hardware, unit: Unit) -> tuple[int, int, int]:
    """Bits of the two factors and of the sum."""
    given: Any = getattr(unit, "multiplier", None)
    activation = hardware.precision["activation"].bits
    a, b = (bits.value for bits in given) if given else (activation, activation)
    accumulator = getattr(unit, "accumulator", None)
    return a, b, accumulator.value if accumulator is not None else _SUM_BITS


def unit_joules(hardware: Hardware, table: AsicEnergy, operations: Mapping[str, float]) -> dict[str, Interval]:
    """Energy of each unit for the operations it did."""
    return {
        name: operation_joules(hardware, table, unit) * operations.get(name, 0.0)
        for name, unit in hardware.units.items()
    }

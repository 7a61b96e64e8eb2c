"""What a search for less energy needs to know of a design: joules of a second, of a byte and of a busy cycle.

They are those of the design's own energy table and resources, as `energy` charges them. Joules of a chip's operations
and accesses are not among them: how a product is cut does not change the former, and the latter are left out.
Not modelled: that a byte read and a byte written differ (their mean is taken).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from accelsim.cost.energy import ACCELERATOR, DRAM, STATIC, Usage, energy
from accelsim.hw.schema import Hardware

_BYTES = 1 << 30


class EnergyPrice(NamedTuple):
    """Joules of accelerator, DRAM and device for each second of a run, byte over a link and busy cycle of a unit."""

    second: float
    byte: float
    busy_cycle: float


def energy_prices(hardware: Hardware) -> dict[str, EnergyPrice]:
    """For each unit what it costs to run a node there."""

    def joules(**did: Any) -> float:
        usage = Usage(**{"seconds": 1.0, "unit_active_cycles": {}, "dram_read_bytes": 0, "dram_write_bytes": 0, **did})
        scopes = energy(hardware, usage).scopes
        return sum(scopes[scope].value for scope in (ACCELERATOR, DRAM, STATIC))

    second = joules()
    byte = (joules(dram_read_bytes=_BYTES, dram_write_bytes=_BYTES) - second) / (2 * _BYTES)
    found = {}
    for name in hardware.units:
        cycles = hardware.unit_clock_hz(name)
        found[name] = EnergyPrice(second, byte, (joules(unit_active_cycles={name: cycles}) - second) / cycles)
    return found

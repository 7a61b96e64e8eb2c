"""What can be built, besides what the device holds: fill that still routes, and the clock that a size still reaches."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.cost.interval import Interval
from accelsim.hw.schema import Hardware
from accelsim.hw.unit import Unit

FILL = {"lut": 0.70, "ff": 0.50, "bram36": 0.80, "uram": 0.80, "dsp": 0.80}
"""Share of each resource that a design may take and still close timing (FINN, DEFAULT_RES_LIMITS)."""

_SMALL, _LARGE = (1664, 300e6), (8192, 261e6)
"""Multipliers and clock of two floor-planned AutoSA arrays on an Alveo U250: fp32 13 x 16 x 8, int16 16 x 16 x 32."""

_UNPLANNED = 136 / 251
"""A third array of AutoSA, int8 24 x 8 x 64 with half of its products in LUTs, over the clock the line gives it."""


@dataclass(frozen=True)
class ClockDemand:
    """A unit's clock beside the one that arrays of its size have reached."""

    unit: str
    products: int
    clock_hz: float
    reached_hz: Interval
    built_hz: float

    @property
    def practicable(self) -> bool:
        """Whether arrays of that size, or this very design, have run as fast."""
        return self.clock_hz <= max(self.reached_hz.value, self.built_hz) * (1 + 1e-9)


def reached_clock(products: int) -> Interval:
    """Clock that an array of so many products a cycle has reached on UltraScale+: falls by 17 MHz with each doubling.

    The line through AutoSA's two points, over the logarithm of the size; the low end is its slowest array.
    """
    doublings = math.log2(max(1, products) / _SMALL[0])
    slope = (_SMALL[1] - _LARGE[1]) / math.log2(_LARGE[0] / _SMALL[0])
    reached = max(1e6, _SMALL[1] - slope * doublings)
    return Interval(reached, reached * _UNPLANNED, reached)


def clock_demands(hardware: Hardware) -> tuple[ClockDemand, ...]:
    """Every array of an FPGA design with its clock; nothing for a chip of its own."""
    if hardware.board.fabric != "fpga":
        return ()
    built = hardware.built.clock.value if hardware.built is not None and hardware.built.clock is not None else 0.0
    found = []
    for name, unit in hardware.units.items():
        products = _products(unit)
        if products:
            clock = hardware.unit_clock_hz(name)
            found.append(ClockDemand(name, products, clock, reached_clock(products), built))
    return tuple(found)


def _products(unit: Unit) -> int:
    count: int = getattr(unit, "macs_per_step", 0)
    return count


def built_amount(hardware: Hardware, kind: str) -> float:
    """How much of a resource the design takes that has been built; nothing where none has."""
    given = getattr(hardware.built, kind, None)
    return given.value if given is not None else 0.0

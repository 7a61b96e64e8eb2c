"""Ticks of a hardware: the unit of time in which all of its clocks are whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from accelsim.errors import InputError
from accelsim.hw.schema import Hardware

MAX_TICKS_PER_CYCLE = 1_000_000
# A row of a token claims its DRAM for a few tens of cycles; whole cycles would round that up by some percent.
TICKS_PER_CLOCK_TICK = 16


@dataclass(frozen=True)
class TimeBase:
    """Ticks of a hardware: a fraction of a cycle that divides the cycles of all its clocks."""

    hardware: Hardware

    @cached_property
    def tick_hz(self) -> int:
        clocks = [round(clock.frequency.value) for clock in self.hardware.clocks.values()]
        tick = math.lcm(*clocks)
        if tick // min(clocks) > MAX_TICKS_PER_CYCLE:
            raise InputError(
                f"{self.hardware.name}: clocks of {', '.join(f'{c:,} Hz' for c in clocks)} have no common tick below "
                f"1/{MAX_TICKS_PER_CYCLE:,} cycle; round their frequencies"
            )
        return tick * TICKS_PER_CLOCK_TICK

    @cached_property
    def ticks_per_cycle(self) -> int:
        """Ticks in a cycle of the primary clock, the one that results count in."""
        return self.tick_hz // round(self.hardware.clock_hz)

    def unit_ticks(self, unit: str) -> int:
        """Ticks in a cycle of a unit."""
        return self.tick_hz // round(self.hardware.unit_clock_hz(unit))

    def link_ticks(self, link: str) -> int:
        return self.tick_hz // round(self.hardware.link_clock_hz(link))

    def cycles(self, ticks: int) -> int:
        """Whole cycles of the primary clock, rounded up: a result is never early."""
        return -(-int(ticks) // self.ticks_per_cycle)

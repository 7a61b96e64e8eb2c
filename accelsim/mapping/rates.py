"""Rates of a hardware, or of many points at once, and the decisions that a lowering takes by them.

A lowering that many points share holds for all points that decide alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.hw.memory import Dram
from accelsim.hw.schema import Hardware

Value = Any
"""A number, or for many points an array [points, 1] that broadcasts over alternatives."""


class Rates(NamedTuple):
    """By name: Hz of units and links, cycles of a beat and of the start-up of a link, bytes a second of DRAMs."""

    unit_hz: Mapping[str, Value]
    link_hz: Mapping[str, Value]
    beat_cycles: Mapping[str, Value]
    latency: Mapping[str, Value]
    bytes_per_s: Mapping[str, Value]


def rates_of(hardware: Hardware) -> Rates:
    """The rates of one hardware."""
    return Rates(
        {name: hardware.unit_clock_hz(name) for name in hardware.units},
        {name: hardware.link_clock_hz(name) for name in hardware.links},
        {name: link.cycles_per_beat for name, link in hardware.links.items()},
        {name: link.latency.value for name, link in hardware.links.items()},
        {name: memory.bytes_per_s for name, memory in hardware.memories.items() if isinstance(memory, Dram)},
    )


class Decision(NamedTuple):
    """The alternative that a lowering took, and the one that it takes at given rates: an index, or one a point."""

    chosen: int
    choose: Callable[[Rates], npt.NDArray[np.int64]]


def decided(choose: Callable[[Rates], Any], rates: Rates) -> Decision:
    """The decision at rates of one hardware."""
    return Decision(int(choose(rates)), choose)


def fastest(seconds: Iterable[Value]) -> npt.NDArray[np.int64]:
    """The first of the alternatives that take least."""
    return np.asarray(np.argmin(np.concatenate([np.atleast_1d(one) for one in seconds], axis=-1), axis=-1))


def longest(values: Iterable[Value]) -> Value:
    """The largest of some values, point by point."""
    return reduce(np.maximum, values)

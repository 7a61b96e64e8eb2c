"""Where more of a resource stops helping: the latency simulated anew at many values of it.

For rates (bandwidth of a DRAM, width of a port, frequency of a clock) tiles stay as they are cut, so the latency never
rises with the value, and bisection finds where it ends to fall. For buffers each size is mapped anew, because more room
is worth nothing to tiles that stay as they are; sizes are tried up a ladder of octaves, then in eighths of one. As a
larger buffer can be used like a smaller one, the best of all sizes is what more of it can give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import takewhile
from typing import NamedTuple

from accelsim.errors import AccelsimError
from accelsim.hw.changed import Path, changed, limits, quantity_at
from accelsim.hw.memory import Buffer, Dram
from accelsim.results import Stop
from accelsim.sim.timing import Frame, Timing, retimed, time_frames

TOLERANCE = 0.01
"""Share of the latency that counts as no gain."""

STEP = 1.002
"""A rate is found to within this factor."""

_REACH = 64.0  # how far below and above the given value is looked, as a factor; a power of two
_EIGHTHS = 8
_WHOLE_HZ = 1e6  # clocks are tried in whole MHz, so that several of them have a common tick
_LEAST_PORT_BITS = 8.0

Seconds = Callable[[float], float]


class _Resource(NamedTuple):
    """Where a resource stands, the ends of the values tried, the latency with a value, and what searches between the
    ends: it takes the tolerance and tells the best latency and the least value that is enough for it."""

    path: Path
    kind: str
    low: float
    high: float
    seconds: Seconds
    search: Callable[[_Resource, float], tuple[float, float]]
    mapping: str
    dimension: str = ""


def stops(frames: Sequence[Frame], timing: Timing, *, tolerance: float = TOLERANCE) -> tuple[Stop, ...]:
    """One record for each DRAM, port, clock and buffer that the frames use, in order of the description."""
    return tuple(_stop(timing, resource, tolerance) for resource in _resources(frames, timing))


def _stop(timing: Timing, resource: _Resource, tolerance: float) -> Stop:
    quantity = quantity_at(timing.hardware, resource.path)
    best, enough = resource.search(resource, tolerance)
    limiting = enough > resource.low
    # In the upper half it helps as far as was looked.
    found = enough if limiting and enough <= resource.high / 2 else None
    return Stop(
        path=".".join(resource.path),
        kind=resource.kind,
        value=quantity.value,
        dimension=resource.dimension or quantity.dimension,
        stops_at=found,
        limits=limiting,
        low=resource.low,
        high=resource.high,
        latency_s=best,
        tolerance=tolerance,
        mapping=resource.mapping,
    )


def _resources(frames: Sequence[Frame], timing: Timing) -> Iterator[_Resource]:
    hardware = timing.hardware
    links = {t.link for stage in timing.stages for t in (*stage.streams, *stage.held, *stage.stores)}
    for name, memory in hardware.memories.items():
        if isinstance(memory, Dram) and any(hardware.links[link].memory == name for link in links):
            yield _rate(timing, ("memories", name, "bandwidth"), "bandwidth", float)
    for name, link in hardware.links.items():
        if name in links:
            # A port wider than its master serves it no faster: twice the master is plenty, and never the least.
            path, high = ("links", name, "port_width"), 2.0 * link.width.value
            yield _Resource(path, "bandwidth", _LEAST_PORT_BITS, high, _retimed(timing, path), _halved, "held")
    for name in hardware.clocks:
        yield _rate(timing, ("clocks", name, "frequency"), "clock", _whole_mhz)
    held = {memory for stage in timing.stages for memory in hardware.units[stage.unit].held.values()}
    for name, memory in hardware.memories.items():
        if name in held and isinstance(memory, Buffer) and not memory.resident:
            path = ("memories", name, "words")
            low, high = max(1.0, memory.words.value // _REACH), memory.words.value * _REACH
            words = f"words of {memory.width.value} bit"
            yield _Resource(path, "buffer", low, high, _mapped(frames, timing, path), _ladder, "searched", words)


def _rate(timing: Timing, path: Path, kind: str, grid: Callable[[float], float]) -> _Resource:
    value = quantity_at(timing.hardware, path).value
    least, most = limits(timing.hardware, path)
    low, high = max(grid(value / _REACH), least), min(grid(value * _REACH), most)

    def bisected(resource: _Resource, tolerance: float) -> tuple[float, float]:
        best = resource.seconds(high)
        if resource.seconds(low) <= best * (1 + tolerance):
            return best, low
        too_little, plenty = low, high
        while plenty / too_little > STEP:
            middle = grid((too_little * plenty) ** 0.5)
            if not too_little < middle < plenty:
                break
            is_enough = resource.seconds(middle) <= best * (1 + tolerance)
            too_little, plenty = (too_little, middle) if is_enough else (middle, plenty)
        return best, plenty

    return _Resource(path, kind, low, high, _retimed(timing, path), bisected, "held")


def _whole_mhz(value: float) -> float:
    return max(1.0, round(value / _WHOLE_HZ)) * _WHOLE_HZ


def _octaves(resource: _Resource) -> list[float]:
    """From `low` to `high`: the halves of `high`."""
    halves = takewhile(lambda size: size > resource.low, (resource.high * 0.5**power for power in range(64)))
    return [resource.low, *reversed(list(halves))]


def _halved(resource: _Resource, tolerance: float) -> tuple[float, float]:
    """The least octave that is enough."""
    sizes = _octaves(resource)
    best = min(resource.seconds(size) for size in sizes)
    return best, next(size for size in sizes if resource.seconds(size) <= best * (1 + tolerance))


def _ladder(resource: _Resource, tolerance: float) -> tuple[float, float]:
    """The least size that is enough: octaves, then eighths of the one below."""
    best, octave = _halved(resource, tolerance)
    below = max(resource.low, octave / 2)
    rungs = (float(int(below + (octave - below) * part / _EIGHTHS)) for part in range(1, _EIGHTHS))
    return best, next((size for size in rungs if resource.seconds(size) <= best * (1 + tolerance)), octave)


def _retimed(timing: Timing, path: Path) -> Seconds:
    """The latency with tiles as they are cut."""
    whole = isinstance(quantity_at(timing.hardware, path).value, int)

    @cache
    def seconds(value: float) -> float:
        found = retimed(timing, changed(timing.hardware, {path: int(value) if whole else value}))
        clock_hz: float = found.hardware.clock_hz
        return found.cycles / clock_hz

    return seconds


def _mapped(frames: Sequence[Frame], timing: Timing, path: Path) -> Seconds:
    """The latency with tiles cut anew; infinite where none fits."""

    @cache
    def seconds(value: float) -> float:
        hardware = changed(timing.hardware, {path: int(value)})
        try:
            return time_frames(frames, hardware).cycles / hardware.clock_hz
        except AccelsimError:
            return float("inf")

    return seconds

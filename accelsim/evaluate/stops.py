"""Where more of a resource stops helping: the latency simulated anew at many values of it.

For rates (bandwidth of a DRAM, width of a port, frequency of a clock) tiles stay as they are cut, so the latency never
rises with the value, and bisection finds where it ends to fall. For buffers each size is mapped anew, because more room
is worth nothing to tiles that stay as they are; sizes are tried down a ladder of octaves, then eighths of one.
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
    """Where a resource stands, the ends of the values tried, the latency with a value, and what finds the least value
    that is enough between one that is not and one that is."""

    path: Path
    kind: str
    low: float
    high: float
    seconds: Seconds
    least: Callable[[Seconds, float, float, float], float]
    mapping: str
    dimension: str = ""


def stops(frames: Sequence[Frame], timing: Timing, *, tolerance: float = TOLERANCE) -> tuple[Stop, ...]:
    """One record for each DRAM, port, clock and buffer that the frames use, in order of the description."""
    return tuple(_stop(timing, resource, tolerance) for resource in _resources(frames, timing))


def _stop(timing: Timing, resource: _Resource, tolerance: float) -> Stop:
    quantity = quantity_at(timing.hardware, resource.path)
    best = resource.seconds(resource.high)
    enough = best * (1 + tolerance)
    limiting = resource.seconds(resource.low) > enough
    found = resource.least(resource.seconds, resource.low, resource.high, enough) if limiting else None
    if found is not None and found > resource.high / 2:
        found = None  # it helps as far as was looked
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
            yield _Resource(path, "bandwidth", _LEAST_PORT_BITS, high, _retimed(timing, path), _octaves, "held")
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

    def bisected(seconds: Seconds, too_little: float, plenty: float, enough: float) -> float:
        while plenty / too_little > STEP:
            middle = grid((too_little * plenty) ** 0.5)
            if not too_little < middle < plenty:
                break
            too_little, plenty = (too_little, middle) if seconds(middle) <= enough else (middle, plenty)
        return plenty

    return _Resource(path, kind, low, high, _retimed(timing, path), bisected, "held")


def _whole_mhz(value: float) -> float:
    return max(1.0, round(value / _WHOLE_HZ)) * _WHOLE_HZ


def _octaves(seconds: Seconds, too_little: float, plenty: float, enough: float) -> float:
    """The least of the halves of `plenty` from where on all are enough."""
    sizes = (size for size in (plenty * 0.5**power for power in range(64)) if size > too_little)
    return list(takewhile(lambda size: seconds(size) <= enough, sizes))[-1]


def _ladder(seconds: Seconds, too_little: float, plenty: float, enough: float) -> float:
    """The least rung from where on all above are enough: halves of `plenty`, then eighths of an octave."""
    octave = _octaves(seconds, too_little, plenty, enough)
    below = max(too_little, octave / 2)
    rungs = dict.fromkeys(float(int(octave - (octave - below) * part / _EIGHTHS)) for part in range(_EIGHTHS))
    return list(takewhile(lambda size: seconds(size) <= enough, rungs))[-1]


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

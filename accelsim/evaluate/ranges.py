"""What the estimates of a hardware file make of a result: re-simulated at both ends of each range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.hw.schema import Hardware, Recorded
from accelsim.results import EstimateEffect, Range
from accelsim.sim.timing import Frame, time_frames
from accelsim.units import format_value


@dataclass(frozen=True)
class LatencyRange:
    """`total` has every estimate at the end that makes the frame fastest, and slowest; `effects` one at a time."""

    total: Range
    effects: tuple[EstimateEffect, ...]


def latency_range(frames: Sequence[Frame], hardware: Hardware) -> LatencyRange:
    """Latency in seconds over the ranges of all estimates that time can depend on, largest effect first."""

    def seconds(changed: Hardware) -> float:
        return time_frames(frames, changed).cycles / changed.clock_hz

    fastest, slowest = hardware, hardware
    effects, undecided = [], []
    for estimate in hardware.timing_estimates():
        low = seconds(hardware.with_values({estimate.path: estimate.low}))
        high = seconds(hardware.with_values({estimate.path: estimate.high}))
        effects.append(_effect(estimate, low, high))
        if low == high:
            undecided.append(estimate)
            continue
        best, worst = (estimate.low, estimate.high) if low < high else (estimate.high, estimate.low)
        fastest = fastest.with_values({estimate.path: best})
        slowest = slowest.with_values({estimate.path: worst})
    for estimate in undecided:  # no effect by itself, but perhaps together with the others
        ends = [{estimate.path: end} for end in (estimate.low, estimate.high)]
        fastest = min((fastest.with_values(end) for end in ends), key=seconds)
        slowest = max((slowest.with_values(end) for end in ends), key=seconds)
    effects.sort(key=lambda e: (-abs(e.latency_high_s - e.latency_low_s), e.path))
    return LatencyRange(Range(seconds(fastest), seconds(slowest)), tuple(effects))


def _effect(estimate: Recorded, low: float, high: float) -> EstimateEffect:
    return EstimateEffect(
        path=estimate.path,
        value=format_value(estimate.value, estimate.dimension),
        low=format_value(estimate.low, estimate.dimension),
        high=format_value(estimate.high, estimate.dimension),
        latency_low_s=low,
        latency_high_s=high,
        reason=estimate.text,
    )

"""What the estimates of a hardware file make of a result: re-simulated at both ends of each range."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from accelsim.cost.energy import energy
from accelsim.errors import AccelsimError
from accelsim.hw.schema import Hardware, Recorded
from accelsim.ir import FrozenMap
from accelsim.results import EstimateEffect, Range
from accelsim.results.result import CHIP_SCOPES
from accelsim.sim.timing import Frame, time_frames
from accelsim.sim.totals import Totals, totals
from accelsim.units import format_value


@dataclass(frozen=True)
class Spread:
    """`ranges` by metric ('latency_s', 'energy_j', 'energy_board_j', ...), all estimates erring the same way;
    `effects` have one estimate changed at a time, the one that matters most first."""

    ranges: FrozenMap[str, Range]
    effects: tuple[EstimateEffect, ...]
    left_out: tuple[str, ...] = ()
    """Paths of estimates at an end of which the design cannot run; they are not in the ranges."""


def spread(frames: Sequence[Frame], hardware: Hardware, nominal: Totals) -> Spread:
    """Latency and energy over the ranges of all estimates. `nominal` are the totals of the frames as given."""

    def simulated(changed: Hardware) -> Totals:
        return totals(time_frames(frames, changed))

    timing = {estimate.path for estimate in hardware.timing_estimates()}
    ends: dict[str, tuple[float, float]] = {}
    effects, left_out = [], []
    for estimate in hardware.estimates():
        is_timing = estimate.path in timing
        try:
            low, high = (
                _outcome(hardware.with_values({estimate.path: end}), nominal, is_timing, simulated)
                for end in (estimate.low, estimate.high)
            )
        except AccelsimError as error:
            unchanged = nominal.seconds, nominal.energy_j
            why = f"left out of the ranges, because the design cannot run at both ends: {error}"
            effects.append(_effect(replace(estimate, text=why), unchanged, unchanged))
            left_out.append(estimate.path)
            continue
        effects.append(_effect(estimate, low, high))
        if is_timing:
            ends[estimate.path] = low[0], high[0]
    fastest, slowest = corners(hardware, ends, lambda changed: simulated(changed).seconds)
    best, worst = simulated(fastest), simulated(slowest)
    found = {"latency_s": Range(min(best.seconds, nominal.seconds), max(worst.seconds, nominal.seconds))}
    found["energy_j"] = _energy(CHIP_SCOPES, nominal, best, worst)
    found |= {f"energy_{scope}_j": _energy((scope,), nominal, best, worst) for scope in nominal.spent.scopes}
    joules = [end for effect in effects for end in (effect.energy_low_j, effect.energy_high_j)]
    chip = found["energy_j"]
    found["energy_j"] = Range(min(chip.low, *joules), max(chip.high, *joules)) if joules else chip
    effects.sort(key=lambda effect: (-_weight(effect, nominal), effect.path))
    return Spread(FrozenMap(found), tuple(effects), tuple(left_out))


def corners(
    hardware: Hardware, ends: Mapping[str, tuple[float, float]], seconds: Callable[[Hardware], float]
) -> tuple[Hardware, Hardware]:
    """The hardware with every estimate at the end that makes the frame fastest, and slowest.

    `ends` are the latencies with one estimate at its low and at its high end. Estimates without an effect of their own
    may have one together with the others: they are tried again at each corner.
    """
    fastest, slowest = hardware, hardware
    undecided = []
    estimates = {estimate.path: estimate for estimate in hardware.timing_estimates()}
    for path, (low, high) in ends.items():
        estimate = estimates[path]
        if low == high:
            undecided.append(estimate)
            continue
        best, worst = (estimate.low, estimate.high) if low < high else (estimate.high, estimate.low)
        fastest = fastest.with_values({path: best})
        slowest = slowest.with_values({path: worst})
    for estimate in undecided:
        tried = [{estimate.path: end} for end in (estimate.low, estimate.high)]
        fastest = min((fastest.with_values(end) for end in tried), key=seconds)
        slowest = max((slowest.with_values(end) for end in tried), key=seconds)
    return fastest, slowest


def _outcome(
    changed: Hardware, nominal: Totals, is_timing: bool, simulated: Callable[[Hardware], Totals]
) -> tuple[float, float]:
    """(seconds, joules) of a changed hardware; only what can change the time is timed anew."""
    if is_timing:
        found = simulated(changed)
        return found.seconds, found.energy_j
    scopes = energy(changed, nominal.usage).scopes
    return nominal.seconds, sum(scopes[scope].value for scope in CHIP_SCOPES)


def _energy(scopes: Sequence[str], nominal: Totals, best: Totals, worst: Totals) -> Range:
    """Energy with its constants at their ends, over the fastest and the slowest run."""
    low = min(sum(run.spent.scopes[scope].low for scope in scopes) for run in (nominal, best))
    high = max(sum(run.spent.scopes[scope].high for scope in scopes) for run in (nominal, worst))
    return Range(low, high)


def _weight(effect: EstimateEffect, nominal: Totals) -> float:
    """How much an estimate matters: the share by which it moves the latency or the energy, whichever is more."""
    latency = abs(effect.latency_high_s - effect.latency_low_s) / nominal.seconds if nominal.seconds else 0.0
    joules = abs(effect.energy_high_j - effect.energy_low_j) / nominal.energy_j if nominal.energy_j else 0.0
    return max(latency, joules)


def _effect(estimate: Recorded, low: tuple[float, float], high: tuple[float, float]) -> EstimateEffect:
    return EstimateEffect(
        path=estimate.path,
        value=format_value(estimate.value, estimate.dimension),
        low=format_value(estimate.low, estimate.dimension),
        high=format_value(estimate.high, estimate.dimension),
        latency_low_s=low[0],
        latency_high_s=high[0],
        energy_low_j=low[1],
        energy_high_j=high[1],
        reason=estimate.text,
    )

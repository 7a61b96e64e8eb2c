"""What would help: changes of the hardware, each simulated anew and ranked by what it gains.

A change that cannot be built or run stays in the list with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.errors import AccelsimError
from accelsim.evaluate.changes import Change, changes, escapes, used_by, whole_of
from accelsim.hw.changed import changed, setting_text
from accelsim.hw.schema import Hardware
from accelsim.ir import FrozenMap
from accelsim.results import Lever
from accelsim.sim.timing import Frame, Timing, time_frames
from accelsim.sim.totals import Totals, totals


def levers(frames: Sequence[Frame], timing: Timing, nominal: Totals) -> tuple[Lever, ...]:
    """Every change that applies, tried one at a time: the fastest first, those that cannot run last."""
    hardware = timing.hardware
    found = [_tried(frames, hardware, nominal, change) for change in changes(hardware, used_by(timing))]
    return tuple(sorted(found, key=_rank))


def remedies(frames: Sequence[Frame], hardware: Hardware) -> tuple[Lever, ...]:
    """Changes with which a design can run that cannot as it is, the fastest first; there is no speed to compare."""
    tried = (*changes(hardware, whole_of(hardware)), *escapes(hardware))
    found = [_tried(frames, hardware, None, change) for change in tried]
    return tuple(
        sorted((lever for lever in found if lever.latency_s is not None), key=lambda one: one.latency_s or 0.0)
    )


def _rank(lever: Lever) -> tuple[float, float, str]:
    return (-(lever.speedup or 0.0), lever.energy_ratio or 0.0, lever.name)


def _tried(frames: Sequence[Frame], hardware: Hardware, nominal: Totals | None, change: Change) -> Lever:
    settings = FrozenMap({".".join(path): setting_text(hardware, path, value) for path, value in change.values.items()})
    try:
        found = totals(time_frames(frames, changed(hardware, change.values)))
    except AccelsimError as error:
        return Lever(change.name, change.kind, settings, reason=str(error))
    return Lever(
        name=change.name,
        kind=change.kind,
        settings=settings,
        latency_s=found.seconds,
        speedup=nominal.seconds / found.seconds if nominal is not None and found.seconds else None,
        energy_j=found.energy_j,
        energy_ratio=found.energy_j / nominal.energy_j if nominal is not None and nominal.energy_j else None,
        fits=not found.misfits,
        reason="; ".join(failure.short() for failure in found.misfits),
    )

"""What a timing costs as a whole: energy, resources, and what does not fit. All that a what-if needs to know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accelsim.cost.energy import EnergyReport, Usage, energy
from accelsim.cost.resources import Demand, on_chip_bytes, taken_by
from accelsim.hw.energy import AsicEnergy
from accelsim.hw.schema import Hardware
from accelsim.ir import FrozenMap
from accelsim.mapping.lower import Lowered
from accelsim.results import Failure
from accelsim.results.result import CHIP_SCOPES
from accelsim.sim.accesses import buffer_bits, operations
from accelsim.sim.fit import over_budget
from accelsim.sim.timing import Timing


@dataclass(frozen=True)
class Totals:
    """`kept_bytes` is what each buffer must hold at once, `misfits` are budgets and buffers that are exceeded."""

    seconds: float
    usage: Usage
    spent: EnergyReport
    demands: FrozenMap[str, Demand]
    kept_bytes: FrozenMap[str, int]
    misfits: tuple[Failure, ...]

    @property
    def energy_j(self) -> float:
        """Energy of accelerator, DRAM and device, as `Result.energy_j`."""
        return sum(self.spent.scopes[scope].value for scope in CHIP_SCOPES)


def totals(timing: Timing) -> Totals:
    """Energy and fit of a timing, on the hardware that it was made for."""
    hardware = timing.hardware
    seconds = timing.cycles / hardware.clock_hz
    usage = _usage(timing, seconds)
    taken = taken_by(hardware)
    kept = _kept_bytes(timing.lowered)
    lacking = {failure.what: failure for lowered in timing.lowered for failure in lowered.misfits}
    misfits = (*over_budget(hardware, taken.demands), *_over_capacity(hardware, kept), *lacking.values())
    return Totals(seconds, usage, energy(hardware, usage, taken), taken.demands, FrozenMap(kept), misfits)


def _usage(timing: Timing, seconds: float) -> Usage:
    active: dict[str, float] = {}
    chip = isinstance(timing.hardware.energy, AsicEnergy)  # nothing else is charged by operations and accesses
    for stage, count in zip(timing.distinct.stages, timing.distinct.counts, strict=True):
        active[stage.unit] = active.get(stage.unit, 0.0) + count * stage.compute_cycles
    return Usage(
        seconds=seconds,
        unit_active_cycles=active,
        dram_read_bytes=int(timing.row_bytes[:, 0].sum()),
        dram_write_bytes=int(timing.row_bytes[:, 1].sum()),
        operations=operations(timing.stages) if chip else {},
        buffer_bits=buffer_bits(timing.stages, timing.hardware) if chip else {},
    )


def _kept_bytes(frames: Iterable[Lowered]) -> dict[str, int]:
    """What each buffer must hold at once: experts that the policy keeps, parameters that stay between frames."""
    kept: dict[str, int] = {}
    for lowered in frames:
        resident: dict[str, int] = {}
        for stage in lowered.stages:
            if stage.resident:
                resident[stage.memory] = resident.get(stage.memory, 0) + stage.memory_bytes * stage.rounds
        for memory, size in (*lowered.kept_bytes.items(), *resident.items()):
            kept[memory] = max(kept.get(memory, 0), size)
    return kept


def over_capacity(hardware: Hardware, frames: Iterable[Lowered]) -> tuple[Failure, ...]:
    """Buffers that would have to keep more than they hold over these frames."""
    return _over_capacity(hardware, _kept_bytes(frames))


def _over_capacity(hardware: Hardware, kept: dict[str, int]) -> tuple[Failure, ...]:
    """Buffers that would have to keep more than they hold."""
    sizes = on_chip_bytes(hardware)
    return tuple(
        Failure(
            f"parameters kept in memory '{memory}'",
            size,
            sizes[memory],
            "bytes",
            levers=(f"raise memories.{memory}.words", "schedule.experts.order=expert-major"),
        )
        for memory, size in kept.items()
        if size > sizes[memory]
    )

"""What of a design exceeds its board: what the device does not hold, and what it holds but nobody could build."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accelsim.cost.limits import ClockDemand, clock_demands
from accelsim.cost.resources import AREA, Demand
from accelsim.hw.schema import Hardware
from accelsim.results import Failure

_BLOCKS = {
    "dsp": "DSP slices",
    "bram36": "BRAM36 blocks",
    "uram": "URAM blocks",
    "lut": "LUTs",
    "ff": "flip-flops",
    AREA: "mm2",
}
PRACTICE = "in practice"
"""What the failures end with that are no hard limit of a device: designs beyond it have not been built."""


def over_budget(hardware: Hardware, demands: Mapping[str, Demand]) -> tuple[Failure, ...]:
    """Every bound of the board that the design exceeds, hard ones first.

    A fill or a clock beyond what has been built is a failure too, or else a sweep would find its best designs there;
    a description that says what it takes as `built` is measured against itself.
    """
    return (*_hard(hardware, demands), *_practical(hardware, demands), *_clocks(hardware))


def clock_misfit(demand: ClockDemand) -> str:
    """How a failure names a unit that is clocked too high."""
    return f"clock of unit '{demand.unit}' with {demand.products:,} products a cycle {PRACTICE}"


def _hard(hardware: Hardware, demands: Mapping[str, Demand]) -> Iterator[Failure]:
    for kind, demand in demands.items():
        if not demand.fits:
            what = f"{_BLOCKS[kind]} of {hardware.board.name}"
            yield Failure(what, demand.amount, demand.bound, _BLOCKS[kind], demand.terms, demand.levers)


def _practical(hardware: Hardware, demands: Mapping[str, Demand]) -> Iterator[Failure]:
    for kind, demand in demands.items():
        if demand.fits and not demand.practicable:
            what = f"{_BLOCKS[kind]} of {hardware.board.name} {PRACTICE}"
            yield Failure(what, demand.amount, demand.practical, _BLOCKS[kind], demand.terms, demand.levers)


def _clocks(hardware: Hardware) -> Iterator[Failure]:
    for demand in clock_demands(hardware):
        if not demand.practicable:
            clock = hardware.units[demand.unit].clock or next(iter(hardware.clocks))
            yield Failure(
                clock_misfit(demand),
                demand.clock_hz,
                demand.reached_hz.value,
                "hz",
                levers=(f"lower clocks.{clock}.frequency",),
            )

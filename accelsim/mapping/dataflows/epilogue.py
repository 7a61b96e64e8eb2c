"""What an array does to results on their way out, and how often each function is applied."""

from __future__ import annotations

import math
from collections.abc import Sequence

from accelsim.hw.schema import DotUnit, SpatialUnit, SystolicUnit
from accelsim.ir import LoopNest


def epilogue_cycles(unit: DotUnit | SpatialUnit | SystolicUnit, extras: Sequence[LoopNest], elements: int) -> int:
    """Cycles a tile spends in the slowest function on its way out; functions run beside the array."""
    cycles = 0
    for nest in extras:
        function = unit.epilogue.get(nest.function)
        if function is not None:
            cycles = max(cycles, math.ceil(elements / function.lanes.value) * function.ii.value)
    return cycles


def function_counts(nests: Sequence[LoopNest]) -> tuple[tuple[str, int], ...]:
    """How often each function is applied over the nests."""
    counts: dict[str, int] = {}
    for nest in nests:
        counts[nest.function] = counts.get(nest.function, 0) + nest.points
    return tuple(counts.items())

"""What the operations and accesses of many points take on a chip, whose tiles differ from point to point.

A frame is layouts, each there so many times. What one takes follows from its stages, those of a product from its plan,
of which points have few that differ. Logic and memories of an FPGA are charged by time: it needs none of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from accelsim.cost.energy import ACCELERATOR, Usage, energy
from accelsim.cost.resources import Taken, taken_by
from accelsim.hw.energy import AsicEnergy
from accelsim.hw.schema import Hardware
from accelsim.mapping.dataflows.product import Product
from accelsim.mapping.dataflows.systolic import planned_stages
from accelsim.mapping.record import Floats, Integers
from accelsim.mapping.stage import Stage
from accelsim.sim.accesses import buffer_bits, operations

Layout = Product | tuple[Stage, ...]
"""A layout of a frame: a product, whose tiles are searched on each point, or the stages of any other node."""


def is_chip(hardware: Hardware) -> bool:
    return isinstance(hardware.energy, AsicEnergy)


def event_joules(hardware: Hardware, stages: Iterable[Stage], taken: Taken | None = None) -> float:
    """Joules of the products, function values and accesses of stages on a chip."""
    known = tuple(stages)
    usage = Usage(0.0, {}, 0, 0, operations(known), buffer_bits(known, hardware))
    return energy(hardware, usage, taken).scopes[ACCELERATOR].value


class ChipEvents:
    """Joules of operations and accesses of points that share a chip, by the plans of its products."""

    def __init__(self, hardware: Hardware, layouts: Sequence[Layout], times: Sequence[int]) -> None:
        self.hardware, self.taken = hardware, taken_by(hardware)
        pairs = list(zip(layouts, times, strict=True))
        self.products = [(layout, count) for layout, count in pairs if isinstance(layout, Product)]
        fixed = [(stages, count) for stages, count in pairs if not isinstance(stages, Product)]
        self.fixed = sum(count * event_joules(hardware, stages, self.taken) for stages, count in fixed)
        self.known: dict[tuple[int, ...], float] = {}  # threads may find the same plan at once: the same joules

    def joules(self, chosen: Integers) -> Floats:
        """[points] from the plans of each product, [points, products, 4]."""
        found = np.full(chosen.shape[0], self.fixed)
        for number, (_, count) in enumerate(self.products):
            plans, which = np.unique(chosen[:, number], axis=0, return_inverse=True)
            joules = np.array([self._of_plan(number, plan) for plan in plans.tolist()])
            found += count * joules[which.reshape(-1)]
        return found

    def _of_plan(self, number: int, plan: Sequence[int]) -> float:
        key = (number, *plan)
        if key not in self.known:
            stages = planned_stages(self.products[number][0], plan)
            self.known[key] = event_joules(self.hardware, stages, self.taken)
        return self.known[key]

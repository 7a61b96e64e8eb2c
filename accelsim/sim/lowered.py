"""One lowering as it is, for the bulk kernel: for all points on which a lowering would decide alike.

This is the way of designs without a recipe: arrays that are cut by rates, tensors that stay on chip, several units for
a nest, a host, policies that make stages of their own.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.hw.schema import Hardware, SystolicUnit
from accelsim.mapping.lower import Lowered
from accelsim.mapping.plan import fixed_tiles
from accelsim.mapping.rates import Rates
from accelsim.mapping.record import Integers
from accelsim.mapping.stage import Stage
from accelsim.sim.recipe import Collected, Tables


class Run(NamedTuple):
    """The order of rows and what they are made of, as `bulk_kernel.run_points` reads them."""

    slots: Integers
    tables: Tables


def obstacle(lowered: Lowered) -> str:
    """Why a lowering cannot be shared by points: '' if it can."""
    hardware = lowered.context.hardware
    if hardware.schedule.branches != "sequential":
        return "branches of the graph run side by side"
    for stage in lowered.stages:
        if stage.group and not (stage.memory and stage.slots >= 2):
            return f"node '{stage.node}' loads ahead without a second place in a buffer"
    if hardware.schedule.objective != "latency":
        return f"tiles are searched for {hardware.schedule.objective}"
    searching = [name for name, unit in hardware.units.items() if isinstance(unit, SystolicUnit)]
    if searching and lowered.context.decisions:
        return f"tiles of unit '{searching[0]}' are searched to choose between ways to run a node"
    for stage in lowered.stages:
        if stage.unit in searching and stage.cut and fixed_tiles(hardware, stage.node, stage.part) is None:
            return f"tiles of unit '{stage.unit}' are searched beside {_beside(lowered)}"
    return ""


def _beside(lowered: Lowered) -> str:
    if lowered.occupancy:
        return "tensors that stay on chip"
    if any(unit.kind == "host" for unit in lowered.context.hardware.units.values()):
        return "a host"
    return "stages that a policy makes"


def alike(lowered: Lowered, rates: Rates, count: int) -> npt.NDArray[np.bool_]:
    """Which of the points with these rates would be lowered to the same stages."""
    same = np.ones(count, np.bool_)
    for decision in lowered.context.decisions:
        same &= np.broadcast_to(decision.choose(rates), count) == decision.chosen
    return same


def run_of(lowered: Lowered, hardware: Hardware) -> Run:
    """The stages of a lowering, each distinct one once."""
    units, buffers = list(hardware.units), list(hardware.memories)
    found = Collected(lowered.context.record)
    numbers: dict[Hashable, int] = {}
    groups: dict[str, int] = {}
    slots = []
    for stage in lowered.stages:
        key = _key(stage)
        if key not in numbers:
            numbers[key] = len(numbers)
            # Not early: the group alone then tells which loads run ahead of which rows.
            found.add_stages((replace(stage, early=False),), units, buffers)
        slots.append((numbers[key], groups.setdefault(stage.group, len(groups)), 0, bool(stage.group)))
    return Run(np.array(slots, np.int64).reshape(-1, 4), found.tables())


def _key(stage: Stage) -> Hashable:
    return (
        stage.unit,
        stage.cause,
        (stage.outer, stage.inner, stage.tail, stage.tile_cycles, stage.flush_cycles, stage.fill_cycles),
        (stage.depth, stage.slots, stage.memory, stage.held_requests, stage.seconds),
        (stage.streams, stage.held, stage.stores),
    )

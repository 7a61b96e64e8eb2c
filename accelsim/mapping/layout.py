"""Laying out a group of nests on a unit, and choosing the unit where a description names several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from accelsim.errors import DoesNotFitError, UnsupportedError
from accelsim.hw.schema import Dram, Hardware
from accelsim.ir import LoopNest, Node
from accelsim.mapping.context import Context
from accelsim.mapping.dataflows import DATAFLOWS
from accelsim.mapping.rates import Rates, fastest, longest, rates_of
from accelsim.mapping.sparsity import sparse_stages
from accelsim.mapping.stage import Stage
from accelsim.mapping.view import nest_key


def lay_out(context: Context, unit_name: str, node: Node, nests: Sequence[LoopNest]) -> tuple[Stage, ...]:
    """Stages of nests that share a unit. Raises what the unit's dataflow raises."""
    unit = context.hardware.units[unit_name]
    if unit.sparse:
        return sparse_stages(context, unit_name, unit, node, nests)
    return DATAFLOWS[unit.kind](context, unit_name, unit, node, nests)


def fastest_unit(context: Context, node: Node, nest: LoopNest, units: Sequence[str]) -> str:
    """Of several units the one with the least estimated time for a nest by itself, the first of equals. Where branches
    run side by side it is the one that would be done first, after what was placed on it before.

    Raises UnsupportedError, or DoesNotFitError where only room is missing, if none can run it.
    """
    if len(units) == 1:
        return units[0]
    key = (units, node.op, context.workload.shape(nest))
    if key not in context.costs:
        found: list[tuple[float, int]] = []
        runs: list[tuple[Stage, ...]] = []
        refused: list[UnsupportedError | DoesNotFitError] = []
        for index, name in enumerate(units):
            try:
                stages = lay_out(context, name, node, (nest,))
            except (UnsupportedError, DoesNotFitError) as error:
                refused.append(error)
            else:
                found.append((estimated_seconds(context.hardware, stages), index))
                runs.append(stages)
        if not found:
            kind = DoesNotFitError if all(isinstance(e, DoesNotFitError) for e in refused) else UnsupportedError
            reasons = "; ".join(str(error) for error in refused)
            raise kind(
                f"none of the units {', '.join(units)} runs '{nest_key(node, nest)}': {reasons}",
                [failure for error in refused for failure in error.failures],
            )
        context.contested |= len(found) > 1 or any(isinstance(error, DoesNotFitError) for error in refused)
        context.costs[key] = tuple(found)
        if len(found) > 1:
            context.decide(lambda rates: fastest(estimated_seconds(context.hardware, run, rates) for run in runs))
    return units[min((context.start(units[index]) + seconds, index) for seconds, index in context.costs[key])[1]]


def estimated_seconds(hardware: Hardware, stages: Iterable[Stage], rates: Rates | None = None) -> Any:
    """Each stage for itself: the longest of unit, channels and DRAMs, and what comes before and after. A number, or
    one for each point of `rates`."""
    rates = rates or rates_of(hardware)
    total = 0.0
    for stage in stages:
        clock = rates.unit_hz[stage.unit]
        cycles = stage.compute_cycles if stage.seconds is None else np.ceil(stage.seconds * clock)
        busy = {"": cycles / clock}
        for times, transfers in ((stage.tiles, stage.streams), (stage.rounds, (*stage.held, *stage.stores))):
            for transfer in transfers:
                link = hardware.links[transfer.link]
                size = times * transfer.beats * link.beat_bytes
                rate = link.beat_bytes / rates.beat_cycles[transfer.link] * rates.link_hz[transfer.link]
                channel = f"{transfer.link} {transfer.write}"
                busy[channel] = busy.get(channel, 0.0) + size / rate
                memory = hardware.memories[link.memory]
                if isinstance(memory, Dram):
                    key = f"memory {link.memory}"
                    busy[key] = busy.get(key, 0.0) + size / rates.bytes_per_s[link.memory]
        total += longest(busy.values()) + stage.fill_cycles / clock
    return total

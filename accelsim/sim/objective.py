"""Lowering with what the schedule wants tiles to be best at: where energy counts, its prices go along."""

from __future__ import annotations

from accelsim.cost.objective import energy_prices
from accelsim.hw.schema import Hardware
from accelsim.mapping import lower as mapping
from accelsim.mapping.view import Workload


def lower(workload: Workload, hardware: Hardware) -> mapping.Lowered:
    """Stages of a workload on a hardware. Raises what `mapping.lower` raises."""
    prices = None if hardware.schedule.objective == "latency" else energy_prices(hardware)
    return mapping.lower(workload, hardware, prices)

"""What tiles are searched for: latency, energy of the design's own table, or their product."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.cost.objective import energy_prices
from accelsim.errors import InternalError
from accelsim.hw.document import ConfigError
from accelsim.hw.load import load_hardware
from accelsim.ir import Graph
from accelsim.mapping.lower import lower
from accelsim.mapping.view import Workload
from accelsim.results import Result
from accelsim.sim.many import simulate_many
from accelsim.sim.simulate import simulate
from tests.mapping.conftest import linear_graph

SLOW = {"memories.ddr.bandwidth": "1 GB/s", "memories.weights.words": 256, "memories.inputs.words": 512}
SIZES = ((64, 300, 200), (197, 384, 1536), (16, 1000, 700), (500, 96, 96))


def _simulate(graph: Graph, objective: str, name: str = "systolic-16") -> Result:
    return simulate(graph, load_hardware(name, {**SLOW, "schedule.objective": objective}))


@pytest.mark.parametrize("size", SIZES)
def test_no_objective_is_beaten_at_what_it_is_for(size: tuple[int, int, int]) -> None:
    graph = linear_graph(*size)
    found = {objective: _simulate(graph, objective) for objective in ("latency", "energy", "edp")}
    near = 1.01  # what a search may miss
    assert found["latency"].latency_s <= near * min(one.latency_s for one in found.values())
    assert found["energy"].energy_j <= near * min(one.energy_j for one in found.values())
    products = {name: one.energy_j * one.latency_s for name, one in found.items()}
    assert products["edp"] <= near * min(products.values())


def test_an_objective_has_one_answer_alone_and_among_many_points() -> None:
    graph = linear_graph(197, 384, 1536)
    hardware = load_hardware("systolic-16", {**SLOW, "schedule.objective": "energy"})
    bandwidths = [1e9, 3e9, 9e9]
    many = simulate_many(graph, hardware, {"memories.ddr.bandwidth": np.array(bandwidths)})
    for index, bandwidth in enumerate(bandwidths):
        alone = simulate(graph, hardware.with_values({"memories.ddr.bandwidth": bandwidth}))
        assert many["cycles"][index] == alone.cycles
    assert simulate(graph, hardware).cycles == simulate(graph, hardware).cycles


def test_prices_are_those_of_the_energy_table() -> None:
    hardware = load_hardware("systolic-16")
    price = energy_prices(hardware)["array"]
    table = hardware.energy
    assert price.byte == pytest.approx(4 * (table.dram_read.value + table.dram_write.value))
    assert price.second >= hardware.board.static_power.value + table.dram_standby.value
    assert price.busy_cycle > 0


def test_energy_without_prices_is_a_mistake_of_ours() -> None:
    hardware = load_hardware("systolic-16", {"schedule.objective": "energy"})
    with pytest.raises(InternalError, match="searched for energy"):
        lower(Workload(linear_graph(8, 8, 8)), hardware)


def test_an_objective_that_nothing_searches_for_is_told() -> None:
    with pytest.raises(ConfigError, match=r"schedule\.objective.*systolic"):
        load_hardware("edge-moe-zcu102", {"schedule.objective": "energy"})

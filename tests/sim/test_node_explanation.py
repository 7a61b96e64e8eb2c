"""What explains a node: ideal and bound cycles, intensity, roofline, causes."""

from __future__ import annotations

import pytest

from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Dram, Hardware
from accelsim.ir import Graph
from accelsim.results import NodeResult, Result
from accelsim.sim.assumption import activity_for
from accelsim.sim.simulate import simulate
from accelsim.sim.timing import Frame, retimed, time_frames
from accelsim.sim.totals import totals
from tests.mapping.conftest import edge_moe, linear_graph, m3vit, small, small_file

__all__ = ["edge_moe", "m3vit", "small", "small_file"]


@pytest.fixture(scope="module")
def result(m3vit: Graph) -> Result:
    return simulate(m3vit, _in_order(), activity=activity_for(m3vit, "uniform"))


def _in_order() -> Hardware:
    """Without loads that run ahead during earlier nodes."""
    return load_hardware("systolic-32", {"schedule.prefetch": "none"})


def _fed(hardware: Hardware) -> float:
    """Bytes that the DRAM delivers in a cycle."""
    rates = [memory.bytes_per_s for memory in hardware.memories.values() if isinstance(memory, Dram)]
    return sum(rates) / hardware.clock_hz


def test_causes_sum_to_the_cycles_and_bounds_lie_below(result: Result) -> None:
    for node in result.nodes:
        assert sum(node.stalls.values()) == node.cycles
        assert node.bound_cycles <= node.cycles
        assert node.utilisation == pytest.approx(node.ideal_cycles / node.cycles)
        assert node.bound


def test_the_roof_is_the_lower_of_peak_and_bandwidth(result: Result) -> None:
    fed = _fed(_in_order())
    limited = {"peak": 0, "memory": 0}
    for node in result.nodes:
        if not node.macs:
            assert node.macs_per_dram_byte is None
            assert node.attainable_macs_per_cycle is None
            continue
        moved = node.dram_read_bytes + node.dram_write_bytes
        assert node.macs_per_dram_byte == node.macs / moved
        peak = node.macs / node.ideal_cycles
        assert node.attainable_macs_per_cycle == pytest.approx(min(peak, fed * node.macs / moved))
        limited["peak" if peak <= fed * node.macs / moved else "memory"] += 1
    assert limited["peak"] > 10


def test_no_node_is_above_its_roof(result: Result) -> None:
    for node in result.nodes:
        if node.attainable_macs_per_cycle is not None:
            assert node.macs / node.cycles <= node.attainable_macs_per_cycle * 1.001


def test_a_layer_of_few_rows_is_under_the_sloped_roof(small: Hardware) -> None:
    slow = small.with_values({"memories.ddr.bandwidth": 100e6})
    node: NodeResult = simulate(linear_graph(2, 64, 4), slow).nodes[0]
    assert node.attainable_macs_per_cycle < 16  # 4 x 4 multipliers
    assert node.attainable_macs_per_cycle == pytest.approx(node.macs_per_dram_byte * 1.0)  # 1 byte a cycle
    assert node.bound.startswith("memory ddr")
    assert node.bound_cycles > node.ideal_cycles


def test_totals_are_those_of_the_result(m3vit: Graph, result: Result) -> None:
    frame = Frame(m3vit.meta["task"], m3vit, activity_for(m3vit, "uniform"))
    whole = totals(time_frames([frame], _in_order()))
    assert whole.seconds == result.latency_s
    assert whole.energy_j == pytest.approx(result.energy_j)
    assert whole.misfits == result.misfits


@pytest.mark.parametrize("name", ["systolic-16", "edge-moe-zcu102"])
def test_a_hardware_timed_again_with_the_same_rates_takes_the_same_time(name: str, m3vit: Graph) -> None:
    hardware = load_hardware(name)
    timing = time_frames([Frame("", m3vit, activity_for(m3vit, "uniform"))], hardware)
    assert retimed(timing, hardware).cycles == timing.cycles
    faster = retimed(timing, hardware.with_values({"memories.ddr.bandwidth": 1e11}))
    slower = retimed(timing, hardware.with_values({"memories.ddr.bandwidth": 1e9}))
    assert faster.cycles <= timing.cycles < slower.cycles
    assert faster.stages is timing.stages

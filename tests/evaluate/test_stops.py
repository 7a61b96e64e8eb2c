"""Where a resource stops helping: above the value there is no gain, below it a loss."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.evaluate.stops import STEP, stops
from accelsim.hw.changed import changed, split_path
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph
from accelsim.results import Stop
from accelsim.sim.timing import Frame, Timing, retimed, time_frames
from tests.mapping.conftest import linear_graph


def _stops(graph: Graph, hardware: Hardware, **options: float) -> tuple[Timing, dict[str, Stop]]:
    frames = [Frame("", graph)]
    timing = time_frames(frames, hardware)
    return timing, {stop.path: stop for stop in stops(frames, timing, **options)}


def _seconds(timing: Timing, path: str, value: float) -> float:
    """The latency with tiles as they are cut."""
    quantity = int(value) if path.endswith("width") else value
    found = retimed(timing, changed(timing.hardware, {split_path(timing.hardware, path): quantity}))
    return found.cycles / found.hardware.clock_hz


@pytest.fixture(scope="module")
def balanced(small_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Hardware:
    """The small accelerator behind a DRAM and ports that are about as fast as its array."""
    text = small_file.read_text(encoding="utf-8").replace("100 GB/s", "400 MB/s")
    text = text.replace("data: {sourced: test, memory: ddr, width: 64 bit, port_width: 64 bit",
                        "data: {sourced: test, memory: ddr, width: 64 bit, port_width: 8 bit")  # fmt: skip
    path = tmp_path_factory.mktemp("stops") / "balanced.yaml"
    path.write_text(text, encoding="utf-8")
    return load_hardware(path)


@pytest.mark.parametrize("tolerance", [0.002, 0.01, 0.05])
def test_above_a_rate_there_is_no_gain_and_below_it_a_loss(balanced: Hardware, tolerance: float) -> None:
    timing, found = _stops(linear_graph(64, 32, 32), balanced, tolerance=tolerance)
    rates = [stop for stop in found.values() if stop.mapping == "held" and stop.stops_at is not None]
    assert {stop.path for stop in rates} >= {"memories.ddr.bandwidth", "clocks.pl.frequency"}
    for stop in rates:
        best = _seconds(timing, stop.path, stop.high)
        assert stop.latency_s == best
        at = _seconds(timing, stop.path, stop.stops_at)
        assert at <= best * (1 + tolerance)
        for more in (1.1, 1.7, 4.0):
            assert _seconds(timing, stop.path, stop.stops_at * more) >= best
            assert _seconds(timing, stop.path, stop.stops_at * more) <= at
        # The next lower value of the grid: half a port, a step of the bisection or 1 MHz of the others.
        less = {"bits": stop.stops_at / 2, "hz": stop.stops_at - 1e6}.get(stop.dimension, stop.stops_at / STEP**2)
        assert _seconds(timing, stop.path, less) > best * (1 + tolerance)


@pytest.mark.parametrize("rows", [16, 64, 256])
def test_a_dram_is_never_said_to_be_enough_below_the_traffic_over_the_time(balanced: Hardware, rows: int) -> None:
    timing, found = _stops(linear_graph(rows, 32, 32), balanced)
    stop = found["memories.ddr.bandwidth"]
    traffic = int(timing.row_bytes.sum())
    assert traffic >= 2 * rows * 32 + 32 * 32
    least = traffic / (stop.latency_s * (1 + stop.tolerance))
    assert least <= stop.stops_at < 12 * least
    assert stop.value == 400e6


def test_a_port_of_a_byte_stops_helping_at_a_power_of_two(balanced: Hardware) -> None:
    _, found = _stops(linear_graph(64, 32, 4), balanced)
    assert found["links.data.port_width"].stops_at in (16, 32, 64)
    assert found["links.data.port_width"].value == 8


def test_a_clock_helps_until_the_memory_bounds(balanced: Hardware) -> None:
    timing, found = _stops(linear_graph(64, 32, 32), balanced)
    stop = found["clocks.pl.frequency"]
    assert stop.stops_at > balanced.clock_hz
    assert stop.stops_at % 1e6 == 0
    assert stop.latency_s < timing.cycles / balanced.clock_hz


def test_a_clock_without_a_memory_that_bounds_helps_as_far_as_is_looked(small: Hardware) -> None:
    _, found = _stops(linear_graph(64, 32, 32), small)
    stop = found["clocks.pl.frequency"]
    assert stop.stops_at is None
    assert stop.limits


def test_a_dram_that_never_bounds_has_no_effect(small: Hardware) -> None:
    _, found = _stops(linear_graph(64, 32, 32), small)
    stop = found["memories.ddr.bandwidth"]
    assert stop.stops_at is None
    assert not stop.limits


def test_a_buffer_stops_at_the_size_from_where_on_mapping_anew_gains_nothing() -> None:
    """A reduction of 4,096 and few rows: room for more of the weights saves passes over the inputs."""
    hardware = load_hardware("systolic-16", {"memories.inputs.words": 64, "memories.weights.words": 64})
    graph = linear_graph(256, 512, 256)
    frames = [Frame("", graph)]
    _, found = _stops(graph, hardware)
    stop = found["memories.inputs.words"]
    assert stop.mapping == "searched"
    assert stop.dimension == "words of 128 bit"
    assert stop.stops_at is not None

    def seconds(words: float) -> float:
        copy = changed(hardware, {("memories", "inputs", "words"): int(words)})
        return time_frames(frames, copy).cycles / copy.clock_hz

    enough = stop.latency_s * (1 + stop.tolerance)
    assert seconds(stop.stops_at) <= enough
    assert min(seconds(stop.stops_at * 2**power) for power in range(5)) >= stop.latency_s
    size = stop.stops_at / 2
    while size >= stop.low:
        assert seconds(size) > enough
        size /= 2


def test_a_buffer_too_small_for_any_tile_is_too_little_and_no_error(small: Hardware) -> None:
    _, found = _stops(linear_graph(64, 128, 32), small)
    stop = found["memories.wbuf.words"]
    assert stop.stops_at is not None
    assert stop.stops_at * 8 >= 4 * 128  # four columns of 128 weights

"""Several instances on one DRAM: what one frame takes, and how often one comes out."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.hw.schema import Hardware
from accelsim.ir import Graph, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.sim.instances import _filled, _parts
from accelsim.sim.simulate import simulate, simulate_frames
from accelsim.sim.timing import Frame, Timing, retimed, time_frames
from tests.mapping.conftest import parameter, small, small_file

__all__ = ["small", "small_file"]

FAST = 1e12


def _chain(layers: int = 6, rows: int = 32) -> Graph:
    builder = GraphBuilder("chain")
    builder.add_input("x", Tensor((1, rows, 16)))
    out = "x"
    for k in range(layers):
        out = builder.add("linear", [out, parameter(builder, f"w{k}", 16, 16)], name=f"fc{k}")[0]
    return builder.finish([out])


def _several(hardware: Hardware, count: int, spread: str = "frames", bandwidth: float = FAST) -> Hardware:
    changed = hardware.with_values({"instances": count, "memories.ddr.bandwidth": bandwidth})
    return changed.model_copy(update={"schedule": hardware.schedule.model_copy(update={"spread": spread})})


@pytest.mark.parametrize("spread", ["frames", "layers"])
def test_with_bandwidth_to_spare_n_instances_give_n_times_the_frames(small: Hardware, spread: str) -> None:
    one, three = (simulate(_chain(), _several(small, n, spread if n > 1 else "frames")) for n in (1, 3))
    assert one.cycles == three.cycles
    assert one.latency_s == three.latency_s
    assert one.initiation_interval_s == one.latency_s
    assert three.initiation_interval_s == pytest.approx(one.latency_s / 3, rel=0.01)
    assert three.throughput_per_s == pytest.approx(1 / three.initiation_interval_s)


@pytest.mark.parametrize("spread", ["frames", "layers"])
def test_a_dram_at_its_limit_gives_no_more_frames(small: Hardware, spread: str) -> None:
    graph, slow = _chain(), 5e7
    one, four = (time_frames([Frame("", graph)], _several(small, n, spread, slow)) for n in (1, 4))
    floor = one.timeline.memory_busy.max() / one.base.tick_hz
    assert one.interval_s == pytest.approx(floor, rel=0.25)
    assert four.interval_s >= floor * (1 - 1e-9)
    assert four.interval_s == pytest.approx(floor, rel=0.1)


def test_an_interval_is_never_below_the_traffic_nor_above_the_latency(small: Hardware) -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        graph = _chain(int(rng.integers(1, 8)), int(rng.integers(1, 50)))
        bandwidth = float(10 ** rng.uniform(7, 11))
        spread, count = str(rng.choice(["frames", "layers"])), int(rng.integers(2, 6))
        timing = time_frames([Frame("", graph)], _several(small, count, spread, bandwidth))
        alone = timing.timeline.total / timing.base.tick_hz
        assert timing.interval_s >= timing.timeline.memory_busy.max() / timing.base.tick_hz * (1 - 1e-9)
        assert timing.interval_s >= alone / count * (1 - 1e-9)
        if bandwidth > 1e10:
            assert timing.interval_s <= alone * 1.05


def _of_two_kinds(layers: int, rows: int) -> Graph:
    """Layers that compute for long on few weights, and layers that load many for one row, in turn."""
    builder = GraphBuilder("mixed")
    builder.add_input("x", Tensor((1, rows, 16)))
    builder.add_input("z", Tensor((1, 1, 64)))
    out, thin = "x", "z"
    for k in range(layers):
        out = builder.add("linear", [out, parameter(builder, f"w{k}", 16, 16)], name=f"long{k}")[0]
        thin = builder.add("linear", [thin, parameter(builder, f"v{k}", 64, 64)], name=f"thin{k}")[0]
    return builder.finish([out, thin])


def _equal_parts(timing: Timing) -> float:
    """The interval if each instance had 1/n of the DRAM whatever the others do."""
    count = timing.hardware.instances.value
    slow = timing.hardware.with_values(
        {
            "memories.ddr.bandwidth": timing.hardware.memories["ddr"].bandwidth.value / count,
            "instances": 1,
        }
    )
    found = retimed(timing, slow)
    return found.timeline.total / found.base.tick_hz / count


def test_an_instance_has_what_the_others_leave_of_the_dram_not_a_fixed_part(small: Hardware) -> None:
    bandwidth = 1.2e9  # the thin layers wait for it, the long ones hardly use it
    timing = time_frames([Frame("", _of_two_kinds(4, 64))], _several(small, 3, "frames", bandwidth))
    busy = timing.timeline.memory_busy.max() / timing.base.tick_hz
    alone = timing.timeline.total / timing.base.tick_hz / 3
    assert max(busy, alone) <= timing.interval_s < 0.9 * _equal_parts(timing)


def test_what_is_left_lies_between_equal_parts_and_the_bounds_and_grows_with_bandwidth(small: Hardware) -> None:
    rng = np.random.default_rng(6)
    compared = 0
    for _ in range(25):
        graph = _of_two_kinds(int(rng.integers(1, 5)), int(rng.integers(1, 70)))
        spread, count = str(rng.choice(["frames", "layers"])), int(rng.integers(2, 6))
        bandwidth, last = float(10 ** rng.uniform(7.5, 9.5)), np.inf
        for faster in (1.0, 1.01, 1.3, 4.0):
            timing = time_frames([Frame("", graph)], _several(small, count, spread, bandwidth * faster))
            assert timing.interval_s <= last * (1 + 1e-5)
            last = timing.interval_s
            assert timing.interval_s >= timing.timeline.memory_busy.max() / timing.base.tick_hz * (1 - 1e-9)
            if spread == "frames":
                assert timing.interval_s <= _equal_parts(timing) * (1 + 1e-3)
            compared += 1
    assert compared == 100


@pytest.mark.parametrize("spread", ["frames", "layers"])
def test_frames_of_a_sequence_run_side_by_side(small: Hardware, spread: str) -> None:
    frames = [Frame("", _chain())] * 6
    hardware = _several(small, 3, spread)
    result = simulate_frames(frames, hardware)
    apart = simulate_frames(frames, _several(small, 1))
    timing = time_frames(frames, hardware)
    assert result.cycles < 0.6 * apart.cycles
    assert sum(result.stalls.values()) == result.cycles == sum(frame.cycles for frame in result.frames)
    assert (timing.timeline.memory_busy <= timing.timeline.total).all()
    if spread == "frames":
        assert result.cycles == pytest.approx(apart.cycles / 3, rel=0.02)
    for frame in range(6):  # layers of a frame never overlap
        rows = [row for row, of in enumerate(timing.frame_of) if of == frame]
        ends, starts = timing.timeline.end[rows], timing.timeline.start[rows]
        assert (starts[1:] >= ends[:-1]).all()


def test_each_instance_takes_resources_of_its_own(small: Hardware) -> None:
    one, three = (simulate(_chain(), _several(small, n)) for n in (1, 3))
    assert three.resources["dsp"].demand == 3 * one.resources["dsp"].demand
    assert three.resources["lut"].demand == 3 * one.resources["lut"].demand
    assert three.on_chip_bytes == 3 * one.on_chip_bytes


def test_items_are_parted_as_an_exhaustive_search_parts_them() -> None:
    rng = np.random.default_rng(1)

    def best(lengths: list[int], count: int) -> int:
        if count == 1 or len(lengths) <= 1:
            return sum(lengths)
        return min(max(sum(lengths[:k]), best(lengths[k:], count - 1)) for k in range(1, len(lengths) + 1))

    for _ in range(200):
        lengths = rng.integers(0, 9, rng.integers(1, 8)).tolist()
        count = int(rng.integers(1, 5))
        parts = _parts(lengths, count)
        assert len(parts) <= count
        assert [part for part, _, _ in parts] == list(range(len(parts)))
        assert parts[0][1] == 0
        assert parts[-1][2] == len(lengths)
        assert max(sum(lengths[first:last]) for _, first, last in parts) == best(lengths, count)
    assert _filled([3, 3, 3], 6) == [0, 2]

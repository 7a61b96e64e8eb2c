"""Depthwise convolutions: padded products without lanes of their own, native with them."""

from __future__ import annotations

import math

import pytest

from accelsim.errors import DoesNotFitError
from accelsim.hw.load import load_hardware
from accelsim.hw.quantity import default
from accelsim.hw.schema import Hardware
from accelsim.hw.unit import Depthwise
from accelsim.mapping.lower import lower
from accelsim.mapping.stage import Stage
from accelsim.mapping.view import Workload
from accelsim.sim.timing import Frame, time_frames
from tests.mapping.test_spatial import conv_graph


def _with_lanes(hardware: Hardware, unit: str, lanes: int, rows: int = 1) -> Hardware:
    depthwise = Depthwise(lanes=default(lanes, "count"), rows=default(rows, "count"))
    changed = hardware.units[unit].model_copy(update={"depthwise": depthwise})
    placement = hardware.placement.with_items({"conv2d": unit})
    units = hardware.units.with_items({unit: changed})
    return hardware.model_copy(update={"units": units, "placement": placement})


def _placed(hardware: Hardware, unit: str) -> Hardware:
    return hardware.model_copy(update={"placement": hardware.placement.with_items({"conv2d": unit})})


def _stages(hardware: Hardware, *shape: int) -> tuple[Stage, ...]:
    return lower(Workload(conv_graph(*shape)), hardware).stages


@pytest.fixture(scope="module")
def systolic() -> Hardware:
    return load_hardware("systolic-16")


@pytest.mark.parametrize(("lanes", "rows"), [(4, 1), (8, 2), (24, 3), (64, 1)])
def test_native_lanes_take_channels_and_pixels_at_once(
    small: Hardware, systolic: Hardware, lanes: int, rows: int
) -> None:
    images, channels, size, kernel = 2, 24, 10, 3
    out = size - kernel + 1
    for hardware, unit in ((small, "array"), (systolic, "array")):
        native = _with_lanes(hardware, unit, lanes, rows)
        (stage,) = _stages(native, images, channels, size, channels, kernel, 1, channels)
        assert stage.compute_cycles == images * math.ceil(channels / lanes) * out * math.ceil(out / rows) * kernel**2
        assert stage.macs == images * channels * out * out * kernel**2
        assert stage.compute_cycles * lanes * rows >= stage.macs
        moved = stage.moved_bytes(write=False), stage.moved_bytes(write=True)
        assert moved[0] == pytest.approx(images * channels * size**2 + channels * kernel**2, abs=2)
        assert moved[1] == pytest.approx(images * channels * out**2, abs=2)


def test_without_lanes_each_channel_fills_one_output(small: Hardware) -> None:
    (stage,) = _stages(_placed(small, "array"), 1, 8, 6, 8, 3, 1, 8)
    assert stage.compute_cycles == 8 * 16 * math.ceil(9 / 4)  # channels x pixels x steps of 4 inputs
    native = _stages(_with_lanes(small, "array", 16), 1, 8, 6, 8, 3, 1, 8)
    assert sum(s.compute_cycles for s in native) < stage.compute_cycles


def test_lanes_do_not_serve_convolutions_that_mix_channels(small: Hardware) -> None:
    for groups in (1, 2):
        plain = _stages(_placed(small, "array"), 1, 8, 6, 8, 3, 1, groups)
        assert _stages(_with_lanes(small, "array", 16), 1, 8, 6, 8, 3, 1, groups) == plain


def test_more_lanes_are_never_slower(systolic: Hardware) -> None:
    graph = conv_graph(1, 96, 20, 96, 3, 2, 96)
    cycles = [time_frames([Frame("", graph)], _with_lanes(systolic, "array", n)).cycles for n in (4, 16, 48)]
    assert cycles == sorted(cycles, reverse=True)
    padded = time_frames([Frame("", graph)], systolic).cycles
    assert cycles[1] < padded


def test_weights_beyond_the_buffer_say_so(small: Hardware) -> None:
    with pytest.raises(DoesNotFitError, match=r"weights of 99 channels in buffer 'wbuf': needs 891 bytes, has 512"):
        _stages(_with_lanes(small, "array", 16), 1, 99, 6, 99, 3, 1, 99)

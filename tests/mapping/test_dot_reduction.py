"""Reductions whose weights do not fit a dot array's buffer: cut, with partial sums spilled or kept."""

from __future__ import annotations

import math

import pytest

from accelsim.errors import DoesNotFitError
from accelsim.hw.quantity import default
from accelsim.hw.schema import Hardware
from accelsim.ir import FrozenMap
from accelsim.mapping.lower import lower
from accelsim.mapping.stage import Stage
from accelsim.mapping.view import Workload
from accelsim.sim.timing import Frame, time_frames
from tests.mapping.conftest import linear_graph
from tests.mapping.test_spatial import conv_graph


def _adding(small: Hardware, bits: int | None = 32, **holds: str) -> Hardware:
    """`small`, with accumulators: its weight buffer holds 512 bytes a copy."""
    array = small.units["array"]
    changed = {
        "accumulator": default(bits, "bits") if bits else None,
        "holds": FrozenMap({**array.holds, **holds}),
    }
    units = small.units.with_items({"array": array.model_copy(update=changed)})
    placement = small.placement.with_items({"conv2d": "array"})
    return small.model_copy(update={"units": units, "placement": placement})


def _stages(hardware: Hardware, *sizes: int, bias: bool = False) -> tuple[Stage, ...]:
    return lower(Workload(linear_graph(*sizes, bias=bias)), hardware).stages


@pytest.mark.parametrize(("reduce", "parts"), [(128, 1), (129, 2), (300, 3), (600, 5)])
def test_partial_sums_are_written_and_read_back_between_parts(small: Hardware, reduce: int, parts: int) -> None:
    rows, outputs = 8, 4
    stages = _stages(_adding(small), rows, reduce, outputs)
    assert sum(stage.rounds for stage in stages) == parts
    read, written = (sum(stage.moved_bytes(write=write) for stage in stages) for write in (False, True))
    sums = rows * outputs * 4
    assert written == rows * outputs + (parts - 1) * sums
    assert read == rows * reduce + reduce * outputs + (parts - 1) * sums
    assert sum(stage.macs for stage in stages) == rows * reduce * outputs
    assert sum(stage.compute_cycles for stage in stages) == rows * math.ceil(reduce / 4)
    assert all(stage.memory_bytes <= 512 for stage in stages)


def test_several_blocks_of_outputs_each_add_up_their_parts(small: Hardware) -> None:
    stages = _stages(_adding(small), 6, 300, 10)
    assert sum(stage.macs for stage in stages) == 6 * 300 * 10
    written = sum(stage.moved_bytes(write=True) for stage in stages)
    assert written == pytest.approx(6 * 10 + 2 * 6 * 10 * 4, abs=4)
    times = time_frames([Frame("", linear_graph(6, 300, 10))], _adding(small))
    assert times.row_causes.sum() == times.cycles


def test_sums_that_fit_a_buffer_of_results_are_not_moved(small: Hardware) -> None:
    memory = small.memories["wbuf"]
    hardware = _adding(small, y="sums")
    hardware = hardware.model_copy(update={"memories": hardware.memories.with_items({"sums": memory})})
    stages = _stages(hardware, 8, 600, 4)
    assert sum(stage.moved_bytes(write=True) for stage in stages) == 8 * 4
    assert stages[0].cut.buffers["y"] == ("sums", 8 * 4 * 4, 512)
    many = _stages(hardware, 200, 600, 4)  # 3,200 bytes of sums
    assert sum(stage.moved_bytes(write=True) for stage in many) == 200 * 4 + 4 * 200 * 4 * 4


def test_wider_sums_cost_more_traffic(small: Hardware) -> None:
    moved = [
        sum(stage.moved_bytes(write=True) for stage in _stages(_adding(small, bits), 8, 600, 4))
        for bits in (16, 32, 48)
    ]
    assert moved == [32 + 4 * 64, 32 + 4 * 128, 32 + 4 * 192]


def test_without_accumulators_it_does_not_fit_and_they_are_offered(small: Hardware) -> None:
    with pytest.raises(DoesNotFitError, match=r"needs 2,400 bytes, has 512 bytes -- .*give units.array.accumulator"):
        _stages(_adding(small, None), 8, 600, 4)


def test_not_even_one_step_of_weights(small: Hardware) -> None:
    tiny = _adding(small).with_values({"memories.wbuf.words": 1})
    with pytest.raises(DoesNotFitError, match=r"4 columns of 4 weights in buffer 'wbuf': needs 16 bytes, has 8 bytes"):
        _stages(tiny, 8, 600, 4)


def test_a_batch_of_images_is_more_rows_and_loads_the_weights_once(small: Hardware) -> None:
    hardware = _adding(small)
    one, three = (lower(Workload(conv_graph(n, 4, 6, 8, 3, 1, 1)), hardware).stages for n in (1, 3))
    assert sum(s.compute_cycles for s in three) == 3 * sum(s.compute_cycles for s in one)
    weights = 8 * 4 * 9
    for images, stages in ((1, one), (3, three)):
        assert sum(s.moved_bytes(write=False) for s in stages) == pytest.approx(weights + images * 4 * 36, abs=2)
        assert sum(s.memory_bytes for s in stages) == weights
    grouped = lower(Workload(conv_graph(3, 4, 6, 8, 3, 1, 2)), hardware).stages
    assert {s.outer for s in grouped} == {2}
    assert sum(s.macs for s in grouped) == 3 * 8 * 16 * 2 * 9

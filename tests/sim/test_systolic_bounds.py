"""Systolic arrays on a real model: physical bounds over random designs, and the shipped designs as users get them."""

from __future__ import annotations

import random

import pytest

from accelsim.cost.resources import resources
from accelsim.frontends.catalogue import load_model
from accelsim.hw.load import load_hardware
from accelsim.mapping.dataflows.folds import SIDES
from accelsim.mapping.view import Workload
from accelsim.sim.assemble import assemble
from accelsim.sim.assumption import activity_for
from accelsim.sim.timeline import run_program
from accelsim.sim.timing import Frame, time_frames

pytestmark = pytest.mark.slow

SHIPPED = ("systolic-16", "systolic-32", "systolic-128")


@pytest.fixture(scope="module")
def frame() -> Frame:
    graph = load_model("m3vit-tiny", task="semseg").graph
    return Frame("semseg", graph, activity_for(graph, "skewed"))


@pytest.mark.parametrize("seed", range(12))
def test_no_frame_beats_its_bounds_causes_sum_and_more_bandwidth_is_never_slower(frame: Frame, seed: int) -> None:
    draw = random.Random(seed)
    numbers = {
        "units.array.rows": draw.randint(1, 40),
        "units.array.cols": draw.randint(1, 40),
        "memories.inputs.words": draw.choice([64, 512, 4096]),
        "memories.weights.words": draw.choice([64, 512, 4096]),
        "memories.outputs.words": draw.choice([64, 512, 4096]),
        "memories.weights.copies": draw.randint(1, 2),
        "memories.outputs.copies": draw.randint(1, 3),
        "memories.ddr.bandwidth": draw.uniform(2e8, 2e10),
        "links.data.port_width": draw.choice([16, 64, 128]),
    }
    dataflow, overlap = draw.choice(tuple(SIDES)), draw.choice(["none", "preload", "full"])
    named = load_hardware("systolic-16", {"units.array.dataflow": dataflow, "units.array.fold_overlap": overlap})
    hardware = named.with_values(numbers)
    timing = time_frames([frame], hardware)
    timeline = timing.timeline
    work = Workload(frame.graph, frame.activity)
    places = hardware.units["array"].macs_per_step
    macs = sum(nest.macs for node in frame.graph.nodes if frame.graph.in_scope(node) for nest in work.nests(node))
    assert sum(s.macs for s in timing.stages) == macs
    assert timing.cycles * places >= macs
    assert timeline.total >= sum(s.compute_cycles * timing.base.unit_ticks(s.unit) for s in timing.stages)
    assert (timeline.channel_busy <= timeline.total).all()
    assert (timeline.memory_busy <= timeline.total).all()
    assert run_program(timing.program, step_every_tile=True).total == timeline.total
    assert timing.row_causes.sum() == timing.cycles
    assert (timing.row_causes >= 0).all()
    more = {
        "memories.ddr.bandwidth": numbers["memories.ddr.bandwidth"] * draw.uniform(1, 8),
        "links.data.port_width": 128,
    }
    assert run_program(assemble(timing.stages, hardware.with_values(more))).total <= timeline.total


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_arrays_fit_their_boards_and_move_at_least_the_active_weights(name: str, frame: Frame) -> None:
    hardware = load_hardware(name)
    assert all(demand.fits and not demand.unknown for demand in resources(hardware).values())
    timing = time_frames([frame], hardware)
    names = {constant for stage in timing.stages for constant in stage.constants}
    weights = sum(stage.loaded_constant_bytes for stage in timing.stages if stage.unit == "array")
    dense = sum(frame.graph.tensors[n].elements for n in names if ".experts." not in n and "moe" not in n)
    assert weights >= dense


def test_multipliers_of_packed_arrays_share_dsp_slices() -> None:
    terms = {name: dict(resources(load_hardware(name))["dsp"].terms)["units.array"] for name in SHIPPED}
    assert terms == {"systolic-16": 256, "systolic-32": 1024, "systolic-128": 8192}
    large = load_hardware("systolic-32", {"units.array.cols": 128})
    assert resources(large)["dsp"].levers[:2] == ("lower units.array.cols", "raise units.array.dsp_packing")


def test_a_larger_array_of_the_same_kind_is_faster(frame: Frame) -> None:
    seconds = [time_frames([frame], hw).cycles / hw.clock_hz for hw in map(load_hardware, SHIPPED)]
    assert seconds == sorted(seconds, reverse=True)


def test_weights_of_another_task_are_counted_whether_they_are_held_or_stream() -> None:
    graphs = [load_model("m3vit-tiny", task=task).graph for task in ("semseg", "depth")]
    frames = [Frame(task, g, activity_for(g, "uniform")) for task, g in zip(("semseg", "depth"), graphs, strict=True)]
    gate_bytes = 6 * 16 * 192
    for dataflow in SIDES:
        timing = time_frames(frames, load_hardware("systolic-32", {"units.array.dataflow": dataflow}))
        assert timing.new_bytes[0] == 0
        assert timing.new_bytes[1] >= gate_bytes

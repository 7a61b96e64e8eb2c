"""Kernels mixed for each sample: what each policy computes, moves and keeps on chip."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.mapping.lower import Lowered, lower
from accelsim.mapping.view import Workload
from accelsim.results import NodeResult
from accelsim.sim.simulate import simulate
from accelsim.sim.timing import Frame, time_frames
from tests.mapping.mixing_graphs import KERNELS, mixed_conv

SIZE = 16 * 16 * 9
DESIGN = """
name: mixing
title: a plain array with a buffer for mixed kernels
extends: systolic-16
memories:
  kernels: {kind: buffer, sourced: test, words: 1024, width: 64 bit, technology: bram}
  static: {kind: buffer, sourced: test, words: 1024, width: 64 bit, technology: bram}
units:
  cpu: {kind: host, sourced: test, handover: 5 us, macs: 1 G/s, others: 1 G/s}
"""


@pytest.fixture(scope="module")
def design_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hw") / "mixing.yaml"
    path.write_text(DESIGN, encoding="utf-8")
    return path


def design(file: Path, mixed: str = "memory", **more: object) -> Hardware:
    kernels = {"mixed": mixed, **({"memory": "kernels"} if mixed == "on-chip" else {}), **more}
    return load_hardware(file, {"schedule.kernels": kernels})


def node_of(hardware: Hardware, **graph: object) -> NodeResult:
    result = simulate(mixed_conv(**graph), hardware)  # type: ignore[arg-type]
    return next(node for node in result.nodes if node.name == "conv")


def lowered(hardware: Hardware, **graph: object) -> Lowered:
    return lower(Workload(mixed_conv(**graph)), hardware)  # type: ignore[arg-type]


def read_of(found: Lowered, tensor_class: str) -> int:
    """Bytes of a class that all stages read."""
    total = 0.0
    for stage in found.stages:
        for transfers, times in ((stage.streams, stage.tiles), (stage.held, stage.rounds)):
            total += sum(t.size_bytes for t in transfers if t.tensor_class == tensor_class and not t.write) * times
    return round(total)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_partly_dynamic_kernel_reads_its_dynamic_share_k_times_and_the_static_part_once(
    design_file: Path, share: float
) -> None:
    hardware = design(design_file, "on-chip")
    partial, full = lowered(hardware, share=share), lowered(hardware, share=1.0)
    dynamic = round(SIZE * share)
    assert read_of(full, "dynamic_conv2d.kernels") == KERNELS * SIZE
    assert read_of(partial, "dynamic_conv2d.kernels") == KERNELS * dynamic
    assert read_of(partial, "dynamic_conv2d.static_w") == SIZE
    index = min(dynamic * 12, SIZE)  # 12 bits for a place of 2,304, or a bit for each
    assert read_of(partial, "dynamic_conv2d.positions") * 8 == pytest.approx(index, abs=8)


def test_less_dynamic_is_less_traffic_time_and_energy_and_the_node_says_which(design_file: Path) -> None:
    hardware = design(design_file, "on-chip", static="static")
    some, all_of_it = node_of(hardware, share=0.3), node_of(hardware, share=1.0)
    assert some.dram_read_bytes < all_of_it.dram_read_bytes
    assert some.cycles < all_of_it.cycles
    assert some.energy_j < all_of_it.energy_j
    assert "4 kernels, dynamic 30 %, mixed by the accelerator on chip, static part resident" in some.detail
    assert "4 kernels, dynamic 100 %" in all_of_it.detail


def test_on_chip_mixing_saves_writing_and_reading_the_mixed_kernel(design_file: Path) -> None:
    memory, chip = (node_of(design(design_file, mixed), share=0.3) for mixed in ("memory", "on-chip"))
    assert memory.dram_write_bytes - chip.dram_write_bytes == SIZE
    assert memory.dram_read_bytes - chip.dram_read_bytes == SIZE
    assert chip.macs == memory.macs


def test_a_mixed_kernel_beyond_its_buffer_passes_through_memory_and_says_so(design_file: Path) -> None:
    hardware = design(design_file, "on-chip")
    large = node_of(hardware, share=0.3, channels=64)
    assert "does not fit 'kernels' (8 KiB) and passes through memory" in large.detail
    assert large.dram_write_bytes == node_of(design(design_file), share=0.3, channels=64).dram_write_bytes
    assert lowered(hardware, share=0.3).kept_bytes == {"kernels": SIZE}


def test_a_resident_static_part_is_read_before_the_first_frame_only(design_file: Path) -> None:
    hardware = design(design_file, static="static")
    graph = mixed_conv(share=0.3)
    timing = time_frames([Frame("", graph), Frame("", graph)], hardware)
    assert sum(transfer.size_bytes for transfer in timing.setup) == SIZE
    assert read_of(lowered(hardware, share=0.3), "dynamic_conv2d.static_w") == 0
    result = simulate(graph, hardware)
    assert any("resident parameters are loaded once" in line for line in result.assumptions)
    assert not result.misfits


def test_static_parts_fill_their_buffer_layer_by_layer(design_file: Path) -> None:
    """A buffer of 8 KiB keeps one static part of 9 KiB not at all."""
    hardware = design(design_file, static="static")
    assert read_of(lowered(hardware, share=0.3, channels=32), "dynamic_conv2d.static_w") == 32 * 32 * 9
    assert "static part read for each sample" in node_of(hardware, share=0.3, channels=32).detail


def test_every_sample_of_a_batch_mixes_a_kernel_of_its_own(design_file: Path) -> None:
    hardware = design(design_file, "on-chip")
    one, three = (lowered(hardware, share=0.3, batch=batch) for batch in (1, 3))
    for kind in ("kernels", "static_w"):
        name = f"dynamic_conv2d.{kind}"
        assert read_of(three, name) == 3 * read_of(one, name)
    assert sum(stage.macs for stage in three.stages) == 3 * sum(stage.macs for stage in one.stages)


def test_mixing_outputs_convolves_with_every_kernel_whose_weights_a_batch_shares(design_file: Path) -> None:
    hardware = design(design_file, "outputs")
    convolution = 14 * 14 * SIZE
    for share, convolutions in ((0.3, KERNELS + 1), (1.0, KERNELS)):
        found = lowered(hardware, share=share)
        own = [stage for stage in found.stages if stage.part.endswith(".main")]
        assert sum(stage.macs for stage in own) == convolutions * convolution
        batch = lowered(hardware, share=share, batch=3)
        weights = read_of(found, "dynamic_conv2d.kernels")
        assert weights >= KERNELS * round(SIZE * share)
        assert read_of(batch, "dynamic_conv2d.kernels") < 3 * weights
    assert "their 4 outputs mixed" in node_of(hardware, share=0.3).detail


def test_the_host_mixes_at_its_own_rate_and_the_array_reads_the_kernel_only(design_file: Path) -> None:
    hardware = design(design_file, "host")
    found = lowered(hardware, share=0.3)
    assert read_of(found, "dynamic_conv2d.kernels") == 0
    assert read_of(found, "dynamic_conv2d.kernel") >= SIZE
    host = next(stage for stage in found.stages if stage.unit == "cpu")
    assert host.tile_cycles >= 5e-6 * hardware.clock_hz
    assert "mixed by the host" in node_of(hardware, share=0.3).detail


@pytest.mark.parametrize("mixed", ["memory", "on-chip", "host", "outputs"])
@pytest.mark.parametrize("form", ["deployed", "mask"])
@pytest.mark.parametrize("bias", ["", "plain", "mixed"])
def test_every_form_runs_under_every_policy_with_no_less_than_its_convolution(
    design_file: Path, mixed: str, form: str, bias: str
) -> None:
    node = node_of(design(design_file, mixed), share=0.3, form=form, bias=bias)
    assert node.macs >= 14 * 14 * SIZE
    assert sum(node.stalls.values()) == node.cycles


def test_the_trained_form_reads_whole_kernels_and_a_bit_for_each_value(design_file: Path) -> None:
    found = lowered(design(design_file, "on-chip"), share=0.3, form="mask")
    assert read_of(found, "dynamic_conv2d.kernels") == KERNELS * SIZE
    assert read_of(found, "dynamic_conv2d.mask") == SIZE / 8
    assert "dynamic 30 %" in node_of(design(design_file, "on-chip"), share=0.3, form="mask").detail

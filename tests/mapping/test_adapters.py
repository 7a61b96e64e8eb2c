"""Adapters beside their base or merged into it, what a task switch brings, and the other ops of several tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.mapping.lower import lower
from accelsim.mapping.view import Workload
from accelsim.passes.fold_pixel_difference import fold_pixel_difference
from accelsim.sim.simulate import simulate, simulate_frames
from accelsim.sim.timing import Frame
from tests.mapping.mixing_graphs import adapted, difference, exchange

WIDTH, TOKENS, RANK = 64, 32, 4


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hw") / "tasks.yaml"
    path.write_text("name: tasks\ntitle: t\nextends: systolic-16\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def beside(plain: Path) -> Hardware:
    return load_hardware(plain)


@pytest.fixture(scope="module")
def merged(plain: Path) -> Hardware:
    return load_hardware(plain, {"schedule.adapters.form": "merged"})


def macs(hardware: Hardware, **graph: int | None) -> int:
    return sum(stage.macs for stage in lower(Workload(adapted(**graph)), hardware).stages)  # type: ignore[arg-type]


def test_an_adapter_beside_its_base_costs_two_thin_products_and_a_merged_one_none(
    beside: Hardware, merged: Hardware
) -> None:
    base = TOKENS * WIDTH * WIDTH
    assert macs(merged) == base
    assert macs(beside) == base + 2 * TOKENS * WIDTH * RANK
    assert macs(beside, rank=0) == base


def test_rows_that_a_task_dropped_are_neither_computed_nor_read(beside: Hardware, merged: Hardware) -> None:
    assert macs(merged, kept=3) * 4 == macs(merged) * 3
    for hardware in (beside, merged):
        whole, pruned = (
            sum(s.loaded_constant_bytes for s in lower(Workload(adapted(rank=0, kept=kept)), hardware).stages)
            for kept in (None, 3)
        )
        assert pruned == pytest.approx(whole * 3 / 4, abs=16)  # and the list of what is kept


def test_a_task_switch_brings_the_adapters_only_unless_they_are_merged(beside: Hardware, merged: Hardware) -> None:
    frames = [Frame(f"task{task}", adapted(task=task)) for task in (0, 1, 1, 0)]
    adapters = 2 * WIDTH * RANK
    assert [frame.reload_bytes for frame in simulate_frames(frames, beside).frames] == [0, adapters, 0, adapters]
    assert [frame.reload_bytes for frame in simulate_frames(frames, merged).frames] == [0, WIDTH**2, 0, WIDTH**2]


def test_the_node_tells_its_adapter_and_what_was_removed(beside: Hardware, merged: Hardware) -> None:
    found = {
        form: simulate(adapted(kept=3), hardware).nodes[0].detail
        for form, hardware in (("beside", beside), ("merged", merged))
    }
    assert found["beside"] == "adapter of rank 4 beside the base, blocks of 16 outputs removed 1 of 4"
    assert found["merged"] == "adapter merged into the base, blocks of 16 outputs removed 1 of 4"
    assert simulate(adapted(rank=0), beside).nodes[0].detail == ""
    line = "pruned for the task: 1 of 4 blocks of 16 outputs (in attention: heads) in 1 layers"
    assert line in simulate(adapted(kept=3), beside).assumptions
    assert not any(line.startswith("pruned") for line in simulate(adapted(), beside).assumptions)


def test_an_exchange_between_tasks_runs_its_products_on_the_array(beside: Hardware) -> None:
    node = simulate(exchange(), beside).nodes[0]
    assert node.unit == "array, vector"
    pixels, small, channels = 64, 16, 8
    products = pixels * channels**2 * (3 * 9 + 2) + small * channels**2 * 3 + 2 * small * small * channels
    assert node.macs == products
    assert sum(node.stalls.values()) == node.cycles


def test_a_pixel_difference_that_is_not_folded_costs_a_second_product(plain: Path, beside: Hardware) -> None:
    separate = load_hardware(plain, {"schedule.differences": "separate"})
    node, folded = (simulate(difference(), hardware).nodes[0] for hardware in (separate, beside))
    assert node.macs == 64 * 64 * 9 + 64 * 64
    assert folded.macs == 64 * 64 * 9
    assert folded.cycles < node.cycles
    assert "folded into the weights" in folded.detail
    assert "second product" in node.detail


def test_a_folded_pixel_difference_costs_what_a_plain_convolution_does(beside: Hardware) -> None:
    folded, plain_one = (simulate(graph, beside) for graph in (difference(), fold_pixel_difference(difference())))
    assert (folded.cycles, folded.dram_bytes) == (plain_one.cycles, plain_one.dram_bytes)


def test_an_exchange_tells_its_positions(beside: Hardware) -> None:
    assert "16 x 16 positions at 1/2" in simulate(exchange(), beside).nodes[0].detail

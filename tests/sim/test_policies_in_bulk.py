"""Zeros, mixed kernels and adapters on many points are what they are one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from accelsim.evaluate.models import load_activity
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, Graph
from accelsim.sim.many import simulate_many
from accelsim.sim.simulate import simulate
from tests.mapping.mixing_graphs import adapted, mixed_conv
from tests.sim.test_zeros import layers

BANDWIDTHS = [1e9, 5e9, 17e9]


def agrees(
    graph: Graph,
    hardware: Hardware,
    columns: Mapping[str, Sequence[float | int]],
    activity: Activity | None = None,
) -> set[int]:
    """The different cycles of the points, each the same in bulk and by itself."""
    bulk = simulate_many(graph, hardware, columns, activity=activity)
    for index in range(len(bulk["cycles"])):
        point = hardware.with_values({path: values[index] for path, values in columns.items()})
        alone = simulate(graph, point, activity=activity)
        found = (bulk["cycles"][index], bulk["dram_read_bytes"][index], bulk["dram_write_bytes"][index])
        assert found == (alone.cycles, alone.dram_read_bytes, alone.dram_write_bytes)
    return set(bulk["cycles"].tolist())


def test_queues_and_bandwidths_of_a_unit_that_skips_zeros() -> None:
    graph = layers()
    two_four = load_activity("uniform", graph, sparsity="n:m=2:4")
    assert (
        len(agrees(graph, load_hardware("systolic-32-two-four"), {"memories.ddr.bandwidth": BANDWIDTHS}, two_four)) > 1
    )
    sparse = load_activity("uniform", graph, sparsity="unstructured=0.1")
    queues = {"units.pes.sparse.csc.queue": [1, 2, 8]}
    assert len(agrees(graph, load_hardware("eie"), queues, sparse)) == 3


@pytest.mark.parametrize("mixed", ["memory", "on-chip", "outputs"])
def test_sizes_that_a_policy_of_mixed_kernels_looks_at(tmp_path: Path, mixed: str) -> None:
    path = tmp_path / "mixing.yaml"
    buffer = "{kind: buffer, sourced: test, words: 1024, width: 64 bit, technology: bram}"
    kept = ", memory: kernels, static: static" if mixed == "on-chip" else ""
    path.write_text(
        f"name: mixing\ntitle: t\nextends: systolic-16\nmemories: {{kernels: {buffer}, static: {buffer}}}\n"
        f"schedule: {{kernels: {{mixed: {mixed}{kept}}}}}\n",
        encoding="utf-8",
    )
    columns = {"memories.kernels.words": [16, 1024, 1024], "memories.static.words": [16, 16, 1024]}
    found = agrees(mixed_conv(share=0.3), load_hardware(path), columns)
    assert len(found) == (3 if mixed == "on-chip" else 1)
    agrees(mixed_conv(share=0.3), load_hardware(path), {"units.vector.lanes": [4, 16, 64]})


@pytest.mark.parametrize("form", ["beside", "merged"])
def test_layers_with_adapters(form: str) -> None:
    hardware = load_hardware("systolic-16", {"schedule.adapters.form": form})
    columns = {"memories.ddr.bandwidth": BANDWIDTHS, "memories.weights.words": [64, 1024, 4096]}
    for kept in (None, 3):
        assert len(agrees(adapted(kept=kept), hardware, columns)) == 3

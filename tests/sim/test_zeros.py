"""Zeros in results: what was declared or counted is told, and time, bytes and energy follow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.evaluate.models import load_activity
from accelsim.hw.load import load_hardware
from accelsim.ir import Graph, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.results import Result
from accelsim.sim.assumption import sparsity_for
from accelsim.sim.simulate import simulate
from tests.mapping.conftest import moe_graph


def layers(*, zero: bool = False) -> Graph:
    builder = GraphBuilder("layers")
    tensor = builder.add_input("x", Tensor((1, 64, 128)))
    for name in ("fc1", "fc2"):
        weights = np.ones((128, 128), np.float32)
        if zero:
            weights[:, ::2] = 0
        builder.add_parameter(f"{name}.weight", weights, Tensor((128, 128)))
        tensor = builder.add("linear", [tensor, f"{name}.weight"], name=name)[0]
    return builder.finish([tensor])


def timed(graph: Graph, hardware: str, sparsity: str = "") -> Result:
    activity = load_activity("uniform", graph, sparsity=sparsity or None)
    return simulate(graph, load_hardware(hardware), activity=activity)


def zeros_line(result: Result) -> str:
    return next((line for line in result.assumptions if line.startswith("zeros")), "")


def test_time_bytes_and_energy_follow_the_zeros_that_a_unit_skips() -> None:
    dense, sparse = timed(layers(), "systolic-32-two-four"), timed(layers(), "systolic-32-two-four", "n:m=2:4")
    assert sparse.cycles < dense.cycles
    assert sparse.macs * 2 == dense.macs
    once = 2 * (128 * 64 * (8 + 2) / 8 + 64 * 128)  # kept weights with their index, and every input
    assert once <= sparse.dram_read_bytes < dense.dram_read_bytes
    assert sparse.energy["accelerator_dynamic"] < dense.energy["accelerator_dynamic"]
    assert sparse.energy["dram"] < dense.energy["dram"]
    assert zeros_line(sparse) == "zeros: declared n:m=2:4; 2 nodes skip zeros on array"


def test_zeros_that_the_weights_have_count_where_nothing_is_declared() -> None:
    found = timed(layers(zero=True), "systolic-32-two-four")
    assert found.cycles == timed(layers(), "systolic-32-two-four", "n:m=2:4").cycles
    assert zeros_line(found) == "zeros: those that the weights have; 2 nodes skip zeros on array"
    assert "64 of 128 inputs multiplied" in found.nodes[0].detail
    declared_dense = timed(layers(zero=True), "systolic-32-two-four", "dense")
    assert declared_dense.cycles == timed(layers(), "systolic-32-two-four").cycles


def test_a_declared_scenario_that_nothing_skips_changes_nothing_and_says_so() -> None:
    plain, declared = timed(layers(), "systolic-32"), timed(layers(), "systolic-32", "unstructured=0.1")
    assert declared.cycles == plain.cycles
    assert "no unit of systolic-32 skips zeros, so all is computed dense" in zeros_line(declared)
    assert zeros_line(plain) == ""
    other = timed(layers(), "systolic-32-two-four", "unstructured=0.1")
    assert "seed 0; 0 nodes skip zeros on array, 2 are computed dense" in zeros_line(other)
    assert "it skips 2 of 4" in other.nodes[0].detail


def test_a_file_tells_weights_apart(tmp_path: Path) -> None:
    path = tmp_path / "zeros.yaml"
    path.write_text("source: a pruned model\nweights: {fc1.*: 'n:m=2:4', '*': dense}\n", encoding="utf-8")
    result = timed(layers(), "systolic-32-two-four", str(path))
    assert [node.macs for node in result.nodes] == [64 * 128 * 64, 64 * 128 * 128]
    assert zeros_line(result).startswith("zeros: a pruned model (fc1.* n:m=2:4, dense); 1 nodes skip")
    path.write_text("source: x\nweights: {fc9.*: dense}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"zeros.yaml: weights: 'fc9.\*' matches nothing in layers"):
        sparsity_for(layers(), str(path))


def test_a_file_of_activity_keeps_the_zeros_that_were_declared(tmp_path: Path) -> None:
    for graph in (layers(), moe_graph()):
        activity = load_activity("uniform", graph, sparsity="block=4x4:0.5,activations=0.3,seed=4")
        assert activity is not None
        path = tmp_path / "activity.json"
        path.write_text(activity.to_json(), encoding="utf-8")
        again = load_activity(str(path), graph)
        assert again is not None
        assert again.sparsity == activity.sparsity
    path.write_text('{"source": "x", "routings": {}, "sparsity": {"source": ""}}', encoding="utf-8")
    with pytest.raises(InputError, match=r"activity.json: sparsity: source: required"):
        load_activity(str(path), layers())


def test_routing_and_zeros_are_declared_side_by_side() -> None:
    graph = moe_graph()
    activity = load_activity("skewed", graph, sparsity="n:m=2:4")
    assert activity is not None
    assert activity.sparsity is not None
    assert "moe" in activity.routings
    plain = load_activity("uniform", layers())
    assert plain is None

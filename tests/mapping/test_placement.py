"""Which unit runs what, which nodes disappear into another one's stage, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError, UnsupportedError
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import DType, Graph, Tensor
from accelsim.mapping.lower import lower
from accelsim.mapping.view import Workload
from accelsim.ops.build import GraphBuilder
from accelsim.ops.registry import op_spec
from accelsim.passes.split_projections import split_projections
from accelsim.sim.assumption import activity_for
from tests.mapping.conftest import linear_graph, moe_graph, parameter


def test_an_op_without_a_unit_is_an_error_that_says_what_to_add(small_file: Path) -> None:
    bare = load_hardware(small_file, {"placement": {"add": "vector"}})
    with pytest.raises(UnsupportedError, match=r"no unit runs 'linear.main' \(node 'fc'\); add .* to placement"):
        lower(Workload(linear_graph(rows=2, reduce=4, outputs=4)), bare)


def test_products_on_a_vector_unit_are_refused(small_file: Path) -> None:
    wrong = load_hardware(small_file, {"placement.linear": "vector"})
    with pytest.raises(UnsupportedError, match=r"makes no products, it cannot run 'linear.main'") as caught:
        lower(Workload(linear_graph(rows=2, reduce=4, outputs=4)), wrong)
    (failure,) = caught.value.failures
    assert failure.text() == (
        "units that run 'linear.main' (node 'fc'): needs 1 units, has 0 units -- would help: place it on array or "
        "scores or context: placement.linear.main"
    )


def test_a_tensor_without_a_home_is_an_error_that_lists_its_classes(small_file: Path) -> None:
    homeless = load_hardware(small_file, {"links.data.carries": ["linear.y"]})
    with pytest.raises(InputError, match=r"no link carries 'x'; add one of 'linear.x', 'model.input', '\*'"):
        lower(Workload(linear_graph(rows=2, reduce=4, outputs=4)), homeless)


def _two_adds() -> Graph:
    """x + a constant, then x + that."""
    builder = GraphBuilder("adds")
    builder.add_input("x", Tensor((1, 4, 8)))
    first = builder.add("linear", ["x", parameter(builder, "w", 8, 8)], name="fc")[0]
    position = builder.add("add", [first, parameter(builder, "position", 1, 4, 8)], name="position_add")[0]
    out = builder.add("add", [position, "x"], name="residual")[0]
    return builder.finish([out])


def test_an_add_of_a_constant_is_absorbed_where_the_unit_says_so_but_a_residual_never_is(small_file: Path) -> None:
    absorbing = load_hardware(small_file, {"units.array.absorbs": ["add"]})
    lowered = lower(Workload(_two_adds()), absorbing)
    assert lowered.fused == {"fc": ("position_add",)}
    assert [stage.node for stage in lowered.stages] == ["fc", "residual"]


def test_an_absorbed_constant_still_crosses_its_link(small_file: Path) -> None:
    absorbing = load_hardware(small_file, {"units.array.absorbs": ["add"]})
    fc = lower(Workload(_two_adds()), absorbing).stages[0]
    constants = [t for t in fc.streams if t.link == "weights"]
    assert sum(t.size_bytes for t in constants) * fc.tiles == 4 * 8


def test_a_tensor_with_two_readers_is_not_absorbed(small_file: Path) -> None:
    builder = GraphBuilder("fork")
    builder.add_input("x", Tensor((1, 4, 8)))
    first = builder.add("linear", ["x", parameter(builder, "w", 8, 8)], name="fc")[0]
    act = builder.add("gelu", [first], name="act")[0]
    out = builder.add("add", [first, act], name="sum")[0]
    hardware = load_hardware(
        small_file, {"placement": {"linear": "array", "add": "vector", "gelu": "vector"}, "units.array.epilogue": {}}
    )
    lowered = lower(Workload(builder.finish([out])), hardware)
    assert lowered.fused == {}
    assert [stage.node for stage in lowered.stages] == ["fc", "act", "sum"]


def test_layout_ops_cost_nothing_and_are_named(small: Hardware) -> None:
    builder = GraphBuilder("layout")
    builder.add_input("x", Tensor((1, 8, 4)))
    turned = builder.add("transpose", ["x"], {"perm": (0, 2, 1)}, name="turn")[0]
    out = builder.add("linear", [turned, parameter(builder, "w", 8, 8)], name="fc")[0]
    lowered = lower(Workload(builder.finish([out])), small)
    assert lowered.folded == ("turn",)
    assert [stage.node for stage in lowered.stages] == ["fc"]


def test_layout_ops_that_are_copied_need_a_unit(small_file: Path) -> None:
    builder = GraphBuilder("layout")
    builder.add_input("x", Tensor((1, 8, 4)))
    out = builder.add("transpose", ["x"], {"perm": (0, 2, 1)}, name="turn")[0]
    graph = builder.finish([out])
    with pytest.raises(UnsupportedError, match=r"no unit runs 'transpose.main'"):
        lower(Workload(graph), load_hardware(small_file, {"schedule.layout": "copied"}))
    copied = load_hardware(small_file, {"schedule.layout": "copied", "placement": {"transpose": "vector"}})
    (stage,) = lower(Workload(graph), copied).stages
    assert (stage.moved_bytes(write=False), stage.moved_bytes(write=True)) == (32, 32)


def test_every_node_of_the_real_model_is_timed_folded_or_fused(m3vit: Graph, edge_moe: Hardware) -> None:
    graph = split_projections(m3vit)
    lowered = lower(Workload(graph, activity_for(graph, "uniform")), edge_moe)
    timed = {stage.node for stage in lowered.stages}
    fused = {name for members in lowered.fused.values() for name in members}
    in_scope = {node.name for node in graph.nodes if graph.in_scope(node)}
    assert timed | fused | set(lowered.folded) | set(lowered.included) == in_scope
    assert lowered.included == ()
    assert all(op_spec(node.op).layout for node in graph.nodes if node.name in lowered.folded)


def test_stages_hold_the_products_of_the_model(m3vit: Graph, edge_moe: Hardware) -> None:
    graph = split_projections(m3vit)
    workload = Workload(graph, activity_for(graph, "uniform"))
    counted = sum(nest.macs for node in graph.nodes if graph.in_scope(node) for nest in workload.nests(node))
    assert sum(stage.macs for stage in lower(workload, edge_moe).stages) == counted
    assert np.isclose(counted / 1e9, 0.783, atol=5e-4)


def test_layouts_shared_between_equal_nodes_equal_layouts_made_alone(small: Hardware) -> None:
    """The memo must not mix up tensors: two equal layers differ in nothing but names."""
    builder = GraphBuilder("twice")
    builder.add_input("x", Tensor((1, 4, 8)))
    first = builder.add("linear", ["x", parameter(builder, "w1", 8, 8)], name="fc1")[0]
    out = builder.add("linear", [first, parameter(builder, "w2", 8, 8)], name="fc2")[0]
    one, two = lower(Workload(builder.finish([out])), small).stages
    assert (one.node, one.constants) == ("fc1", ("w1",))
    assert (two.node, two.constants) == ("fc2", ("w2",))
    assert (one.tile_cycles, one.held) == (two.tile_cycles, two.held)


def test_an_activation_that_the_unit_does_not_know_is_refused_by_its_placement_key(small: Hardware) -> None:
    graph = moe_graph()
    node = graph.nodes[0]
    other = graph.with_nodes((replace(node, attrs=node.attrs.with_items({"activation": "relu"})),))
    with pytest.raises(UnsupportedError, match=r"cannot run 'moe.relu' of node 'moe'; place it on vector: "):
        lower(Workload(other, activity_for(other, "uniform")), small)


def _grouped() -> Graph:
    """Four rows, each times the matrix of its own group."""
    builder = GraphBuilder("grouped")
    builder.add_input("x", Tensor((4, 8)))
    groups = builder.add_parameter("groups", np.zeros(4, np.int64), Tensor((4,), DType.parse("int64")))
    weights = [groups, parameter(builder, "w", 2, 8, 8), parameter(builder, "b", 2, 8)]
    return builder.finish([builder.add1("grouped_linear", ["x", *weights], name="each")])


@pytest.mark.parametrize(
    ("name", "lever"),
    [("gemmini-16x16", "add a unit of rate or host"), ("eyeriss", "place it on host: placement.grouped_linear.main")],
)
def test_rows_with_a_matrix_each_run_on_no_array_and_the_lever_says_on_what(name: str, lever: str) -> None:
    array = next(unit for unit, described in load_hardware(name).units.items() if described.kind != "host")
    with pytest.raises(UnsupportedError, match=re.escape(lever)):
        lower(Workload(_grouped()), load_hardware(name, {"placement": {"grouped_linear": array}}))


def test_what_the_lever_says_of_rows_with_a_matrix_each_is_true() -> None:
    host = load_hardware("eyeriss", {"placement": {"grouped_linear.main": "host"}})
    assert [stage.unit for stage in lower(Workload(_grouped()), host).stages if stage.macs] == ["host"]

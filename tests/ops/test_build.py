"""Registering ops and making graphs of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accelsim.errors import InternalError, UnsupportedError
from accelsim.ir import Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.ops.registry import all_ops, op_spec, register
from accelsim.ops.spec import ShapeError, work_of


def small() -> GraphBuilder:
    builder = GraphBuilder("small")
    builder.add_input("image", Tensor((2, 4)))
    builder.add_parameter("fc.weight", np.ones((3, 4), np.float32), Tensor((3, 4)))
    return builder


def test_an_op_cannot_be_registered_twice() -> None:
    before = all_ops()
    with pytest.raises(InternalError, match="op 'gelu' is registered twice"):
        register(replace(op_spec("gelu"), version=2))
    assert all_ops() == before


def test_an_unknown_op_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UnsupportedError, match="unknown op 'layernorm' -- did you mean 'layer_norm'"):
        op_spec("layernorm")


def test_a_node_is_typed_as_it_is_added_and_its_attributes_are_complete() -> None:
    builder = small()
    name = builder.add1("linear", ("image", "fc.weight"), name="fc")
    wide = builder.add1("gelu", (name,))
    graph = builder.finish((wide,), scope="fc", meta={"task": "demo"})
    assert (name, wide) == ("fc", "gelu")
    assert graph.tensors["fc"] == Tensor((2, 3))
    assert graph.producers["gelu"].attrs["approximate"] == "none"
    assert graph.meta["task"] == "demo"


def test_a_name_that_is_taken_gets_a_number() -> None:
    builder = small()
    assert [builder.add1("gelu", ("image",)) for _ in range(3)] == ["gelu", "gelu_2", "gelu_3"]
    assert builder.add1("gelu", ("image",), name="fc.weight") == "fc.weight_2"


def test_several_outputs_are_named_after_the_op_s_own() -> None:
    builder = small()
    assert builder.add("top_k", ("image",), {"k": 2}, name="best") == ("best.values", "best.indices")


def test_prefix_and_module_of_the_builder_reach_its_nodes() -> None:
    builder = small()
    builder.prefix, builder.module = "head.", "head"
    builder.add1("gelu", ("image",), name="act")
    builder.add("relu", ("image",), module="tail")
    assert [(n.name, n.module) for n in builder.nodes] == [("head.act", "head"), ("head.relu", "tail")]


def test_operands_that_do_not_fit_add_no_node() -> None:
    builder = small()
    builder.add_input("other", Tensor((5,)))
    with pytest.raises(ShapeError, match=r"linear: w .* needs 5"):
        builder.add("linear", ("other", "fc.weight"))
    assert builder.nodes == []


def test_equal_constants_are_held_once() -> None:
    builder = small()
    builder.add_parameter("tied.weight", np.ones((3, 4), np.float32), Tensor((3, 4)))
    assert builder.parameters["tied.weight"] == builder.parameters["fc.weight"]
    assert len(builder.weights) == 1


def test_work_of_a_node_marks_parameters_as_constant() -> None:
    builder = small()
    graph = builder.finish((builder.add1("linear", ("image", "fc.weight"), name="fc"),))
    (nest,) = work_of(op_spec("linear"), graph, graph.nodes[0])
    assert {o.role: (o.tensor, o.constant) for o in nest.operands} == {
        "x": ("image", False),
        "w": ("fc.weight", True),
        "y": ("fc", False),
    }


def test_a_repeated_operand_keeps_its_name() -> None:
    assert [op_spec("concat").input_name(i) for i in (0, 1, 7)] == ["xs", "xs", "xs"]
    assert [op_spec("conv2d").input_name(i) for i in range(3)] == ["x", "w", "b"]


def test_outputs_that_repeat_are_numbered_and_a_single_one_is_named_like_its_node() -> None:
    builder = GraphBuilder("parts")
    x = builder.add_input("x", Tensor((6,)))
    assert builder.add("split", (x,), {"axis": 0, "sizes": (1, 5)}, name="cut") == ("cut.ys0", "cut.ys1")
    assert builder.add("split", (x,), {"axis": 0, "sizes": (6,)}, name="whole") == ("whole",)

"""Cutting a part out of a graph: what crosses the cut, which names are understood, and that the numbers stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.engine import compile
from accelsim.errors import InputError
from accelsim.frontends.inputs import seeded_inputs
from accelsim.frontends.onnx_import import import_model
from accelsim.ir import Graph, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.passes.cut import cut
from tests.frontends.onnx_models import bert, resnet
from tests.frontends.reference import every_tensor


@pytest.fixture(scope="module")
def graph() -> Graph:
    return import_model(resnet(batch=1), Path("resnet.onnx"))


def test_a_part_computes_what_the_whole_does(graph: Graph) -> None:
    part = cut(graph, ["/layer1/conv1/Conv_4"], ["/layer2/Add_18"])
    whole = every_tensor(graph, seeded_inputs(graph, 0))
    made = compile(part, threads=1)({name: whole[name] for name in part.inputs}).outputs
    (output,) = part.outputs
    assert np.abs(made[output] - whole[output]).max() < 1e-5 * np.abs(whole[output]).max()
    assert len(part.nodes) == 15
    assert set(part.parameters) < set(graph.parameters)


def test_a_side_path_that_crosses_the_cut_becomes_an_input(graph: Graph) -> None:
    part = cut(graph, ["/layer1/conv2/Conv_7"], ["/layer1/Add_9"])
    assert part.inputs == ("/stem/MaxPool_3_output_0", "/layer1/conv1/Relu_6_output_0")
    assert [node.op for node in part.nodes] == ["conv2d", "batch_norm", "add"]


def test_one_end_is_enough_and_none_leaves_all(graph: Graph) -> None:
    head = cut(graph, stop=["/layer1/Relu_10"])
    tail = cut(graph, start=["layer2"])
    assert head.inputs == graph.inputs
    assert tail.outputs == graph.outputs
    assert len(head.nodes) + len(tail.nodes) == len(graph.nodes)
    assert cut(graph).nodes == graph.nodes


def test_modules_and_tensors_are_names_too(graph: Graph) -> None:
    by_module = cut(graph, ["layer1"], ["layer1"])
    by_tensor = cut(graph, ["/stem/MaxPool_3_output_0"], ["/layer1/Relu_10_output_0"])
    assert by_module.nodes == by_tensor.nodes
    assert by_module.outputs == ("/layer1/Relu_10_output_0",)


def test_several_ends_give_several_inputs_and_outputs(graph: Graph) -> None:
    part = cut(graph, ["/layer2/conv2/Conv_14", "/layer2/down/Conv_16"], ["/layer2/Relu_19", "/layer2/Add_18"])
    assert part.inputs == ("/layer1/Relu_10_output_0", "/layer2/conv1/Relu_13_output_0")
    assert part.outputs == ("/layer2/Relu_19_output_0", "/layer2/Add_18_output_0")


def test_nodes_of_constants_alone_belong_to_their_reader() -> None:
    build = GraphBuilder("constants")
    x, w = build.add_input("x", Tensor((2,))), build.add_parameter("w", np.ones(2, np.float32), Tensor((2,)))
    (root,) = build.add("sqrt", (w,), name="root")
    (y,) = build.add("relu", (x,), name="first")
    part = cut(build.finish(build.add("mul", (y, root), name="last")), ["last"], ["last"])
    assert part.inputs == ("first",)
    assert [node.name for node in part.nodes] == ["root", "last"]


def test_a_source_node_that_became_several_is_one_name() -> None:
    whole = import_model(bert(), Path("bert.onnx"), sizes={"tokens": (4,)}, batch=1)
    assert [node.op for node in cut(whole, ["/mask"], ["/mask"]).nodes] == ["reshape", "cast", "sub", "mul"]


@pytest.mark.parametrize(
    ("start", "stop", "match"),
    [
        (["/layer1/Conv_4"], [], r"--from '/layer1/Conv_4': no node, module or tensor .* did you mean '/layer1/"),
        ([], ["classed"], r"--to 'classed': .*did you mean|known:"),
        (["layer2"], ["layer1"], r"no path leads from 'layer2' to 'layer1': the part would be empty"),
        (
            ["/layer1/conv1/Conv_4", "/head/Flatten_21"],
            ["/layer1/Add_9"],
            r"from '/head/Flatten_21' to '/layer1/Add_9'",
        ),
    ],
)
def test_names_that_do_not_fit_are_told(graph: Graph, start: list[str], stop: list[str], match: str) -> None:
    with pytest.raises(InputError, match=match):
        cut(graph, start, stop)

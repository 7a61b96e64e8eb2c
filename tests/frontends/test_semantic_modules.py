"""Plain torch modules that say which op they stand for come in whole and compute the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from accelsim.engine import compile
from accelsim.frontends.torch import trace
from accelsim.ir import Graph
from accelsim.ops.registry import op_spec
from accelsim.passes import expand
from tests.frontends.semantic_modules import DynamicConv, build

pytestmark = pytest.mark.slow

OPS = ("dynamic_conv2d", "pixel_difference_conv2d", "cross_task_attention", "adapted_linear")


@pytest.fixture(scope="module")
def everything() -> Graph:
    module, inputs = build()
    return trace(module, inputs, name="everything")


def test_each_module_is_one_node_under_its_name(everything: Graph) -> None:
    found = {node.name: node.op for node in everything.nodes if node.op in OPS}
    assert found == {
        "stem": "dynamic_conv2d",
        "first": "dynamic_conv2d",
        "second": "pixel_difference_conv2d",
        "exchange": "cross_task_attention",
        "head": "adapted_linear",
    }
    assert "second.weight" in everything.parameters


def test_the_engine_computes_what_the_modules_compute(everything: Graph) -> None:
    module, inputs = build()
    with torch.no_grad():
        expected = module(*inputs).numpy()
    run = compile(everything, threads=2)({everything.inputs[0]: inputs[0].numpy()})
    made = run.outputs[everything.outputs[0]]
    assert np.abs(made - expected).max() <= 2e-5 * np.abs(expected).max()


def test_the_shares_of_the_kernels_are_recorded_for_every_sample(everything: Graph) -> None:
    module, (image,) = build()
    run = compile(everything, threads=1)({everything.inputs[0]: image.numpy()})
    stem = module.get_submodule("stem")
    assert isinstance(stem, DynamicConv)
    with torch.no_grad():
        logits = stem.fc2(torch.relu(stem.fc1(image.mean(dim=(2, 3))))) / stem.temperature
    np.testing.assert_allclose(run.activity.kernel_shares["stem"], torch.softmax(logits, -1).numpy(), rtol=1e-5)
    assert set(run.activity.kernel_shares) == {"stem", "first"}


@pytest.mark.parametrize("form", [0, 1])
def test_written_out_in_other_ops_it_computes_the_same(everything: Graph, form: int) -> None:
    _, (image,) = build()
    graph = everything
    inputs = {graph.inputs[0]: image.numpy()}
    written = graph
    for op in OPS:
        forms = tuple(op_spec(op).expansions)
        written = expand(written, op, forms[min(form, len(forms) - 1)])
    assert not {node.op for node in written.nodes} & set(OPS)
    ours, theirs = (compile(one, threads=1)(inputs).outputs[graph.outputs[0]] for one in (written, graph))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())

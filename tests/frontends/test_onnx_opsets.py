"""Every opset that is promised: the same model in each of them means the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import defs, helper

from accelsim.engine import compile
from accelsim.errors import UnsupportedError
from accelsim.frontends.inputs import seeded_inputs
from accelsim.frontends.onnx_import import import_model
from accelsim.frontends.onnx_load import OLDEST_OPSET, check_model
from tests.frontends.onnx_models import Model, resnet

PATH = Path("m.onnx")
NEWEST = defs.onnx_opset_version()


def versioned(opset: int) -> onnx.ModelProto:
    """A pool, a split and a mean as the versions of their operators write them."""
    m = Model()
    pooled = m.add("MaxPool", ["x"], kernel_shape=[2, 2], strides=[2, 2])
    wide = {"num_outputs": 2} if opset >= 18 else {}
    m.nodes.append(helper.make_node("Split", [pooled], ["a", "b"], name="/Split", axis=1, **wide))
    joined = m.add("Concat", ["b", "a"], axis=1)
    axes = {"axes": [2, 3]} if opset < 18 else {}
    inputs = [joined] if opset < 18 else [joined, m.ints("axes", 2, 3)]
    mean = m.add("ReduceMean", inputs, keepdims=0, **axes)
    total = m.add("ReduceSum", [mean, m.ints("last", 1)], keepdims=1)
    squeezed = m.add("Squeeze", [total, m.ints("one", 1)])
    return m.finish({"x": [2, 4, 6, 6]}, {"y": squeezed}, opset=opset)


@pytest.mark.parametrize("opset", range(OLDEST_OPSET, NEWEST + 1))
def test_operators_are_read_as_their_version_says(opset: int) -> None:
    model = versioned(opset)
    check_model(model, PATH)
    graph = import_model(model, PATH)
    x = np.random.Generator(np.random.Philox(1)).standard_normal((2, 4, 6, 6)).astype(np.float32)
    made = compile(graph, threads=1)({"x": x}).outputs["y"]
    wanted = x.reshape(2, 4, 3, 2, 3, 2).max(axis=(3, 5)).mean(axis=(2, 3)).sum(axis=1)
    assert np.abs(made - wanted).max() < 1e-6


@pytest.mark.slow
def test_a_network_means_the_same_in_every_opset() -> None:
    found = []
    for opset in range(OLDEST_OPSET, NEWEST + 1):
        model = resnet(batch=1)
        model.opset_import[0].version = opset
        check_model(model, PATH)
        graph = import_model(model, PATH)
        found.append(compile(graph, threads=1)(seeded_inputs(graph, 0)).outputs["classes"])
    assert all(np.array_equal(made, found[0]) for made in found)


@pytest.mark.parametrize("opset", [OLDEST_OPSET - 1, NEWEST + 1])
def test_other_opsets_are_refused(opset: int) -> None:
    model = versioned(OLDEST_OPSET)
    model.opset_import[0].version = opset
    with pytest.raises(UnsupportedError, match=rf"opset {opset}; accelsim reads 13 to {NEWEST}"):
        check_model(model, PATH)

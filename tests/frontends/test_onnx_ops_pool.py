"""Pools and no-ops as exporters write them, beside ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from accelsim.engine import compile
from accelsim.errors import InputError
from accelsim.frontends.onnx_import import import_model
from accelsim.ir.graph import Graph
from tests.contracts.case import floats
from tests.frontends.onnx_models import Model

PATH = Path("m.onnx")
VOLUME, IMAGE = (2, 3, 5, 6, 7), (1, 3, 7, 6)


def equal_to_onnx_runtime(kind: str, shape: tuple[int, ...], *more: str, model: Model, **attributes: Any) -> Graph:
    proto = model.finish({"x": shape}, {"y": model.add(kind, ["x", *more], **attributes)}, opset=19)
    del proto.graph.output[0].type.tensor_type.shape.dim[:]
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    graph = import_model(proto, PATH)
    inputs = {"x": floats(*shape)}
    ours = compile(graph, threads=1)(inputs).outputs["y"]
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (theirs,) = session.run(["y"], inputs)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 2e-6 * np.abs(theirs).max()
    return graph


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "LpPool"])
def test_volumes_are_pooled_plane_by_plane_and_then_along_the_depth(kind: str) -> None:
    graph = equal_to_onnx_runtime(
        kind, VOLUME, model=Model(), kernel_shape=[2, 3, 2], strides=[1, 2, 3], pads=[1, 1, 0, 0, 1, 1]
    )
    assert sum("pool" in node.op for node in graph.nodes) == 2


@pytest.mark.parametrize("count_include_pad", [0, 1])
@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
def test_an_average_over_a_volume_divides_by_what_it_counts(count_include_pad: int, auto_pad: str) -> None:
    attributes = {"kernel_shape": [3, 2, 3], "strides": [2, 2, 2], "auto_pad": auto_pad}
    equal_to_onnx_runtime("AveragePool", VOLUME, model=Model(), count_include_pad=count_include_pad, **attributes)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_a_window_that_hangs_over_all_of_an_image_sees_the_image(kind: str) -> None:
    graph = equal_to_onnx_runtime(kind, IMAGE, model=Model(), kernel_shape=[50, 40], strides=[50, 40], ceil_mode=1)
    assert graph.nodes[0].attrs["kernel"] == (7, 6)


def test_a_kernel_of_another_rank_is_refused() -> None:
    model = Model()
    proto = model.finish({"x": VOLUME}, {"y": model.add("MaxPool", ["x"], kernel_shape=[2, 2])})
    with pytest.raises(InputError, match=r"kernel_shape .*\(2, 2\)|\[2, 2\] does not fit 3 spatial dimensions"):
        import_model(proto, PATH)


def test_resizing_to_the_same_size_and_padding_with_nothing_leave_no_node() -> None:
    model = Model()
    attributes = {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1, "antialias": 0}
    sizes = model.ints("sizes", *IMAGE)
    graph = equal_to_onnx_runtime("Resize", IMAGE, "", "", sizes, model=model, **attributes)
    assert [node.op for node in graph.nodes] == ["reshape"]
    model = Model()
    graph = equal_to_onnx_runtime("Pad", IMAGE, model.ints("pads", *[0] * 8), model=model, mode="reflect")
    assert [node.op for node in graph.nodes] == ["reshape"]

"""bfloat16: stored as such in files, held in float32 by the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from accelsim.engine import compile
from accelsim.frontends.inputs import input_options
from accelsim.frontends.onnx_export import export_onnx
from accelsim.frontends.onnx_model import load_onnx
from accelsim.ir import DType, Tensor
from accelsim.ops.build import GraphBuilder
from tests.contracts.case import floats


def test_a_graph_is_exported_and_read_back_in_its_format(tmp_path: Path) -> None:
    kind = DType.parse("bfloat16")
    build = GraphBuilder("half")
    x = build.add_input("x", Tensor((2, 4), kind))
    values = np.float32([[1, 0.5, -2, 3], [4, 0.25, 1, -1], [0, 2, 2, 8]])
    w = build.add_parameter("w", values, Tensor((3, 4), kind))
    graph = build.finish(build.add("linear", (x, w), name="y"))
    path = export_onnx(graph, tmp_path / "half.onnx")
    (weight,) = [tensor for tensor in onnx.load(path).graph.initializer if tensor.name == "w"]
    assert weight.data_type == onnx.TensorProto.BFLOAT16

    read = load_onnx(path, input_options())
    assert read.graph.tensors["x"].dtype == kind
    given = {"x": floats(2, 4)}
    ours, back = (compile(one, threads=1)(given).outputs["y"] for one in (graph, read.graph))
    assert np.abs(ours - given["x"] @ values.T).max() < 1e-6
    assert np.abs(back - ours).max() < 1e-6

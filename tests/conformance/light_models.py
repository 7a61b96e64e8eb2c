"""The CNN topologies in the onnx wheel. Their constant weights prove nothing: seeded ones take their place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper, version_converter

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("light_*.onnx")))
OPSET = 13


def light_model(name: str, seed: int = 0) -> ModelProto:
    """A topology in opset 13 with variance-preserving weights, that ends before its softmax."""
    model = version_converter.convert_version(onnx.load(FOLDER / f"{name}.onnx"), OPSET)
    graph = model.graph
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made = {
        node.output[0]: tuple(held[node.input[0]].tolist()) for node in graph.node if node.op_type == "ConstantOfShape"
    }
    users = _users(graph)
    rng = np.random.Generator(np.random.Philox(seed))
    weights = [numpy_helper.from_array(_weight(rng, *users[name], shape), name) for name, shape in made.items()]
    kept = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    if kept[-1].op_type == "Softmax":
        last, classes = kept.pop(), graph.output[0]
        del graph.output[:]
        shape = [dim.dim_value for dim in classes.type.tensor_type.shape.dim]
        graph.output.append(helper.make_tensor_value_info(last.input[0], onnx.TensorProto.FLOAT, shape))
    read = {name for node in kept for name in node.input}
    del graph.node[:], graph.value_info[:]
    graph.node.extend(kept)
    initializers = [tensor for tensor in graph.initializer if tensor.name in read] + weights
    del graph.initializer[:]
    graph.initializer.extend(initializers)
    inputs = [info for info in graph.input if info.name not in held and info.name not in made]
    del graph.input[:]
    graph.input.extend(inputs)
    model.ir_version = 8  # from 4 on constants need not be inputs
    return model


def _users(graph: onnx.GraphProto) -> dict[str, tuple[NodeProto, int]]:
    """The node that uses each constant and as which input, through Unsqueeze."""
    through = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Unsqueeze"}
    found: dict[str, tuple[NodeProto, int]] = {}
    for node in graph.node:
        if node.op_type != "Unsqueeze":
            for index, name in enumerate(node.input):
                found[through.get(name, name)] = (node, index)
    return found


def _weight(rng: np.random.Generator, node: NodeProto, index: int, shape: tuple[int, ...]) -> np.ndarray:
    kind = node.op_type
    if kind in ("Conv", "Gemm") and index == 1:
        turned = kind == "Gemm" and not any(a.name == "transB" and a.i for a in node.attribute)
        fan_in = shape[0] if turned else int(np.prod(shape[1:]))
        return (rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / fan_in))).astype(np.float32)
    if (kind == "BatchNormalization" and index in (1, 4)) or kind == "Mul":
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    return (0.1 * rng.standard_normal(shape)).astype(np.float32)

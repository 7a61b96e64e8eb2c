"""Small ONNX models in the shapes that exporters give them, with seeded weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Model:
    """Collects nodes and weights; every step returns the name of what it made."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.Generator(np.random.Philox(seed))
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.functions: list[onnx.FunctionProto] = []
        self.scope = ""

    def weight(self, name: str, array: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def normal(self, name: str, *shape: int, fan_in: int = 1) -> str:
        values = self.rng.standard_normal(shape) / np.sqrt(fan_in)
        return self.weight(name, values.astype(np.float32))

    def ints(self, name: str, *values: int) -> str:
        return self.weight(name, np.array(values, np.int64))

    def add(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> str:
        name = f"{self.scope}/{kind}_{len(self.nodes)}"
        made = [f"{name}_output_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), made, name=name, **attributes))
        return made[0]

    def finish(
        self,
        inputs: dict[str, Sequence[int | str]],
        outputs: dict[str, str],
        *,
        ids: Sequence[str] = (),
        opset: int = OPSET,
    ) -> onnx.ModelProto:
        """The checked model; `outputs` renames tensors, inputs named in `ids` are whole numbers."""
        for new, old in outputs.items():
            self.nodes.append(helper.make_node("Identity", [old], [new], name=f"/{new}"))
        given = [
            helper.make_tensor_value_info(name, TensorProto.INT64 if name in ids else TensorProto.FLOAT, list(shape))
            for name, shape in inputs.items()
        ]
        made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        for info in made:
            info.type.tensor_type.shape.dim.add().dim_param = "any"
        graph = helper.make_graph(self.nodes, "tiny", given, made, initializer=self.weights)
        domains = {function.domain for function in self.functions}
        opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
        return helper.make_model(graph, opset_imports=opsets, functions=self.functions, ir_version=8)

    # pieces

    def conv(self, x: str, name: str, cin: int, cout: int, kernel: int, *, stride: int = 1, groups: int = 1) -> str:
        self.scope = f"/{name}"
        w = self.normal(f"{name}.weight", cout, cin // groups, kernel, kernel, fan_in=cin // groups * kernel**2)
        y = self.add("Conv", [x, w], strides=[stride] * 2, pads=[kernel // 2] * 4, group=groups)
        constants = [
            self.weight(f"{name}.{part}", self.rng.uniform(0.5, 1.5, cout).astype(np.float32))
            for part in ("scale", "bias", "mean", "var")
        ]
        return self.add("BatchNormalization", [y, *constants])

    def linear(self, x: str, name: str, cin: int, cout: int) -> str:
        """As torch's older exporter writes it: MatMul with the transposed weight, then Add."""
        self.scope = f"/{name}"
        product = self.add("MatMul", [x, self.normal(f"{name}.weight", cin, cout, fan_in=cin)])
        return self.add("Add", [self.normal(f"{name}.bias", cout), product])

    def layer_norm(self, x: str, name: str, size: int) -> str:
        self.scope = f"/{name}"
        scale = self.weight(f"{name}.scale", self.rng.uniform(0.5, 1.5, size).astype(np.float32))
        return self.add("LayerNormalization", [x, scale, self.normal(f"{name}.bias", size)], axis=-1)


def resnet(batch: int | str = "batch") -> onnx.ModelProto:
    """Stem, a block with identity and one with a projection, a head."""
    m = Model()
    x = m.add("Relu", [m.conv("image", "stem", 3, 8, 7, stride=2)])
    x = m.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for name, cin, cout, stride in (("layer1", 8, 8, 1), ("layer2", 8, 16, 2)):
        y = m.add("Relu", [m.conv(x, f"{name}/conv1", cin, cout, 3, stride=stride)])
        y = m.conv(y, f"{name}/conv2", cout, cout, 3)
        side = x if stride == 1 else m.conv(x, f"{name}/down", cin, cout, 1, stride=stride)
        m.scope = f"/{name}"
        x = m.add("Relu", [m.add("Add", [y, side])])
    m.scope = "/head"
    x = m.add("Flatten", [m.add("GlobalAveragePool", [x])])
    weight = m.normal("fc.weight", 10, 16, fan_in=16)
    x = m.add("Gemm", [x, weight, m.normal("fc.bias", 10)], transB=1)
    return m.finish({"image": [batch, 3, 32, 32]}, {"classes": x})


def mobilenet() -> onnx.ModelProto:
    """An inverted residual with squeeze-and-excitation, hard activations, and a reshape from computed sizes."""
    m = Model()
    x = m.add("HardSwish", [m.conv("image", "stem", 3, 8, 3, stride=2)])
    low, high = m.weight("zero", np.float32(0)), m.weight("six", np.float32(6))
    y = m.add("Clip", [m.conv(x, "block/expand", 8, 24, 1), low, high])
    y = m.add("Clip", [m.conv(y, "block/depth", 24, 24, 5, groups=24), low, high])
    m.scope = "/block/se"
    squeezed = m.add("ReduceMean", [y], axes=[2, 3], keepdims=1)
    gate = m.add("Conv", [squeezed, m.normal("se.weight", 24, 24, 1, 1, fan_in=24), m.normal("se.bias", 24)])
    y = m.add("Mul", [y, m.add("HardSigmoid", [gate], alpha=1 / 6, beta=0.5)])
    x = m.add("Add", [x, m.conv(y, "block/project", 24, 8, 1)])
    m.scope = "/head"
    x = m.add("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    rows = m.add("Gather", [m.add("Shape", [x]), m.ints("first", 0)], axis=0)
    shape = m.add("Concat", [rows, m.ints("rest", -1)], axis=0)
    return m.finish({"image": ["batch", 3, 30, 30]}, {"features": m.add("Reshape", [x, shape])})


def bert(heads: int = 2, width: int = 16, layers: int = 2) -> onnx.ModelProto:
    """Embeddings, attention in many small nodes with a mask from whole numbers, GELU written out."""
    m = Model()
    size = width // heads
    m.scope = "/embeddings"
    words = m.add("Gather", [m.normal("word.weight", 30, width), "input_ids"])
    types = m.add("Gather", [m.normal("type.weight", 2, width), "token_type_ids"])
    x = m.layer_norm(m.add("Add", [words, types]), "embeddings/norm", width)
    m.scope = "/mask"
    wide = m.add("Unsqueeze", ["attention_mask", m.ints("mask.axes", 1, 2)])
    hidden = m.add("Sub", [m.weight("one", np.float32(1)), m.add("Cast", [wide], to=TensorProto.FLOAT)])
    mask = m.add("Mul", [hidden, m.weight("least", np.float32(-10000))])
    split = m.ints("heads", 0, 0, heads, size)
    joined = m.ints("joined", 0, 0, width)
    for layer in range(layers):
        name = f"layer.{layer}"
        parts = []
        for part, perm in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
            y = m.linear(x, f"{name}/attention/{part}", width, width)
            m.scope = f"/{name}/attention"
            parts.append(m.add("Transpose", [m.add("Reshape", [y, split])], perm=perm))
        scores = m.add("MatMul", parts[:2])
        scores = m.add("Div", [scores, m.weight(f"{name}.root", np.float32(np.sqrt(size)))])
        shares = m.add("Softmax", [m.add("Add", [scores, mask])], axis=-1)
        y = m.add("Transpose", [m.add("MatMul", [shares, parts[2]])], perm=[0, 2, 1, 3])
        y = m.linear(m.add("Reshape", [y, joined]), f"{name}/attention/out", width, width)
        x = m.layer_norm(m.add("Add", [y, x]), f"{name}/norm1", width)
        y = m.linear(x, f"{name}/up", width, 2 * width)
        erf = m.add("Erf", [m.add("Div", [y, m.weight(f"{name}.two", np.float32(np.sqrt(2)))])])
        y = m.add("Mul", [y, m.add("Add", [erf, m.weight(f"{name}.one", np.float32(1))])])
        y = m.add("Mul", [y, m.weight(f"{name}.half", np.float32(0.5))])
        x = m.layer_norm(m.add("Add", [m.linear(y, f"{name}/down", 2 * width, width), x]), f"{name}/norm2", width)
    ids = ("input_ids", "token_type_ids", "attention_mask")
    return m.finish({name: ["batch", "tokens"] for name in ids}, {"hidden": x}, ids=ids)


def saved(model: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    path = folder / name
    onnx.save_model(model, path)
    return path

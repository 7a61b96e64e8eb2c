"""The table of ops: the ONNX nodes that each becomes, under the tensor names of the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from accelsim.errors import UnsupportedError
from accelsim.ir import dtype as formats
from accelsim.ir.dtype import DType
from accelsim.ir.graph import Graph, Node, Tensor
from accelsim.ir.weights import Array

Emit = Callable[["OnnxNodes", Node], None]

_TYPES: Mapping[DType, int] = {
    formats.FLOAT64: TensorProto.DOUBLE,
    formats.FLOAT32: TensorProto.FLOAT,
    formats.FLOAT16: TensorProto.FLOAT16,
    formats.INT64: TensorProto.INT64,
    formats.INT32: TensorProto.INT32,
    formats.INT8: TensorProto.INT8,
    formats.UINT8: TensorProto.UINT8,
    formats.BOOL: TensorProto.BOOL,
}


def element_type(tensor: Tensor, name: str) -> int:
    """Raises UnsupportedError for a format that ONNX does not have."""
    if tensor.dtype not in _TYPES:
        raise UnsupportedError(f"tensor '{name}': ONNX has no number format for {tensor.dtype}")
    return _TYPES[tensor.dtype]


class OnnxNodes:
    """Collects ONNX nodes and the small constants that they need."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def node(self, node: Node) -> None:
        """Add the form of one node of the graph. The op must be in ONNX_FORMS."""
        ONNX_FORMS[node.op](self, node)

    def add(self, kind: str, inputs: Sequence[str], outputs: str | Sequence[str], **attributes: object) -> str:
        """Append a node, named after its first output; returns that output."""
        names = [outputs] if isinstance(outputs, str) else list(outputs)
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"{names[0]}:{kind}", **attributes))
        return names[0]

    def constant(self, name: str, value: Array | Sequence[int]) -> str:
        array = np.asarray(value, np.int64) if not isinstance(value, np.ndarray) else value
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def like(self, name: str, value: float, tensor: str) -> str:
        """A scalar in the format of `tensor`."""
        kind = element_type(self.graph.tensors[tensor], tensor)
        return self.constant(name, np.asarray(value, helper.tensor_dtype_to_np_dtype(kind)))


def _same(kind: str) -> Emit:
    def emit(to: OnnxNodes, node: Node) -> None:
        to.add(kind, node.inputs, node.outputs)

    return emit


def _linear(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    turned = to.add("Transpose", [node.inputs[1]], f"{y}/w", perm=[1, 0])
    if len(node.inputs) > 2 and node.inputs[2]:
        product = to.add("MatMul", [node.inputs[0], turned], f"{y}/product")
        to.add("Add", [product, node.inputs[2]], y)
    else:
        to.add("MatMul", [node.inputs[0], turned], y)


def _conv2d(to: OnnxNodes, node: Node) -> None:
    a = node.attrs
    to.add(
        "Conv",
        [name for name in node.inputs if name],
        node.outputs,
        strides=a["stride"],
        pads=a["padding"],
        dilations=a["dilation"],
        group=a["groups"],
    )


def _layer_norm(to: OnnxNodes, node: Node) -> None:
    x, y = node.inputs[0], node.outputs[0]
    axes = _whole(node.attrs["axes"])
    scale = node.inputs[1] if len(node.inputs) > 1 else ""
    if not scale:  # ONNX demands one
        shape = to.graph.tensors[x].shape[-axes:]
        dtype = helper.tensor_dtype_to_np_dtype(element_type(to.graph.tensors[x], x))
        scale = to.constant(f"{y}/ones", np.ones(shape, dtype))
    to.add(
        "LayerNormalization",
        [x, scale, *node.inputs[2:]],
        y,
        axis=-axes,
        epsilon=node.attrs["epsilon"],
    )


def _batch_norm(to: OnnxNodes, node: Node) -> None:
    to.add("BatchNormalization", node.inputs, node.outputs, epsilon=node.attrs["epsilon"])


def _gelu(to: OnnxNodes, node: Node) -> None:
    """Written out, because Gelu is an operator only from opset 20 on."""
    _GELU[str(node.attrs["approximate"])](to, node.inputs[0], node.outputs[0])


def _gelu_exact(to: OnnxNodes, x: str, y: str) -> None:
    scaled = to.add("Div", [x, to.like(f"{y}/root", float(np.sqrt(2.0)), x)], f"{y}/scaled")
    shifted = to.add("Add", [to.add("Erf", [scaled], f"{y}/erf"), to.like(f"{y}/one", 1.0, x)], f"{y}/shifted")
    doubled = to.add("Mul", [x, shifted], f"{y}/doubled")
    to.add("Mul", [doubled, to.like(f"{y}/half", 0.5, x)], y)


def _gelu_tanh(to: OnnxNodes, x: str, y: str) -> None:
    """0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))."""
    square = to.add("Mul", [x, x], f"{y}/square")
    cube = to.add("Mul", [square, x], f"{y}/cube")
    small = to.add("Mul", [cube, to.like(f"{y}/share", 0.044715, x)], f"{y}/small")
    total = to.add("Add", [x, small], f"{y}/total")
    inner = to.add("Mul", [total, to.like(f"{y}/root", float(np.sqrt(2 / np.pi)), x)], f"{y}/inner")
    shifted = to.add("Add", [to.add("Tanh", [inner], f"{y}/tanh"), to.like(f"{y}/one", 1.0, x)], f"{y}/shifted")
    doubled = to.add("Mul", [x, shifted], f"{y}/doubled")
    to.add("Mul", [doubled, to.like(f"{y}/half", 0.5, x)], y)


_GELU: Mapping[str, Callable[[OnnxNodes, str, str], None]] = {"none": _gelu_exact, "tanh": _gelu_tanh}


def _softmax(to: OnnxNodes, node: Node) -> None:
    to.add("Softmax", node.inputs, node.outputs, axis=node.attrs["axis"])


def _div(to: OnnxNodes, node: Node) -> None:
    """ONNX cuts whole numbers towards zero, ours floors: (a - a mod b) / b; Mod has the sign of b."""
    y = node.outputs[0]
    if to.graph.tensors[y].dtype.is_float:
        to.add("Div", node.inputs, y)
        return
    rest = to.add("Mod", node.inputs, f"{y}/rest")
    whole = to.add("Sub", [node.inputs[0], rest], f"{y}/whole")
    to.add("Div", [whole, node.inputs[1]], y)


def _attention(to: OnnxNodes, node: Node) -> None:
    q, k, v = node.inputs
    y = node.outputs[0]
    turned = to.add("Transpose", [k], f"{y}/k", perm=[0, 1, 3, 2])
    product = to.add("MatMul", [q, turned], f"{y}/product")
    scale = to.like(f"{y}/scale", _number(node.attrs["scale"]), q)
    scores = to.add("Mul", [product, scale], f"{y}/scores")
    shares = to.add("Softmax", [scores], f"{y}/softmax", axis=-1)
    to.add("MatMul", [shares, v], y)


def _reshape(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    to.add("Reshape", [node.inputs[0], to.constant(f"{y}/shape", to.graph.tensors[y].shape)], y, allowzero=1)


def _transpose(to: OnnxNodes, node: Node) -> None:
    to.add("Transpose", node.inputs, node.outputs, perm=node.attrs["perm"])


def _concat(to: OnnxNodes, node: Node) -> None:
    to.add("Concat", node.inputs, node.outputs, axis=node.attrs["axis"])


def _expand(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    to.add("Expand", [node.inputs[0], to.constant(f"{y}/shape", to.graph.tensors[y].shape)], y)


def _slice(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    bounds = [to.constant(f"{y}/{key}", _wholes(node.attrs[key])) for key in ("starts", "ends", "axes", "steps")]
    to.add("Slice", [node.inputs[0], *bounds], y)


def _resize(to: OnnxNodes, node: Node) -> None:
    x, y = node.inputs[0], node.outputs[0]
    coordinates = str(node.attrs["coordinates"])
    shape = to.constant(f"{y}/sizes", to.graph.tensors[y].shape)
    to.add(
        "Resize",
        [x, "", "", shape],
        y,
        mode="linear" if node.attrs["mode"] == "bilinear" else "nearest",
        coordinate_transformation_mode=coordinates,
        nearest_mode="floor" if coordinates == "asymmetric" else "round_prefer_ceil",
    )


def _top_k(to: OnnxNodes, node: Node) -> None:
    """ONNX breaks ties by the lower index, as our op does."""
    k = to.constant(f"{node.outputs[0]}/k", [_whole(node.attrs["k"])])
    to.add("TopK", [node.inputs[0], k], node.outputs, axis=node.attrs["axis"], largest=1, sorted=1)


def _argsort(to: OnnxNodes, node: Node) -> None:
    """A TopK of everything, smallest first; ties by the lower index make it stable."""
    x, y = node.inputs[0], node.outputs[0]
    axis = _whole(node.attrs["axis"])
    k = to.constant(f"{y}/k", [to.graph.tensors[x].shape[axis]])
    to.add("TopK", [x, k], [f"{y}/values", y], axis=axis, largest=0, sorted=1)


def _gather(to: OnnxNodes, node: Node) -> None:
    to.add("Gather", node.inputs, node.outputs, axis=node.attrs["axis"])


def _scatter_add(to: OnnxNodes, node: Node) -> None:
    indices, updates = node.inputs
    y = node.outputs[0]
    rows = to.add("Unsqueeze", [indices, to.constant(f"{y}/axis", [-1])], f"{y}/rows")
    zero = numpy_helper.from_array(np.zeros(1, helper.tensor_dtype_to_np_dtype(element_type(to.graph.tensors[y], y))))
    shape = to.constant(f"{y}/shape", to.graph.tensors[y].shape)
    empty = to.add("ConstantOfShape", [shape], f"{y}/zeros", value=zero)
    to.add("ScatterND", [empty, rows, updates], y, reduction="add")


def _one_hot(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    dtype = helper.tensor_dtype_to_np_dtype(element_type(to.graph.tensors[y], y))
    depth = to.constant(f"{y}/depth", [_whole(node.attrs["depth"])])
    values = to.constant(f"{y}/values", np.array([0, 1], dtype))
    to.add("OneHot", [node.inputs[0], depth, values], y, axis=-1)


def _reduce_sum(to: OnnxNodes, node: Node) -> None:
    y = node.outputs[0]
    axes = to.constant(f"{y}/axes", _wholes(node.attrs["axes"]))
    to.add("ReduceSum", [node.inputs[0], axes], y, keepdims=int(bool(node.attrs["keepdims"])))


def _grouped_linear(to: OnnxNodes, node: Node) -> None:
    """One row a matrix: each row meets a copy of its group's weights. Right, not fast."""
    x, groups, w, b = node.inputs
    y = node.outputs[0]
    last = to.constant(f"{y}/axis", [-1])
    weights = to.add("Gather", [w, groups], f"{y}/w", axis=0)
    column = to.add("Unsqueeze", [x, last], f"{y}/x")
    product = to.add("Squeeze", [to.add("MatMul", [weights, column], f"{y}/column"), last], f"{y}/product")
    to.add("Add", [product, to.add("Gather", [b, groups], f"{y}/b", axis=0)], y)


def _whole(value: Any) -> int:
    assert isinstance(value, int)
    return value


def _number(value: Any) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _wholes(value: Any) -> tuple[int, ...]:
    assert isinstance(value, tuple)
    return value


# Ops that are absent here are written in terms of others before the export.
ONNX_FORMS: Mapping[str, Emit] = {
    "add": _same("Add"),
    "argsort": _argsort,
    "attention": _attention,
    "batch_norm": _batch_norm,
    "concat": _concat,
    "conv2d": _conv2d,
    "div": _div,
    "expand": _expand,
    "gather": _gather,
    "gelu": _gelu,
    "grouped_linear": _grouped_linear,
    "layer_norm": _layer_norm,
    "linear": _linear,
    "matmul": _same("MatMul"),
    "mul": _same("Mul"),
    "one_hot": _one_hot,
    "reduce_sum": _reduce_sum,
    "relu": _same("Relu"),
    "reshape": _reshape,
    "resize": _resize,
    "scatter_add": _scatter_add,
    "slice": _slice,
    "softmax": _softmax,
    "sub": _same("Sub"),
    "top_k": _top_k,
    "transpose": _transpose,
}

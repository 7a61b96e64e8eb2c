"""Making ONNX nodes under the tensor names of a graph, and the small constants that they need."""

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

ONNX_TYPES: Mapping[DType, int] = {
    formats.FLOAT64: TensorProto.DOUBLE,
    formats.FLOAT32: TensorProto.FLOAT,
    formats.FLOAT16: TensorProto.FLOAT16,
    formats.BFLOAT16: TensorProto.BFLOAT16,
    formats.INT64: TensorProto.INT64,
    formats.INT32: TensorProto.INT32,
    formats.INT16: TensorProto.INT16,
    formats.INT8: TensorProto.INT8,
    formats.UINT64: TensorProto.UINT64,
    formats.UINT32: TensorProto.UINT32,
    formats.UINT16: TensorProto.UINT16,
    formats.UINT8: TensorProto.UINT8,
    formats.BOOL: TensorProto.BOOL,
}


def element_type(tensor: Tensor, name: str) -> int:
    """Raises UnsupportedError for a format that ONNX does not have."""
    if tensor.dtype not in ONNX_TYPES:
        raise UnsupportedError(f"tensor '{name}': ONNX has no number format for {tensor.dtype}")
    return ONNX_TYPES[tensor.dtype]


class OnnxNodes:
    """Collects ONNX nodes and the small constants that they need."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

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
        return self.constant(name, np.asarray(value, self.numpy_type(tensor)))

    def numpy_type(self, tensor: str) -> np.dtype[Any]:
        """The format of a tensor of the graph, as NumPy has it."""
        dtype: np.dtype[Any] = helper.tensor_dtype_to_np_dtype(element_type(self.graph.tensors[tensor], tensor))
        return dtype


def stored(graph: Graph, name: str) -> onnx.TensorProto:
    """A parameter of the graph in its own format; the graph holds those of bfloat16 in float32."""
    dtype = helper.tensor_dtype_to_np_dtype(element_type(graph.tensors[name], name))
    return numpy_helper.from_array(graph.parameter(name).astype(dtype, copy=False), name)


def same(kind: str) -> Emit:
    """The ONNX operator that takes the same inputs and needs no attributes."""

    def emit(to: OnnxNodes, node: Node) -> None:
        to.add(kind, node.inputs, node.outputs)

    return emit


def whole(value: object) -> int:
    """An attribute that the op's own checks have found to be a whole number."""
    assert isinstance(value, int)
    return value


def number(value: object) -> float:
    """An attribute that the op's own checks have found to be a number."""
    assert isinstance(value, int | float)
    return float(value)


def wholes(value: object) -> tuple[int, ...]:
    """An attribute that the op's own checks have found to be a tuple of whole numbers."""
    assert isinstance(value, tuple)
    return value

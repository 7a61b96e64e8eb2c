"""Layers of networks as ONNX nodes: convolution, pooling, norms, resizing, quantisation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.errors import UnsupportedError
from accelsim.frontends.onnx_nodes import Emit, OnnxNodes, number, whole
from accelsim.ir.dtype import DType
from accelsim.ir.graph import Node
from accelsim.ops.fixed_point import fixed_limits

_WINDOW = {
    "kernel": "kernel_shape",
    "stride": "strides",
    "padding": "pads",
    "dilation": "dilations",
    "groups": "group",
    **{name: name for name in ("output_padding", "ceil_mode", "count_include_pad")},
}
"""Attributes of what moves a window over an image, by the names that ONNX has for them."""


def _windowed(kind: str) -> Emit:
    def emit(to: OnnxNodes, node: Node) -> None:
        attributes = {
            _WINDOW[name]: int(value) if isinstance(value, bool) else value for name, value in node.attrs.items()
        }
        to.add(kind, [name for name in node.inputs if name], node.outputs, **attributes)

    return emit


def _layer_norm(to: OnnxNodes, node: Node) -> None:
    x, y = node.inputs[0], node.outputs[0]
    axes = whole(node.attrs["axes"])
    scale = node.inputs[1] if len(node.inputs) > 1 else ""
    if not scale:  # ONNX demands one
        shape = to.graph.tensors[x].shape[-axes:]
        scale = to.constant(f"{y}/ones", np.ones(shape, to.numpy_type(x)))
    to.add(
        "LayerNormalization",
        [x, scale, *node.inputs[2:]],
        y,
        axis=-axes,
        epsilon=node.attrs["epsilon"],
    )


def _batch_norm(to: OnnxNodes, node: Node) -> None:
    to.add("BatchNormalization", node.inputs, node.outputs, epsilon=node.attrs["epsilon"])


def _instance_norm(to: OnnxNodes, node: Node) -> None:
    x, (y,) = node.inputs[0], node.outputs
    scale, shift = _scale_and_shift(to, node)
    to.add("InstanceNormalization", [x, scale, shift], y, epsilon=node.attrs["epsilon"])


def _scale_and_shift(to: OnnxNodes, node: Node) -> tuple[str, str]:
    """Inputs 1 and 2, or ones and zeros where they are absent."""
    x, (y,) = node.inputs[0], node.outputs
    channels = to.graph.tensors[x].shape[1]
    given = (*node.inputs[1:], "", "")[:2]
    scale = given[0] or to.constant(f"{y}/ones", np.ones(channels, to.numpy_type(x)))
    return scale, given[1] or to.constant(f"{y}/zeros", np.zeros(channels, to.numpy_type(x)))


def _group_norm(to: OnnxNodes, node: Node) -> None:
    """Groups as the channels of an InstanceNormalization, then scale and shift."""
    x, (y,) = node.inputs[0], node.outputs
    shape, groups, dtype = to.graph.tensors[x].shape, whole(node.attrs["groups"]), to.numpy_type(x)
    rows = to.add("Reshape", [x, to.constant(f"{y}/rows", (shape[0], groups, -1))], f"{y}/grouped")
    unit = [to.constant(f"{y}/unit", np.ones(groups, dtype)), to.constant(f"{y}/none", np.zeros(groups, dtype))]
    normal = to.add("InstanceNormalization", [rows, *unit], f"{y}/normal", epsilon=node.attrs["epsilon"])
    image = to.add("Reshape", [normal, to.constant(f"{y}/shape", shape)], f"{y}/image")
    along = to.constant(f"{y}/along", (-1, *(1,) * (len(shape) - 2)))
    scale, shift = (
        to.add("Reshape", [name, along], f"{y}/{part}")
        for name, part in zip(_scale_and_shift(to, node), ("w", "b"), strict=True)
    )
    to.add("Add", [to.add("Mul", [image, scale], f"{y}/scaled"), shift], y)


def _rms_norm(to: OnnxNodes, node: Node) -> None:
    x, (y,) = node.inputs[0], node.outputs
    axes = to.constant(f"{y}/axes", tuple(range(-whole(node.attrs["axes"]), 0)))
    mean = to.add("ReduceMean", [to.add("Mul", [x, x], f"{y}/square"), axes], f"{y}/mean")
    moved = to.add("Add", [mean, to.like(f"{y}/epsilon", number(node.attrs["epsilon"]), x)], f"{y}/moved")
    root = to.add("Sqrt", [moved], f"{y}/root")
    scaled = len(node.inputs) > 1 and node.inputs[1]
    normal = to.add("Div", [x, root], f"{y}/normal" if scaled else y)
    if scaled:
        to.add("Mul", [normal, node.inputs[1]], y)


def _local_response_norm(to: OnnxNodes, node: Node) -> None:
    a = node.attrs
    to.add("LRN", node.inputs, node.outputs, size=a["size"], alpha=a["alpha"], beta=a["beta"], bias=a["bias"])


def _along_axis(kind: str) -> Emit:
    def emit(to: OnnxNodes, node: Node) -> None:
        to.add(kind, node.inputs, node.outputs, axis=node.attrs["axis"])

    return emit


def _resize(to: OnnxNodes, node: Node) -> None:
    x, (y,) = node.inputs[0], node.outputs
    a = node.attrs
    coordinates, scales = str(a["coordinates"]), a["scales"]
    if isinstance(scales, tuple):
        sized = [to.constant(f"{y}/scales", np.array([1, 1, *(number(s) for s in scales)], np.float32)), ""]
    else:
        sized = ["", to.constant(f"{y}/sizes", to.graph.tensors[y].shape)]
    to.add(
        "Resize",
        [x, "", *sized][: 3 if scales else 4],
        y,
        mode={"bilinear": "linear"}.get(str(a["mode"]), str(a["mode"])),
        coordinate_transformation_mode=coordinates,
        nearest_mode=a["nearest"] or ("floor" if coordinates == "asymmetric" else "round_prefer_ceil"),
        cubic_coeff_a=a["cubic_a"],
        exclude_outside=int(bool(a["exclude_outside"])),
    )


def _quantize(to: OnnxNodes, node: Node) -> None:
    """Of an absent zero point ONNX would make zeros of uint8."""
    (y,) = node.outputs
    dtype = DType.parse(str(node.attrs["dtype"]))
    if dtype.bits > 8:
        raise UnsupportedError(f"node '{node.name}': ONNX has no QuantizeLinear to {dtype} before opset 21")
    scale = node.inputs[1]
    zero = node.inputs[2] if len(node.inputs) > 2 else ""
    if not zero:
        zero = to.constant(f"{y}/zero", np.zeros(to.graph.tensors[scale].shape, to.numpy_type(y)))
    to.add("QuantizeLinear", [node.inputs[0], scale, zero], y, axis=node.attrs["axis"])


def _fixed_point(to: OnnxNodes, node: Node) -> None:
    x, (y,) = node.inputs[0], node.outputs
    fraction, low, high = fixed_limits(node.attrs)

    def like(name: str, value: float) -> str:
        return to.like(f"{y}/{name}", value, x)

    scale, least, most = like("scale", 2.0**fraction), like("low", low), like("high", high)
    steps = to.add("Mul", [x, scale], f"{y}/steps")
    stored = to.add("Round" if node.attrs["rounding"] == "nearest-even" else "Floor", [steps], f"{y}/whole")
    if node.attrs["rounding"] == "nearest-up":
        rest = to.add("Sub", [steps, stored], f"{y}/rest")
        raised = to.add("GreaterOrEqual", [rest, like("half", 0.5)], f"{y}/raised")
        stored = to.add(
            "Where", [raised, to.add("Add", [stored, like("one", 1.0)], f"{y}/next"), stored], f"{y}/rounded"
        )
    if node.attrs["overflow"] == "wrap":
        span = like("span", high - low + 1)
        spans = to.add("Div", [to.add("Sub", [stored, least], f"{y}/above"), span], f"{y}/spans")
        turns = to.add("Mul", [to.add("Floor", [spans], f"{y}/times"), span], f"{y}/turns")
        wrapped = to.add("Sub", [stored, turns], f"{y}/wrapped")
        stored = to.add("Where", [to.add("IsInf", [stored], f"{y}/infinite"), stored, wrapped], f"{y}/finite")
    to.add("Div", [to.add("Clip", [stored, least, most], f"{y}/stored"), scale], y)


NETWORK_FORMS: Mapping[str, Emit] = {
    "avg_pool2d": _windowed("AveragePool"),
    "batch_norm": _batch_norm,
    "conv2d": _windowed("Conv"),
    "conv_transpose2d": _windowed("ConvTranspose"),
    "dequantize_linear": _along_axis("DequantizeLinear"),
    "fixed_point": _fixed_point,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
    "local_response_norm": _local_response_norm,
    "log_softmax": _along_axis("LogSoftmax"),
    "max_pool2d": _windowed("MaxPool"),
    "quantize_linear": _quantize,
    "resize": _resize,
    "rms_norm": _rms_norm,
    "softmax": _along_axis("Softmax"),
}

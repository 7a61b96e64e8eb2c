"""aten calls that are layers of networks: products, convolution, pooling, norms, attention, resizing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from accelsim.errors import UnsupportedError
from accelsim.frontends.torch_call import Call, Lowering
from accelsim.frontends.torch_types import torch_dtype


def _linear(call: Call) -> str:
    a = call.args
    return call.emit("linear", [call.value(a["input"]), call.value(a["weight"]), *call.optional(a["bias"])])


def _matmul(call: Call) -> str:
    first, second = list(call.args.values())[:2]
    return call.emit("matmul", [call.value(first), call.value(second)])


def _addmm(call: Call) -> str:
    a = call.args
    if (a["beta"], a["alpha"]) != (1, 1):
        raise UnsupportedError("beta and alpha other than 1")
    product = call.emit("matmul", [call.value(a["mat1"]), call.value(a["mat2"])])
    return call.emit("add", [call.value(a["self"]), product])


def _einsum(call: Call) -> str:
    a = call.args
    return call.emit("einsum", [call.value(t) for t in a["tensors"]], {"equation": a["equation"]})


def _convolution(call: Call) -> str:
    """Over images, or over rows as images of height one."""
    a = call.args
    weight = call.type(a["weight"])
    spatial = len(weight.shape) - 2
    if spatial not in (1, 2):
        raise UnsupportedError(f"{spatial}-dimensional convolution")
    if len(call.type(a["input"]).shape) != spatial + 2:
        raise UnsupportedError("convolution without a batch dimension")
    transposed = bool(a.get("transposed")) or ("output_padding" in a and "transposed" not in a)
    dilation = _pair(a["dilation"], spatial)
    kernel = (*(1,) * (2 - spatial), *weight.shape[2:])
    attrs = {
        "stride": _pair(a["stride"], spatial),
        "padding": _padding(a["padding"], kernel, dilation, spatial),
        "dilation": dilation,
        "groups": a["groups"],
    }
    if transposed:
        attrs["output_padding"] = _pair(a["output_padding"], spatial, absent=0)
    op = "conv_transpose2d" if transposed else "conv2d"
    operands = [_image(call, a["input"]), _image(call, a["weight"]), *call.optional(a["bias"])]
    made = call.emit(op, operands, attrs)
    return made if spatial == 2 else _squeezed(call, made)


def _image(call: Call, argument: object) -> str:
    """[N, C, L] as [N, C, 1, L]; an image stays as it is."""
    shape = call.type(argument).shape
    if len(shape) != 3:
        return call.value(argument)
    return call.emit("reshape", [call.value(argument)], {"shape": (*shape[:2], 1, shape[2])})


def _padding(given: Any, kernel: tuple[int, ...], dilation: tuple[int, ...], spatial: int) -> tuple[int, int, int, int]:
    """(top, left, bottom, right); 'same' puts the odd pixel at the end, as torch does."""
    if given == "valid":
        return (0, 0, 0, 0)
    if given == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        top, left = (t // 2 for t in total)
        return (top, left, total[0] - top, total[1] - left)
    vertical, horizontal = _pair(given, spatial, absent=0)
    return (vertical, horizontal, vertical, horizontal)


def _pair(value: Any, spatial: int = 2, *, absent: int = 1) -> tuple[int, int]:
    """One or two numbers along height and width; `absent` is that of the height where there is only a width."""
    values = [value] if isinstance(value, int) else list(value)
    return (absent, values[-1]) if spatial == 1 else (values[0], values[-1])


def _max_pool(call: Call) -> str:
    a = call.args
    return _pooled(call, "max_pool2d", {"dilation": _pair(a["dilation"], _spatial(call))})


def _max_pool_with_indices(call: Call) -> tuple[str, ...]:
    if call.used_parts - {0}:
        raise UnsupportedError("the indices of a max_pool2d are read")
    return (_max_pool(call), "")


def _avg_pool(call: Call) -> str:
    a = call.args
    if a.get("divisor_override") is not None:
        raise UnsupportedError("avg_pool2d with a divisor of its own")
    shape, spatial = call.type(a["self"]).shape, _spatial(call)
    kernel, padded = _pair(a["kernel_size"], spatial), any(_pair(a["padding"], spatial, absent=0))
    if spatial in (1, 2) and not padded and all(k >= n for k, n in zip(kernel[-spatial:], shape[2:], strict=True)):
        axes = tuple(range(2, 2 + spatial))  # a window that covers the image, and with ceil_mode may be larger
        return call.emit("reduce_mean", [call.value(a["self"])], {"axes": axes, "keepdims": True})
    return _pooled(call, "avg_pool2d", {"count_include_pad": a["count_include_pad"]})


def _spatial(call: Call) -> int:
    return len(call.type(call.args["self"]).shape) - 2


def _pooled(call: Call, op: str, attrs: Mapping[str, Any]) -> str:
    a, spatial = call.args, _spatial(call)
    if spatial not in (1, 2):
        raise UnsupportedError("pooling without a batch dimension or over more than two axes")
    kernel = _pair(a["kernel_size"], spatial)
    made = call.emit(
        op,
        [_image(call, a["self"])],
        {
            "kernel": kernel,
            "stride": _pair(a["stride"], spatial) if a["stride"] else kernel,
            "padding": _padding(a["padding"], kernel, (1, 1), spatial),
            "ceil_mode": a["ceil_mode"],
            **attrs,
        },
    )
    return made if spatial == 2 else _squeezed(call, made)


def _squeezed(call: Call, made: str) -> str:
    """[N, C, 1, L] as [N, C, L]."""
    n, c, _, length = call.shape_of(made)
    return call.emit("reshape", [made], {"shape": (n, c, length)})


def _adaptive_avg_pool(call: Call) -> str:
    """A mean of everything, or windows that divide the image evenly."""
    source = call.args["self"]
    rank, shape, sizes = len(call.result.shape), call.type(source).shape, call.args["output_size"]
    spatial = len(sizes)
    if all(size == 1 for size in sizes):
        axes = tuple(range(rank - spatial, rank))
        return call.emit("reduce_mean", [call.value(source)], {"axes": axes, "keepdims": True})
    if rank != 4 or any(n % size for n, size in zip(shape[2:], sizes, strict=True)):
        raise UnsupportedError(
            f"adaptive pooling of {list(shape)} to {list(sizes)}, which windows of one size cannot do"
        )
    window = tuple(n // size for n, size in zip(shape[2:], sizes, strict=True))
    if window == (1, 1):
        return call.value(source)
    return call.emit("avg_pool2d", [call.value(source)], {"kernel": window, "stride": window})


def _layer_norm(call: Call) -> str:
    a = call.args
    scale, shift = call.optional(a["weight"]), call.optional(a["bias"])
    inputs = [call.value(a["input"]), *(scale or ("",) if shift else scale), *shift]
    return call.emit("layer_norm", inputs, {"axes": len(a["normalized_shape"]), "epsilon": float(a["eps"])})


def _batch_norm(call: Call) -> tuple[str, ...]:
    """The call has three results, of which inference leaves two empty."""
    if call.used_parts - {0}:
        raise UnsupportedError("the saved statistics of a batch norm are read")
    return (_whole_batch_norm(call),)


def _whole_batch_norm(call: Call) -> str:
    """The call before torch takes it apart, with one result."""
    a = call.args
    if a.get("training") or a["running_mean"] is None or a["running_var"] is None:
        raise UnsupportedError("batch norm in training mode or without running statistics")
    mean = call.type(a["running_mean"])
    scales = [call.value(a[n]) if a[n] is not None else call.full(v, mean) for n, v in (("weight", 1), ("bias", 0))]
    inputs = [call.value(a["input"]), *scales, call.value(a["running_mean"]), call.value(a["running_var"])]
    return call.emit("batch_norm", inputs, {"epsilon": float(a["eps"])})


def _scaled(call: Call) -> list[str]:
    """Input, and weight and bias as far as there are any."""
    a = call.args
    scale, shift = call.optional(a["weight"]), call.optional(a.get("bias"))
    return [call.value(a["input"]), *(scale or ("",) if shift else scale), *shift]


def _group_norm(call: Call) -> str:
    a = call.args
    return call.emit("group_norm", _scaled(call), {"groups": a["num_groups"], "epsilon": float(a["eps"])})


def _instance_norm(call: Call) -> str:
    if not call.args["use_input_stats"]:
        raise UnsupportedError("instance norm with running statistics")
    return call.emit("instance_norm", _scaled(call), {"epsilon": float(call.args["eps"])})


def _rms_norm(call: Call) -> str:
    a = call.args
    epsilon = torch.finfo(torch_dtype(call.result.dtype)).eps if a["eps"] is None else a["eps"]
    return call.emit("rms_norm", _scaled(call), {"axes": len(a["normalized_shape"]), "epsilon": float(epsilon)})


def _attention(call: Call) -> str:
    a = call.args
    if a["dropout_p"]:
        raise UnsupportedError("attention with dropout")
    query = call.type(a["query"])
    if len(query.shape) != 4:
        raise UnsupportedError("attention on other than [batch, heads, tokens, width]")
    scale = a["scale"] if a["scale"] is not None else 1.0 / math.sqrt(query.shape[-1])
    operands = [call.value(a[name]) for name in ("query", "key", "value")]
    attrs = {"scale": float(scale), "causal": a["is_causal"]}
    return call.emit("attention", [*operands, *call.optional(a["attn_mask"])], attrs)


def _softmax(op: str) -> Lowering:
    def lowering(call: Call) -> str:
        a = call.args
        return call.emit(op, [call.cast(call.value(a["self"]), call.result.dtype)], {"axis": a["dim"]})

    return lowering


def _resize(mode: str, coordinates: str) -> Lowering:
    def lowering(call: Call) -> str:
        a = call.args
        inputs, outputs = call.type(a["input"]).shape[2:], call.result.shape[2:]
        factors = a.get("scale_factors")
        if factors is not None and any(i * f != o for i, f, o in zip(inputs, factors, outputs, strict=True)):
            raise UnsupportedError(f"scale factors {factors} that do not give whole sizes; give size= instead")
        chosen = "align_corners" if a.get("align_corners") else coordinates
        return call.emit("resize", [call.value(a["input"])], {"size": outputs, "mode": mode, "coordinates": chosen})

    return lowering


def _semantic(call: Call) -> tuple[str, ...]:
    return call.semantic()


NETWORK_CALLS: Mapping[str, Lowering] = {
    "accelsim.semantic.default": _semantic,
    "aten._log_softmax.default": _softmax("log_softmax"),
    "aten._native_batch_norm_legit_no_training.default": _batch_norm,
    "aten._softmax.default": _softmax("softmax"),
    "aten._upsample_nearest_exact2d.vec": _resize("nearest", "half_pixel"),
    "aten.adaptive_avg_pool1d.default": _adaptive_avg_pool,
    "aten.adaptive_avg_pool2d.default": _adaptive_avg_pool,
    "aten.addmm.default": _addmm,
    "aten.avg_pool1d.default": _avg_pool,
    "aten.avg_pool2d.default": _avg_pool,
    "aten.batch_norm.default": _whole_batch_norm,
    "aten.bmm.default": _matmul,
    "aten.conv1d.default": _convolution,
    "aten.conv1d.padding": _convolution,
    "aten.conv2d.default": _convolution,
    "aten.conv2d.padding": _convolution,
    "aten.conv_transpose1d.default": _convolution,
    "aten.conv_transpose2d.input": _convolution,
    "aten.convolution.default": _convolution,
    "aten.einsum.default": _einsum,
    "aten.group_norm.default": _group_norm,
    "aten.instance_norm.default": _instance_norm,
    "aten.layer_norm.default": _layer_norm,
    "aten.linear.default": _linear,
    "aten.log_softmax.int": _softmax("log_softmax"),
    "aten.matmul.default": _matmul,
    "aten.max_pool1d.default": _max_pool,
    "aten.max_pool2d.default": _max_pool,
    "aten.max_pool2d_with_indices.default": _max_pool_with_indices,
    "aten.mm.default": _matmul,
    "aten.rms_norm.default": _rms_norm,
    "aten.scaled_dot_product_attention.default": _attention,
    "aten.softmax.int": _softmax("softmax"),
    "aten.upsample_bicubic2d.vec": _resize("cubic", "half_pixel"),
    "aten.upsample_bilinear2d.vec": _resize("bilinear", "half_pixel"),
    "aten.upsample_nearest2d.vec": _resize("nearest", "asymmetric"),
}

"""The table of aten calls: what each becomes in the graph. One that is missing is an error, never skipped.

Programs are functional when they come here, so calls that change a value in place need no entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from accelsim.errors import UnsupportedError
from accelsim.frontends.torch_call import Call

Lowering = Callable[[Call], "str | tuple[str, ...]"]


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


def _conv2d(call: Call) -> str:
    a = call.args
    if a.get("transposed"):
        raise UnsupportedError("transposed convolution")
    weight = call.type(a["weight"])
    if len(weight.shape) != 4:
        raise UnsupportedError(f"{len(weight.shape) - 2}-dimensional convolution")
    stride, dilation = _pair(a["stride"]), _pair(a["dilation"])
    return call.emit(
        "conv2d",
        [call.value(a["input"]), call.value(a["weight"]), *call.optional(a["bias"])],
        {
            "stride": stride,
            "padding": _padding(a["padding"], weight.shape[2:], dilation),
            "dilation": dilation,
            "groups": a["groups"],
        },
    )


def _padding(given: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right); 'same' puts the odd pixel at the end, as torch does."""
    if given == "valid":
        return (0, 0, 0, 0)
    if given == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        top, left = (t // 2 for t in total)
        return (top, left, total[0] - top, total[1] - left)
    vertical, horizontal = _pair(given)
    return (vertical, horizontal, vertical, horizontal)


def _pair(value: Any) -> tuple[int, int]:
    values = [value] if isinstance(value, int) else list(value)
    return (values[0], values[-1])


def _layer_norm(call: Call) -> str:
    a = call.args
    scale, shift = call.optional(a["weight"]), call.optional(a["bias"])
    inputs = [call.value(a["input"]), *(scale or ("",) if shift else scale), *shift]
    return call.emit("layer_norm", inputs, {"axes": len(a["normalized_shape"]), "epsilon": float(a["eps"])})


def _batch_norm(call: Call) -> tuple[str, ...]:
    """The call has three results, of which inference leaves two empty."""
    a = call.args
    inputs = [a["input"], a["weight"], a["bias"], a["running_mean"], a["running_var"]]
    if any(value is None for value in inputs):
        raise UnsupportedError("batch norm without weight and bias")
    if call.used_parts - {0}:
        raise UnsupportedError("the saved statistics of a batch norm are read")
    return (call.emit("batch_norm", [call.value(value) for value in inputs], {"epsilon": float(a["eps"])}),)


def _attention(call: Call) -> str:
    a = call.args
    if a["attn_mask"] is not None or a["is_causal"] or a["enable_gqa"] or a["dropout_p"]:
        raise UnsupportedError("attention with a mask, causal order, grouped queries or dropout")
    query = call.type(a["query"])
    if len(query.shape) != 4:
        raise UnsupportedError("attention on other than [batch, heads, tokens, width]")
    scale = a["scale"] if a["scale"] is not None else 1.0 / math.sqrt(query.shape[-1])
    operands = [call.value(a[name]) for name in ("query", "key", "value")]
    return call.emit("attention", operands, {"scale": float(scale)})


def _gelu(call: Call) -> str:
    return call.emit("gelu", [call.value(call.args["self"])], {"approximate": call.args["approximate"]})


def _relu(call: Call) -> str:
    return call.emit("relu", [call.value(call.args["self"])])


def _softmax(call: Call) -> str:
    a = call.args
    if call.type(a["self"]) != call.result:
        raise UnsupportedError("softmax that changes the number format")
    return call.emit("softmax", [call.value(a["self"])], {"axis": a["dim"]})


def _arithmetic(op: str, *, swapped: bool = False) -> Lowering:
    def lowering(call: Call) -> str:
        a = call.args
        if a.get("alpha", 1) != 1:
            raise UnsupportedError(f"alpha={a['alpha']}; write the product out")
        if a.get("rounding_mode") is not None:
            raise UnsupportedError(f"rounding_mode={a['rounding_mode']}")
        if call.type(a["self"]).dtype != call.result.dtype:
            raise UnsupportedError(f"{call.type(a['self']).dtype} made to {call.result.dtype} on the way")
        first = call.value(a["self"])
        other = a["other"]
        second = call.scalar(other, call.type(a["self"])) if isinstance(other, int | float) else call.value(other)
        return call.emit(op, [second, first] if swapped else [first, second])

    return lowering


def _neg(call: Call) -> str:
    value = call.args["self"]
    return call.emit("mul", [call.value(value), call.scalar(-1, call.type(value))])


def _reshape(call: Call) -> str:
    """Calls whose result is the same elements in the same order."""
    first = next(iter(call.args.values()))
    return call.emit("reshape", [call.value(first)], {"shape": call.result.shape})


def _permute(call: Call) -> str:
    a = call.args
    rank = len(call.type(a["self"]).shape)
    return call.emit("transpose", [call.value(a["self"])], {"perm": tuple(d % rank for d in a["dims"])})


def _transpose(call: Call) -> str:
    a = call.args
    rank = len(call.type(a["self"]).shape)
    perm = list(range(rank))
    first, second = a["dim0"] % rank, a["dim1"] % rank
    perm[first], perm[second] = perm[second], perm[first]
    return call.emit("transpose", [call.value(a["self"])], {"perm": tuple(perm)})


def _reverse(call: Call) -> str:
    source = call.args["self"]
    rank = len(call.type(source).shape)
    return call.emit("transpose", [call.value(source)], {"perm": tuple(reversed(range(rank)))})


def _concat(call: Call) -> str:
    a = call.args
    rank = len(call.result.shape)
    return call.emit("concat", [call.value(t) for t in a["tensors"]], {"axis": a["dim"] % rank})


def _stack(call: Call) -> str:
    a = call.args
    shape = list(call.result.shape)
    axis = a["dim"] % len(shape)
    shape[axis] = 1
    parts = [call.emit("reshape", [call.value(t)], {"shape": tuple(shape)}) for t in a["tensors"]]
    return call.emit("concat", parts, {"axis": axis})


def _expand(call: Call) -> str:
    return call.emit("expand", [call.value(call.args["self"])], {"shape": call.result.shape})


def _slice_at(call: Call, source: str, axis: int, start: int, stop: int, *, step: int = 1) -> str:
    attrs = {"starts": (start,), "ends": (stop,), "axes": (axis,), "steps": (step,)}
    return call.emit("slice", [source], attrs)


def _slice(call: Call) -> str:
    a = call.args
    shape = call.type(a["self"]).shape
    axis = a["dim"] % len(shape)
    start, stop, _ = slice(a["start"], a["end"], a["step"]).indices(shape[axis])
    return _slice_at(call, call.value(a["self"]), axis, start, max(start, stop), step=a["step"])


def _select(call: Call) -> str:
    a = call.args
    shape = call.type(a["self"]).shape
    axis = a["dim"] % len(shape)
    index = a["index"] % shape[axis]
    part = _slice_at(call, call.value(a["self"]), axis, index, index + 1)
    return call.emit("reshape", [part], {"shape": call.result.shape})


def _unbind(call: Call) -> tuple[str, ...]:
    a = call.args
    shape = call.type(a["self"]).shape
    axis = a["dim"] % len(shape)
    rest = shape[:axis] + shape[axis + 1 :]
    source, used = call.value(a["self"]), call.used_parts
    parts = []
    for index in range(shape[axis]):
        if index in used:
            part = _slice_at(call, source, axis, index, index + 1)
            parts.append(call.emit("reshape", [part], {"shape": rest}))
        else:
            parts.append("")
    return tuple(parts)


def _split(call: Call) -> tuple[str, ...]:
    a = call.args
    shape = call.type(a["self"]).shape
    axis = a["dim"] % len(shape)
    sizes = a["split_sizes"] if "split_sizes" in a else a["split_size"]
    if isinstance(sizes, int):
        whole, rest = divmod(shape[axis], sizes)
        sizes = [sizes] * whole + ([rest] if rest else [])
    source, used, start, parts = call.value(a["self"]), call.used_parts, 0, []
    for index, size in enumerate(sizes):
        parts.append(_slice_at(call, source, axis, start, start + size) if index in used else "")
        start += size
    return tuple(parts)


def _sum(call: Call) -> str:
    a = call.args
    rank = len(call.type(a["self"]).shape)
    axes = tuple(d % rank for d in (a.get("dim") or range(rank)))
    return call.emit("reduce_sum", [call.value(a["self"])], {"axes": axes, "keepdims": a.get("keepdim", False)})


def _mean(call: Call) -> str:
    source = call.type(call.args["self"])
    if not source.dtype.is_float:
        raise UnsupportedError(f"mean of {source.dtype}")
    total = _sum(call)
    count = source.elements / call.result.elements
    return call.emit("div", [total, call.scalar(count, source)])


def _resize(mode: str) -> Lowering:
    def lowering(call: Call) -> str:
        a = call.args
        inputs, outputs = call.type(a["input"]).shape[2:], call.result.shape[2:]
        factors = a.get("scale_factors")
        if factors is not None and any(i * f != o for i, f, o in zip(inputs, factors, outputs, strict=True)):
            raise UnsupportedError(f"scale factors {factors} that do not give whole sizes; give size= instead")
        coordinates = "align_corners" if a.get("align_corners") else _COORDINATES[mode]
        return call.emit(
            "resize",
            [call.value(a["input"])],
            {"size": outputs, "mode": mode, "coordinates": coordinates},
        )

    return lowering


_COORDINATES = {"bilinear": "half_pixel", "nearest": "asymmetric"}


def _top_k(call: Call) -> tuple[str, ...]:
    a = call.args
    if not a["largest"]:
        raise UnsupportedError("topk of the smallest")
    return call.emit_all("top_k", [call.value(a["self"])], {"k": a["k"], "axis": a["dim"]})


def _argsort(call: Call) -> str:
    a = call.args
    if a["descending"] or not a.get("stable"):
        raise UnsupportedError("only a stable ascending argsort has a defined order: argsort(x, stable=True)")
    return call.emit("argsort", [call.value(a["self"])], {"axis": a["dim"]})


def _gather_rows(call: Call) -> str:
    a = call.args
    source = a["weight"] if "weight" in a else a["self"]
    indices = a["indices"] if "indices" in a else a["index"]
    rank = len(call.type(source).shape)
    axis = a["dim"] % rank if "dim" in a else 0
    return call.emit("gather", [call.value(source), call.value(indices)], {"axis": axis})


def _semantic(call: Call) -> tuple[str, ...]:
    return call.semantic()


def _same(call: Call) -> str:
    """A call that passes its input on."""
    first = next(iter(call.args.values()))
    if call.type(first) != call.result:
        raise UnsupportedError(f"conversion of {call.type(first).dtype} to {call.result.dtype}")
    return call.value(first)


LOWERINGS: Mapping[str, Lowering] = {
    "accelsim.semantic.default": _semantic,
    "aten._native_batch_norm_legit_no_training.default": _batch_norm,
    "aten._softmax.default": _softmax,
    "aten._unsafe_view.default": _reshape,
    "aten.add.Scalar": _arithmetic("add"),
    "aten.add.Tensor": _arithmetic("add"),
    "aten.addmm.default": _addmm,
    "aten.argsort.default": _argsort,
    "aten.argsort.stable": _argsort,
    "aten.bmm.default": _matmul,
    "aten.cat.default": _concat,
    "aten.conv2d.default": _conv2d,
    "aten.conv2d.padding": _conv2d,
    "aten.convolution.default": _conv2d,
    "aten.div.Scalar": _arithmetic("div"),
    "aten.div.Tensor": _arithmetic("div"),
    "aten.embedding.default": _gather_rows,
    "aten.expand.default": _expand,
    "aten.gelu.default": _gelu,
    "aten.index_select.default": _gather_rows,
    "aten.layer_norm.default": _layer_norm,
    "aten.linear.default": _linear,
    "aten.matmul.default": _matmul,
    "aten.mean.default": _mean,
    "aten.mean.dim": _mean,
    "aten.mm.default": _matmul,
    "aten.mul.Scalar": _arithmetic("mul"),
    "aten.mul.Tensor": _arithmetic("mul"),
    "aten.neg.default": _neg,
    "aten.permute.default": _permute,
    "aten.relu.default": _relu,
    "aten.rsub.Scalar": _arithmetic("sub", swapped=True),
    "aten.scaled_dot_product_attention.default": _attention,
    "aten.select.int": _select,
    "aten.slice.Tensor": _slice,
    "aten.softmax.int": _softmax,
    "aten.split.Tensor": _split,
    "aten.split_with_sizes.default": _split,
    "aten.squeeze.default": _reshape,
    "aten.squeeze.dim": _reshape,
    "aten.squeeze.dims": _reshape,
    "aten.stack.default": _stack,
    "aten.sub.Scalar": _arithmetic("sub"),
    "aten.sub.Tensor": _arithmetic("sub"),
    "aten.sum.default": _sum,
    "aten.sum.dim_IntList": _sum,
    "aten.t.default": _reverse,
    "aten.topk.default": _top_k,
    "aten.transpose.int": _transpose,
    "aten.unbind.int": _unbind,
    "aten.unsqueeze.default": _reshape,
    "aten.upsample_bilinear2d.vec": _resize("bilinear"),
    "aten.upsample_nearest2d.vec": _resize("nearest"),
    "aten.view.default": _reshape,
}

# Calls that pass their input on: no node, but an origin of the node before them.
ALIASES: Mapping[str, Callable[[Call], str]] = {
    "aten._to_copy.default": _same,
    "aten.alias.default": _same,
    "aten.clone.default": _same,
    "aten.detach.default": _same,
}

# Calls without tensors; their values are constants.
CREATORS = frozenset(
    f"aten.{name}"
    for name in (
        "arange.default",
        "arange.start",
        "arange.start_step",
        "eye.default",
        "full.default",
        "linspace.default",
        "ones.default",
        "scalar_tensor.default",
        "zeros.default",
    )
)

# Checks that torch puts into a program; fixed shapes make them always true.
IGNORED = frozenset({"aten._assert_tensor_metadata.default", "aten._assert_scalar.default"})

"""ONNX pools over windows. Three spatial dimensions are pooled in two steps: each plane, then along the depth."""

from __future__ import annotations

import math
from collections.abc import Mapping

from accelsim.frontends.onnx_call import Call, Translate, Value
from accelsim.frontends.onnx_window import Along, Window, along_each, image, sizes, unimaged

_VOLUME = 3


def _max_pool(call: Call) -> list[Value]:
    if call.wants(1):
        call.refuse("its second output, the indices")
    return [_pooled(call, call.value(0), "max_pool2d", {}, ceil_mode=bool(call.integer("ceil_mode", 0)))]


def _average_pool(call: Call) -> list[Value]:
    attrs = {"count_include_pad": bool(call.integer("count_include_pad", 0))}
    return [_pooled(call, call.value(0), "avg_pool2d", attrs, ceil_mode=bool(call.integer("ceil_mode", 0)))]


def _lp_pool(call: Call) -> list[Value]:
    """The p-th root of the sum of p-th powers: an average that counts the padding, times what it divided by."""
    x, p = call.value(0), call.integer("p", 2)
    if call.integer("ceil_mode", 0):
        call.refuse("ceil_mode")
    powers = call.emit("pow", [call.emit("abs", [x], part="abs"), call.like(p, x, "p")], part="powers")
    average = _pooled(call, powers, "avg_pool2d", {"count_include_pad": True}, ceil_mode=False, part="average.")
    count = math.prod(call.integers("kernel_shape"))
    total = call.emit("mul", [average, call.like(count, x, "count")], part="total")
    return [call.emit("pow", [total, call.like(1 / p, x, "root")])]


def _pooled(call: Call, x: Value, op: str, attrs: Mapping[str, bool], *, ceil_mode: bool, part: str = "") -> Value:
    shape = x.type.shape
    spatial = len(shape) - 2
    if not call.has("kernel_shape"):
        call.fail("attribute 'kernel_shape' is missing")
    along = along_each(call, shape[2:], sizes(call, "kernel_shape", spatial))
    if ceil_mode:
        along = [one.within(size) for one, size in zip(along, shape[2:], strict=True)]

    def step(value: Value, window: Window, name: str) -> Value:
        told = {key: getattr(window, key) for key in ("kernel", "stride", "padding", "dilation")}
        return call.emit(op, [value], {**told, "ceil_mode": ceil_mode, **attrs}, part=f"{part}{name}".rstrip("."))

    if spatial != _VOLUME:
        seen = image(call, x, f"{part}image")
        return unimaged(call, step(seen, Window(along[0] if spatial == 2 else Along(), along[-1]), ""), len(shape))
    batch, channels, depth, height, width = shape
    planes = call.reshaped(x, (batch, channels * depth, height, width), f"{part}planes")
    flat = step(planes, Window(along[1], along[2]), "plane")
    small = flat.type.shape[2:]
    stack = call.reshaped(flat, (batch, channels, depth, math.prod(small)), f"{part}stack")
    deep = step(stack, Window(along[0], Along()), "depth")
    return call.reshaped(deep, (batch, channels, deep.type.shape[2], *small), f"{part}volume")


POOL: Mapping[str, Translate] = {
    "AveragePool": _average_pool,
    "LpPool": _lp_pool,
    "MaxPool": _max_pool,
}

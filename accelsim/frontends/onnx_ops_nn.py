"""ONNX operators over images: convolution, pooling, resize. One spatial dimension is an image of height one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.frontends.onnx_call import LARGEST, Call, Translate, Value


@dataclass(frozen=True)
class _Window:
    """A window over height and width: what Conv and the pools have in common. `padding` is top, left, bottom, right."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]


def _image(call: Call, value: Value, part: str) -> Value:
    """[N, C, L] as [N, C, 1, L]; others must have two spatial dimensions."""
    shape = value.type.shape
    if len(shape) == 3:
        return call.reshaped(value, (*shape[:2], 1, shape[2]), part)
    if len(shape) != 4:
        call.refuse(f"{len(shape) - 2} spatial dimensions; 1 and 2 are supported")
    return value


def _unimaged(call: Call, value: Value, rank: int) -> Value:
    """Back from an image of height one to [N, C, L]."""
    if rank == 4:
        return value
    shape = value.type.shape
    return call.reshaped(value, (*shape[:2], *shape[3:]), "flat")


def _pair(call: Call, key: str, spatial: int, default: int) -> tuple[int, int]:
    values = call.integers(key, (default,) * spatial)
    if len(values) != spatial or min(values) < 1 or max(values) > LARGEST:
        call.fail(f"{key} {values} does not fit {spatial} spatial dimensions")
    return (1, values[0]) if spatial == 1 else (values[0], values[1])


def _window(call: Call, image: tuple[int, ...], kernel: tuple[int, int], spatial: int) -> _Window:
    stride, dilation = _pair(call, "strides", spatial, 1), _pair(call, "dilations", spatial, 1)
    auto = call.text("auto_pad", "NOTSET")
    if auto in ("NOTSET", "VALID"):
        pads = call.integers("pads", (0,) * (2 * spatial)) if auto == "NOTSET" else (0,) * (2 * spatial)
        if len(pads) != 2 * spatial:
            call.fail(f"pads {pads} are not two for each of {spatial} spatial dimensions")
        if min(pads) < 0 or max(pads) > LARGEST:
            call.refuse(f"pads {pads}")
        padding = (0, pads[0], 0, pads[1]) if spatial == 1 else (pads[0], pads[1], pads[2], pads[3])
        return _Window(kernel, stride, dilation, padding)
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        call.fail(f"auto_pad is '{auto}'")
    befores, afters = [], []
    for size, width, step, gap in zip(image, kernel, stride, dilation, strict=True):
        total = max((-(-size // step) - 1) * step + (width - 1) * gap + 1 - size, 0)
        small = total // 2
        befores.append(small if auto == "SAME_UPPER" else total - small)
        afters.append(total - small if auto == "SAME_UPPER" else small)
    return _Window(kernel, stride, dilation, (befores[0], befores[1], afters[0], afters[1]))


def _conv(call: Call) -> list[Value]:
    rank = call.rank()
    x, w = _image(call, call.value(0), "image"), _image(call, call.value(1), "kernel")
    height, width = w.type.shape[2:]
    _check_kernel(call, (height, width), rank - 2)
    window = _window(call, x.type.shape[2:], (height, width), rank - 2)
    attrs = {
        "stride": window.stride,
        "padding": window.padding,
        "dilation": window.dilation,
        "groups": call.integer("group", 1),
    }
    return [_unimaged(call, call.emit("conv2d", [x, w, call.maybe(2)], attrs), rank)]


def _check_kernel(call: Call, found: tuple[int, int], spatial: int) -> None:
    told = call.integers("kernel_shape", found[2 - spatial :])
    if tuple(told) != tuple(found[2 - spatial :]):
        call.fail(f"kernel_shape is {told}, the weights are {list(found[2 - spatial :])}")


def _conv_transpose(call: Call) -> list[Value]:
    rank = call.rank()
    spatial = rank - 2
    x, w = _image(call, call.value(0), "image"), _image(call, call.value(1), "kernel")
    kernel = (w.type.shape[2], w.type.shape[3])
    _check_kernel(call, kernel, spatial)
    stride, dilation = _pair(call, "strides", spatial, 1), _pair(call, "dilations", spatial, 1)
    extra = (0,) * (2 - spatial) + call.integers("output_padding", (0,) * spatial)
    auto = call.text("auto_pad", "NOTSET")
    sizes = x.type.shape[2:]
    if call.has("output_shape") or auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = tuple(size * step for size, step in zip(sizes, stride, strict=True))
        if call.has("output_shape"):
            wanted = (1,) * (2 - spatial) + call.integers("output_shape")[-spatial:]
        befores, afters = [], []
        for axis in range(2):
            reach = stride[axis] * (sizes[axis] - 1) + extra[axis] + (kernel[axis] - 1) * dilation[axis] + 1
            total = reach - wanted[axis]
            if total < 0:
                extra = tuple(more - total if place == axis else more for place, more in enumerate(extra))
                total = 0
            small = total // 2
            befores.append(small if auto == "SAME_UPPER" else total - small)
            afters.append(total - small if auto == "SAME_UPPER" else small)
        padding = (befores[0], befores[1], afters[0], afters[1])
    else:
        padding = _window(call, sizes, kernel, spatial).padding
    attrs = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": call.integer("group", 1),
        "output_padding": extra,
    }
    return [_unimaged(call, call.emit("conv_transpose2d", [x, w, call.maybe(2)], attrs), rank)]


def _kernel(call: Call, spatial: int) -> tuple[int, int]:
    if not call.has("kernel_shape"):
        call.fail("attribute 'kernel_shape' is missing")
    return _pair(call, "kernel_shape", spatial, 1)


def _max_pool(call: Call) -> list[Value]:
    if call.wants(1):
        call.refuse("its second output, the indices")
    return [_pooled(call, "max_pool2d", {})]


def _average_pool(call: Call) -> list[Value]:
    return [_pooled(call, "avg_pool2d", {"count_include_pad": bool(call.integer("count_include_pad", 0))})]


def _pooled(call: Call, op: str, attrs: dict[str, bool]) -> Value:
    rank = call.rank()
    x = _image(call, call.value(0), "image")
    window = _window(call, x.type.shape[2:], _kernel(call, rank - 2), rank - 2)
    common = {
        "kernel": window.kernel,
        "stride": window.stride,
        "padding": window.padding,
        "ceil_mode": bool(call.integer("ceil_mode", 0)),
        "dilation": window.dilation,
    }
    return _unimaged(call, call.emit(op, [x], {**common, **attrs}), rank)


def _lp_pool(call: Call) -> list[Value]:
    """The p-th root of the sum of p-th powers: an average that counts the padding, times what it divided by."""
    rank, p = call.rank(), call.integer("p", 2)
    if call.integer("ceil_mode", 0):
        call.refuse("ceil_mode")
    x = _image(call, call.value(0), "image")
    window = _window(call, x.type.shape[2:], _kernel(call, rank - 2), rank - 2)
    powers = call.emit("pow", [call.emit("abs", [x], part="abs"), call.like(p, x, "p")], part="powers")
    attrs = {
        "kernel": window.kernel,
        "stride": window.stride,
        "padding": window.padding,
        "dilation": window.dilation,
        "count_include_pad": True,
    }
    average = call.emit("avg_pool2d", [powers], attrs, part="average")
    total = call.emit("mul", [average, call.like(math.prod(window.kernel), x, "count")], part="total")
    return [_unimaged(call, call.emit("pow", [total, call.like(1 / p, x, "root")]), rank)]


def _global(op: str) -> Translate:
    def translate(call: Call) -> list[Value]:
        attrs = {"axes": tuple(range(2, call.rank())), "keepdims": True}
        return [call.emit(op, [call.value(0)], attrs)]

    return translate


def _resize(call: Call) -> list[Value]:
    x = call.value(0)
    shape = x.type.shape
    coordinates = call.text("coordinate_transformation_mode", "half_pixel")
    if coordinates == "tf_crop_and_resize" or call.integer("antialias", 0):
        call.refuse("tf_crop_and_resize and antialias")
    rank = len(shape)
    axes = tuple(call.checked_axis(axis, rank) for axis in call.integers("axes", tuple(range(rank))))
    sizes, ratios = list(shape), [1.0] * rank
    call.maybe(1)  # the region of interest, which only tf_crop_and_resize heeds
    by_scale = call.maybe(2)
    given = call.maybe(3) is not None and (by_scale is None or not by_scale.type.elements)
    policy = call.text("keep_aspect_ratio_policy", "stretch")
    _scaled(call, axes, sizes, ratios, policy if given else "")
    moved = [axis for axis in range(rank) if sizes[axis] != shape[axis] or ratios[axis] != 1.0]
    if not moved:
        return [x]
    first = max(rank - 2, 0)
    if any(axis < first for axis in moved):
        call.refuse(f"from {list(shape)} to {sizes}: only the last two dimensions may change")
    mode = call.text("mode", "nearest")
    if mode not in _MODES:
        call.fail(f"mode is '{mode}'")
    lead = shape[:first]
    image = (1,) * (2 - len(lead)) + lead if len(lead) <= 2 else (math.prod(lead[:-1]), lead[-1])
    height_width = (1,) * (2 - (rank - first)) + tuple(shape[first:])
    target = (1,) * (2 - (rank - first)) + tuple(sizes[first:])
    scales = (1.0,) * (2 - (rank - first)) + tuple(ratios[first:])
    exact = all(r == t / s for r, t, s in zip(scales, target, height_width, strict=True))
    if coordinates == "align_corners" and not exact:
        call.refuse(f"align_corners with scales {ratios} that do not give whole sizes")
    attrs = {
        "size": target,
        "mode": _MODES[mode],
        "coordinates": coordinates,
        "nearest": call.text("nearest_mode", "round_prefer_floor"),
        "scales": None if exact else scales,
        "cubic_a": call.real("cubic_coeff_a", -0.75),
        "exclude_outside": bool(call.integer("exclude_outside", 0)),
    }
    made = call.emit("resize", [call.reshaped(x, (*image, *height_width), "image")], attrs)
    return [call.reshaped(made, sizes, "shaped")]


_MODES = {"nearest": "nearest", "linear": "bilinear", "cubic": "cubic"}


def _scaled(call: Call, axes: tuple[int, ...], sizes: list[int], ratios: list[float], policy: str) -> None:
    """Fill in the new sizes and the ratio that each axis is stretched by; `policy` is for given sizes."""
    if not policy:
        scales = call.numbers(2, "scales")
        if len(scales) != len(axes) or min(scales) <= 0:
            call.fail(f"scales {scales} are not one for each of {len(axes)} axes")
        for axis, scale in zip(axes, scales, strict=True):
            ratios[axis], sizes[axis] = scale, math.floor(sizes[axis] * scale)
        return
    wanted = call.whole_numbers(3, "sizes")
    if len(wanted) != len(axes) or min(wanted) < 1:
        call.fail(f"sizes {wanted} are not one for each of {len(axes)} axes")
    stretch = [size / sizes[axis] for axis, size in zip(axes, wanted, strict=True)]
    if policy != "stretch":
        if policy not in ("not_larger", "not_smaller"):
            call.fail(f"keep_aspect_ratio_policy is '{policy}'")
        one = min(stretch) if policy == "not_larger" else max(stretch)
        wanted = tuple(math.floor(one * sizes[axis] + 0.5) for axis in axes)
        stretch = [one] * len(axes)
    for axis, size, ratio in zip(axes, wanted, stretch, strict=True):
        ratios[axis], sizes[axis] = ratio, size


def _lrn(call: Call) -> list[Value]:
    attrs = {
        "size": call.integer("size"),
        "alpha": call.real("alpha", 1e-4),
        "beta": call.real("beta", 0.75),
        "bias": call.real("bias", 1.0),
    }
    return [call.emit("local_response_norm", [call.value(0)], attrs)]


NN: Mapping[str, Translate] = {
    "AveragePool": _average_pool,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "GlobalAveragePool": _global("reduce_mean"),
    "GlobalMaxPool": _global("reduce_max"),
    "LRN": _lrn,
    "LpPool": _lp_pool,
    "MaxPool": _max_pool,
    "Resize": _resize,
}

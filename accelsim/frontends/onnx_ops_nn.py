"""ONNX operators over images: convolution, pooling over whole images, resize."""

from __future__ import annotations

import math
from collections.abc import Mapping

from accelsim.frontends.onnx_call import Call, Translate, Value
from accelsim.frontends.onnx_window import image, pair, unimaged, window_of


def _conv(call: Call) -> list[Value]:
    rank = call.rank()
    x, w = image(call, call.value(0), "image"), image(call, call.value(1), "kernel")
    height, width = w.type.shape[2:]
    _check_kernel(call, (height, width), rank - 2)
    window = window_of(call, x.type.shape[2:], (height, width), rank - 2)
    attrs = {
        "stride": window.stride,
        "padding": window.padding,
        "dilation": window.dilation,
        "groups": call.integer("group", 1),
    }
    return [unimaged(call, call.emit("conv2d", [x, w, call.maybe(2)], attrs), rank)]


def _check_kernel(call: Call, found: tuple[int, int], spatial: int) -> None:
    told = call.integers("kernel_shape", found[2 - spatial :])
    if tuple(told) != tuple(found[2 - spatial :]):
        call.fail(f"kernel_shape is {told}, the weights are {list(found[2 - spatial :])}")


def _conv_transpose(call: Call) -> list[Value]:
    rank = call.rank()
    spatial = rank - 2
    x, w = image(call, call.value(0), "image"), image(call, call.value(1), "kernel")
    kernel = (w.type.shape[2], w.type.shape[3])
    _check_kernel(call, kernel, spatial)
    stride, dilation = pair(call, "strides", spatial), pair(call, "dilations", spatial)
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
        padding = window_of(call, sizes, kernel, spatial).padding
    attrs = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": call.integer("group", 1),
        "output_padding": extra,
    }
    return [unimaged(call, call.emit("conv_transpose2d", [x, w, call.maybe(2)], attrs), rank)]


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
        call.seen.update(call.attributes)  # whatever the mode, nothing moves
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
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "GlobalAveragePool": _global("reduce_mean"),
    "GlobalMaxPool": _global("reduce_max"),
    "LRN": _lrn,
    "Resize": _resize,
}

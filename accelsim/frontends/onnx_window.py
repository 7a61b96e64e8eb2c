"""Windows over images as ONNX describes them. One spatial dimension is an image of height one."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.frontends.onnx_call import LARGEST, Call, Value


@dataclass(frozen=True)
class Along:
    """A window along one axis, and the padding before and after it."""

    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    def within(self, size: int) -> Along:
        """A window larger than the image that may hang over its end sees no more than one of the image's size."""
        room = size + self.before + self.after
        if self.dilation > 1 or self.kernel <= room or -(-(room - self.kernel) // self.stride):
            return self
        return Along(room, self.stride, 1, self.before, self.after)


@dataclass(frozen=True)
class Window:
    """A window over height and width: what Conv and the pools have in common."""

    height: Along
    width: Along

    @property
    def kernel(self) -> tuple[int, int]:
        return self.height.kernel, self.width.kernel

    @property
    def stride(self) -> tuple[int, int]:
        return self.height.stride, self.width.stride

    @property
    def dilation(self) -> tuple[int, int]:
        return self.height.dilation, self.width.dilation

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right."""
        return self.height.before, self.width.before, self.height.after, self.width.after


def image(call: Call, value: Value, part: str) -> Value:
    """[N, C, L] as [N, C, 1, L]; others must have two spatial dimensions."""
    shape = value.type.shape
    if len(shape) == 3:
        return call.reshaped(value, (*shape[:2], 1, shape[2]), part)
    if len(shape) != 4:
        call.refuse(f"{len(shape) - 2} spatial dimensions; 1 and 2 are supported")
    return value


def unimaged(call: Call, value: Value, rank: int) -> Value:
    """Back from an image of height one to [N, C, L]."""
    if rank == 4:
        return value
    shape = value.type.shape
    return call.reshaped(value, (*shape[:2], *shape[3:]), "flat")


def sizes(call: Call, key: str, spatial: int, default: int = 1) -> tuple[int, ...]:
    """An attribute with a size of at least one for each spatial dimension."""
    values = call.integers(key, (default,) * spatial)
    if len(values) != spatial or min(values) < 1 or max(values) > LARGEST:
        call.fail(f"{key} {values} does not fit {spatial} spatial dimensions")
    return values


def pair(call: Call, key: str, spatial: int) -> tuple[int, int]:
    """The same for an image of one or two spatial dimensions."""
    *height, width = sizes(call, key, spatial)
    return (height[0] if height else 1), width


def along_each(call: Call, shape: tuple[int, ...], kernel: tuple[int, ...]) -> list[Along]:
    """The windows along each spatial dimension, with the padding that pads or auto_pad say."""
    spatial = len(shape)
    strides, dilations = sizes(call, "strides", spatial), sizes(call, "dilations", spatial)
    auto = call.text("auto_pad", "NOTSET")
    if auto in ("NOTSET", "VALID"):
        pads = call.integers("pads", (0,) * (2 * spatial)) if auto == "NOTSET" else (0,) * (2 * spatial)
        if len(pads) != 2 * spatial:
            call.fail(f"pads {pads} are not two for each of {spatial} spatial dimensions")
        if min(pads) < 0 or max(pads) > LARGEST:
            call.refuse(f"pads {pads}")
        ends = list(zip(pads[:spatial], pads[spatial:], strict=True))
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        ends = []
        for size, width, step, gap in zip(shape, kernel, strides, dilations, strict=True):
            total = max((-(-size // step) - 1) * step + (width - 1) * gap + 1 - size, 0)
            small = total // 2
            ends.append((small, total - small) if auto == "SAME_UPPER" else (total - small, small))
    else:
        call.fail(f"auto_pad is '{auto}'")
    return [
        Along(width, step, gap, before, after)
        for width, step, gap, (before, after) in zip(kernel, strides, dilations, ends, strict=True)
    ]


def window_of(call: Call, shape: tuple[int, ...], kernel: tuple[int, int], spatial: int) -> Window:
    """The window over an image [height, width] that stands for `spatial` dimensions."""
    found = along_each(call, shape[2 - spatial :], kernel[2 - spatial :])
    return Window(found[0] if spatial == 2 else Along(), found[-1])

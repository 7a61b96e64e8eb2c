"""Strides, padding, dilation and groups of a two-dimensional convolution: what its variants have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.ir.graph import AttrValue, Tensor
from accelsim.ir.nest import Axis, Dim
from accelsim.ops.attributes import integer, integers
from accelsim.ops.operands import Operands
from accelsim.ops.spec import Attrs

CONV_ATTRS: Mapping[str, object] = {"stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": 1}

IMAGE_DIMS = ("batch", "group", "oh", "ow", "ic", "kh", "kw")
KERNEL_DIMS = ("group", "oc", "ic", "kh", "kw")
RESULT_DIMS = ("batch", "group", "oh", "ow", "oc")


@dataclass(frozen=True)
class Geometry:
    """`padding` is (top, left, bottom, right)."""

    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int

    @classmethod
    def of(cls, op: str, attrs: Attrs) -> Geometry:
        """Read from the attributes of `op`. Raises ShapeError where one makes no sense."""
        down, across = integers(op, attrs, "stride", count=2, least=1)
        row_step, column_step = integers(op, attrs, "dilation", count=2, least=1)
        top, left, bottom, right = integers(op, attrs, "padding", count=4, least=0)
        groups = integer(op, attrs, "groups", least=1)
        return cls((down, across), (top, left, bottom, right), (row_step, column_step), groups)

    @property
    def attrs(self) -> dict[str, AttrValue]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups}

    def size(self, image: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[int, int]:
        """Height and width of the result; both may be below 1 where the kernel is too large."""
        height, width = (
            (image[axis] + self.padding[axis] + self.padding[axis + 2] - self.dilation[axis] * (kernel[axis] - 1) - 1)
            // self.stride[axis]
            + 1
            for axis in (0, 1)
        )
        return height, width

    def result(self, operands: Operands, index: int, kernel: tuple[int, ...]) -> Tensor:
        """The type of the result of operand 0 and a kernel [O, I/groups, kh, kw] that operand `index` gives.

        Raises ShapeError where they do not fit together.
        """
        x = operands.get(0, rank=4)
        shown, image = operands.show(index), operands.show(0)
        if x.shape[1] % self.groups or kernel[0] % self.groups:
            operands.fail(f"channels of {image} and {shown} do not split into {self.groups} groups")
        if kernel[1] != x.shape[1] // self.groups:
            operands.fail(
                f"{shown} has {kernel[1]} channels, needs {x.shape[1] // self.groups} "
                f"(the channels of {image} in {self.groups} groups)"
            )
        height, width = self.size(x.shape[2:], kernel[2:])
        if height < 1 or width < 1:
            operands.fail(f"{shown} is larger than {image} with its padding")
        return Tensor((x.shape[0], kernel[0], height, width), x.dtype)

    def dims(self, kernel: tuple[int, ...], y: Tensor) -> tuple[Dim, ...]:
        """The loops of the convolution."""
        return (
            Dim("batch", y.shape[0], Axis.BATCH),
            Dim("group", self.groups, Axis.BATCH),
            Dim("oh", y.shape[2], Axis.ROW),
            Dim("ow", y.shape[3], Axis.ROW),
            Dim("oc", kernel[0] // self.groups, Axis.OUTPUT),
            Dim("ic", kernel[1], Axis.REDUCE),
            Dim("kh", kernel[2], Axis.REDUCE),
            Dim("kw", kernel[3], Axis.REDUCE),
        )

    def touched(self, x: Tensor, kernel: tuple[int, ...], y: Tensor) -> int:
        """Elements of x that the kernel meets: strides can skip some, padding adds none."""
        count = x.shape[0] * x.shape[1]
        for axis in (0, 1):
            met = {
                output * self.stride[axis] + position * self.dilation[axis] - self.padding[axis]
                for output in range(y.shape[2 + axis])
                for position in range(kernel[2 + axis])
            }
            count *= sum(1 for point in met if 0 <= point < x.shape[2 + axis])
        return count

"""Convolution on BLAS: a product of the weights with patches, a band of output rows at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.engine.kernel import Array, Call, Kernel, Operands
from accelsim.engine.team import Team
from accelsim.engine.windows import prepare_depthwise
from accelsim.ir import Tensor
from accelsim.ops.attributes import integer, integers

PATCH_BYTES = 2 << 20
"""A band has as many output rows as have their patches fit in here, so that they stay in cache."""


def prepare_conv2d(operands: Operands) -> Kernel | None:
    if not operands.all_float32:
        return None
    by_plane = prepare_depthwise(operands)
    if by_plane is not None:
        return by_plane
    attrs = operands.node.attrs
    out_channels, group_channels, *kernel = operands.shape(1)
    _, channels, height, width = operands.shape(0)
    top, left, bottom, right = integers("conv2d", attrs, "padding")
    stride, dilation = integers("conv2d", attrs, "stride"), integers("conv2d", attrs, "dilation")
    conv = _Convolution(
        groups=integer("conv2d", attrs, "groups"),
        out_channels=out_channels,
        channels=group_channels,
        kernel=(kernel[0], kernel[1]),
        stride=(stride[0], stride[1]),
        dilation=(dilation[0], dilation[1]),
        corner=(top, left),
        size=operands.outputs[0].shape[2:],
        team=operands.team,
    )
    if conv.kernel == conv.stride == (1, 1) and (top, left, bottom, right) == (0, 0, 0, 0):
        return Kernel(conv.run_pointwise)
    patches = Tensor((conv.taps, conv.band * conv.size[1]))
    padded = Tensor((channels, height + top + bottom, width + left + right))
    return Kernel(conv.run, scratch=(padded, *(patches,) * min(conv.team.threads, conv.pieces)))


@dataclass(frozen=True)
class _Convolution:
    """Sizes of one convolution; `channels` are those of a group, `corner` is the padding above and left."""

    groups: int
    out_channels: int
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    corner: tuple[int, int]
    size: tuple[int, ...]
    team: Team

    @property
    def taps(self) -> int:
        return self.channels * self.kernel[0] * self.kernel[1]

    @property
    def band(self) -> int:
        """Output rows of a band."""
        return max(1, min(self.size[0], PATCH_BYTES // (4 * self.taps * self.size[1])))

    @property
    def bands(self) -> int:
        return -(-self.size[0] // self.band)

    @property
    def pieces(self) -> int:
        return self.groups * self.bands

    def run(self, call: Call) -> None:
        padded, *patches = call.scratch
        weights = self._weights(call)
        bands, height = self.bands, self.size[0]
        for image, result in zip(call.input(0), call.outputs[0], strict=True):
            source = self._pad(image, padded)
            products = self._products(result)

            def multiply(piece: int, worker: int, source: Array = source, products: Array = products) -> None:
                group, number = divmod(piece, bands)
                first = number * self.band
                rows = min(self.band, height - first)
                window = self._window(source, group, first, rows)
                gathered = patches[worker].reshape(-1)[: window.size]
                np.copyto(gathered.reshape(window.shape), window)
                columns = slice(first * self.size[1], (first + rows) * self.size[1])
                np.matmul(weights[group], gathered.reshape(self.taps, -1), out=products[group, :, columns])

            self.team.each(self.pieces, multiply)
            _add_bias(call, result)

    def run_pointwise(self, call: Call) -> None:
        """A 1x1 kernel with stride 1: the image is its own patches."""
        weights = self._weights(call)
        for image, result in zip(call.input(0), call.outputs[0], strict=True):
            np.matmul(weights, image.reshape(self.groups, self.taps, -1), out=self._products(result))
            _add_bias(call, result)

    def _weights(self, call: Call) -> Array:
        return call.input(1).reshape(self.groups, self.out_channels // self.groups, self.taps)

    def _products(self, result: Array) -> Array:
        return result.reshape(self.groups, self.out_channels // self.groups, -1)

    def _pad(self, image: Array, padded: Array) -> Array:
        """`image` inside zeros; itself where there is no padding."""
        if padded.shape == image.shape:
            return image
        (top, left), (_, height, width) = self.corner, image.shape
        padded[:, :top] = 0
        padded[:, top + height :] = 0
        padded[:, :, :left] = 0
        padded[:, :, left + width :] = 0
        padded[:, top : top + height, left : left + width] = image
        return padded

    def _window(self, source: Array, group: int, first: int, rows: int) -> Array:
        """View [channel, kernel row, kernel column, output row, output column] of a band's patches."""
        part = source[group * self.channels : (group + 1) * self.channels, first * self.stride[0] :]
        plane, row, item = part.strides
        return np.lib.stride_tricks.as_strided(
            part,
            (self.channels, *self.kernel, rows, self.size[1]),
            (
                plane,
                row * self.dilation[0],
                item * self.dilation[1],
                row * self.stride[0],
                item * self.stride[1],
            ),
            writeable=False,
        )


def _add_bias(call: Call, result: Array) -> None:
    bias = call.optional(2)
    if bias is not None:
        np.add(result, bias[:, None, None], out=result)

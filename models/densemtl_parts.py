"""The parts of DenseMTL: the head of a task, the exchange between tasks, and what they are made of.

Written after "Cross-task Attention Mechanism for Dense Multi-task Learning" (Lopes, Vu, de Charette, WACV 2023,
arXiv 2206.08927) and its code astra-vision/DenseMTL. Shapes: B images, C channels, Y x X positions. Every ordered pair
of tasks has weights of its own; sources are always taken in the order of the tasks (the released code takes them in
the order of a set of strings, which differs from one interpreter to the next).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ASPP_RATES = (6, 12, 18)
ASPP_WIDTH = 256
ENCODER_CHANNELS = (64, 256, 512, 1024, 2048)
# Channels of the decoder at levels 0..4; level l has 1 / 2^l of the image's height and width, level 4 that of level 3.
DECODER_CHANNELS = (64, 128, 128, 256, 256)
EXCHANGE_LEVEL = 1
EXCHANGE_SCALE = 4


class ConvNormReLU(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 1, dilation: int = 1) -> None:
        padding = dilation * (kernel // 2)
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the convolution that computes what convolution and norm do together in eval mode."""
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        return self.conv.weight * scale[:, None, None, None], self.norm.bias - self.norm.running_mean * scale


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: a 1x1, dilated 3x3 and the mean of the image, projected to `width` channels."""

    def __init__(self, inputs: int, width: int, *, rates: Sequence[int] = ASPP_RATES) -> None:
        super().__init__()
        self.point = ConvNormReLU(inputs, width)
        self.dilated = nn.ModuleList(ConvNormReLU(inputs, width, kernel=3, dilation=rate) for rate in rates)
        self.pooled = ConvNormReLU(inputs, width)
        self.project = ConvNormReLU((2 + len(rates)) * width, width)

    def forward(self, x: Tensor) -> Tensor:
        mean = self.pooled(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.project(torch.cat([self.point(x), *(branch(x) for branch in self.dilated), mean], dim=1))


class Block(nn.Module):
    """Reflected border of 1, 3x3 convolution, ELU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(self.conv(F.pad(x, (1, 1, 1, 1), mode="reflect")))


class Level(nn.Module):
    """A level of a decoder: `reduce`, doubling where the skip is larger, concatenation with it, a 3x3 block."""

    def __init__(self, reduce: nn.Module, channels: int, skip: int, *, double: bool) -> None:
        super().__init__()
        self.reduce = reduce
        self.double = double
        self.fuse = Block(channels + skip, channels)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        x = self.reduce(x)
        if self.double:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.fuse(x if skip is None else torch.cat([x, skip], dim=1))


class Head(nn.Module):
    """The decoder of one task, cut in two at the exchange, with the output of each half.

    `skips` and `widths` are the channels of the encoder and of the decoder by level, finest first. `early` is the
    output before the exchange, which only training needs.
    """

    def __init__(
        self,
        channels: int,
        *,
        widths: Sequence[int] = DECODER_CHANNELS,
        skips: Sequence[int] = ENCODER_CHANNELS,
        rates: Sequence[int] = ASPP_RATES,
    ) -> None:
        super().__init__()
        top = len(widths) - 1
        pyramid = ASPP(skips[top], widths[top], rates=rates)
        self.add_module(f"level{top}", Level(pyramid, widths[top], skips[top - 1], double=False))
        for index in range(top - 1, 0, -1):
            reduce = Block(widths[index + 1], widths[index])
            self.add_module(f"level{index}", Level(reduce, widths[index], skips[index - 1], double=True))
        self._upper = tuple(f"level{index}" for index in range(top, 0, -1))
        self.early = nn.Conv2d(widths[1], channels, 1)
        self.level0 = Level(Block(widths[1], widths[0]), widths[0], 0, double=True)
        self.output = nn.Conv2d(widths[0], channels, 1)

    def before(self, features: Sequence[Tensor]) -> Tensor:
        """Features of the encoder, finest first -> what is exchanged: [B, widths[1], Y/2, X/2]."""
        *skips, x = features
        for name, skip in zip(self._upper, reversed(skips), strict=True):
            x = getattr(self, name)(x, skip)
        return x

    def after(self, x: Tensor) -> Tensor:
        return self.output(self.level0(x))


class Exchange(nn.Module):
    """What one source tells one target, as one `cross_task_attention` operation.

    target, source [B, C, Y, X] -> [B, C, Y, X]. What is extracted of the source goes two ways. A gate of its own: a 3x3
    convolution times the sigmoid of another, which the paper calls self-attention. And attention guided by the
    correlation of the tasks, at 1 / `scale` of the size: softmax over source positions of Q^T K / sqrt(C), applied
    to V, weighted by `alpha` per channel; there the target is subsampled and the source pooled by its maximum.
    """

    semantic_op = "cross_task_attention"

    def __init__(self, channels: int, *, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.extract = nn.Conv2d(channels, channels, 3, padding=1)
        self.own = nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False)
        self.own_gate = nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False)
        self.query = ConvNormReLU(channels, channels)
        self.key = ConvNormReLU(channels, channels)
        self.value = ConvNormReLU(channels, channels)
        self.alpha = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.project = ConvNormReLU(channels // 2 + channels, channels)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        extracted = F.relu(self.extract(source))
        own = self.own(extracted) * torch.sigmoid(self.own_gate(extracted))
        crossed = self._attend(target[:, :, :: self.scale, :: self.scale], F.max_pool2d(extracted, self.scale))
        crossed = F.interpolate(crossed, scale_factor=float(self.scale), mode="nearest") * self.alpha
        return self.project(torch.cat([own, crossed], dim=1))

    def _attend(self, target: Tensor, source: Tensor) -> Tensor:
        query = self.query(target).flatten(2).transpose(1, 2)
        key, value = (part(source).flatten(2).transpose(1, 2) for part in (self.key, self.value))
        mixed = F.scaled_dot_product_attention(query, key, value, scale=1 / math.sqrt(target.shape[1]))
        return mixed.transpose(1, 2).reshape(target.shape)

    def semantic_parameters(self) -> tuple[dict[str, int], dict[str, Tensor]]:
        """The exchange as one operation: its attributes, and its parameters by operand name, norms folded in."""
        parameters = {
            "extract_w": self.extract.weight,
            "extract_b": self.extract.bias,
            "self_w": self.own.weight,
            "self_gate_w": self.own_gate.weight,
            "alpha": self.alpha.flatten(),
        }
        for name, layer in {"q": self.query, "k": self.key, "v": self.value, "project": self.project}.items():
            parameters[f"{name}_w"], parameters[f"{name}_b"] = layer.folded()
        return {"downsample": self.scale}, parameters


class ExchangeBlock(nn.Module):
    """The multi-task exchange: each task's features plus what all other tasks give to it."""

    def __init__(self, tasks: Sequence[str], channels: int, *, scale: int) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.pairs = nn.ModuleDict(
            {
                _pair(source, target): Exchange(channels, scale=scale)
                for target in tasks
                for source in self.sources(target)
            }
        )
        self.fuse = nn.ModuleDict({task: ConvNormReLU((len(tasks) - 1) * channels, channels) for task in tasks})

    def sources(self, target: str) -> tuple[str, ...]:
        """The other tasks, in the order of the tasks."""
        return tuple(task for task in self.tasks if task != target)

    def forward(self, features: dict[str, Tensor], target: str) -> Tensor:
        """Features of every task -> those of `target`, [B, C, Y, X]."""
        own = features[target]
        given = [self.pairs[_pair(source, target)](own, features[source]) for source in self.sources(target)]
        return own + self.fuse[target](torch.cat(given, dim=1))


def _pair(source: str, target: str) -> str:
    return f"{source}_to_{target}"

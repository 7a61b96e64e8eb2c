"""PDCNet small enough to train in minutes: the parts of `pdcnet_parts` on images of 32 x 32, with trained weights.

Each branch has four convolutions in place of a ResNet; the depth branch sees pixel differences, cascades of large
kernels follow the last two stages of the colour branch, features are summed after every stage. Depth is three
channels, itself and its slopes. Trained by models/train/pdcnet.py on `digit-scenes-dim`.
"""

from __future__ import annotations

import torch
from example_inputs import images
from mini_weights import fill_trained
from pdcnet_parts import CascadeLargeKernel, Decoder, PixelDifferenceConv2d
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = 6
SIDE = 32
WIDTHS, STRIDES = (16, 24, 32, 48), (2, 2, 1, 1)
KERNEL, DILATION = 6, 2
"""Of the cascades, after the stages of 8 x 8 positions."""
DECODER_WIDTH, LOW_WIDTH, RATES = 24, 16, (1, 2)


class Stage(nn.Module):
    """A 3x3 convolution, of pixel differences where `theta` is given; batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, theta: float | None) -> None:
        super().__init__()
        if theta is None:
            self.conv: nn.Conv2d = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        else:
            self.conv = PixelDifferenceConv2d(inputs, outputs, 3, stride=stride, theta=theta)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class PDCNetMini(nn.Module):
    """Colours [B, 3, Y, X] and depth [B, 3, Y, X] -> logits [B, classes, Y, X]; without depth a network of colours."""

    def __init__(self, *, theta: float, rgb_only: bool) -> None:
        super().__init__()
        self.colour = _branch(3, None)
        self.depth = None if rgb_only else _branch(3, theta)
        self.large_kernels = nn.ModuleList(
            CascadeLargeKernel(width, kernel=KERNEL, dilation=DILATION, theta=theta) for width in WIDTHS[2:]
        )
        self.decoder = Decoder(WIDTHS[-1], WIDTHS[0], CLASSES, width=DECODER_WIDTH, low_width=LOW_WIDTH, rates=RATES)

    def forward(self, image: Tensor, depth: Tensor | None = None) -> Tensor:
        x, other, low = image, depth, image
        for index, stage in enumerate(self.colour):
            x = stage(x)
            if index >= 2:
                x = self.large_kernels[index - 2](x)
            if self.depth is not None and other is not None:
                other = self.depth[index](other)
                x = x + other
            low = x if index == 0 else low
        return F.interpolate(self.decoder(x, low), size=image.shape[2:], mode="bilinear", align_corners=False)


def _branch(inputs: int, theta: float | None) -> nn.ModuleList:
    pairs = zip((inputs, *WIDTHS), WIDTHS, STRIDES, strict=False)
    return nn.ModuleList(Stage(before, after, stride=stride, theta=theta) for before, after, stride in pairs)


def build(
    *, theta: float = 0.7, rgb_only: bool = False, weights: str = "pdcnet-mini", batch: int = 1, seed: int = 0
) -> tuple[PDCNetMini, tuple[Tensor, ...]]:
    """The network in eval mode with the trained weights of that name, and seeded images of colour and of depth.

    `theta` is the share of differences; `rgb_only` leaves the depth branch out.
    """
    with torch.device("meta"):
        model = PDCNetMini(theta=theta, rgb_only=rgb_only)
    fill_trained(model, weights)
    return model.eval(), example(seed, rgb_only=rgb_only, batch=batch)


def example(seed: int, /, *, rgb_only: bool = False, batch: int = 1, **_others: object) -> tuple[Tensor, ...]:
    """Seeded images and depth [B, 3, 32, 32], or the images alone. Takes the arguments of `build`."""
    colour, depth = (images(seed + offset, batch=batch, height=SIDE, width=SIDE) for offset in (0, 1_000_003))
    return (colour,) if rgb_only else (colour, depth)

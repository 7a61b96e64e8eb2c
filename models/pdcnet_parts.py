"""The parts of PDCNet: pixel-difference convolutions, the cascade of large kernels, the decoder.

"Pixel Difference Convolutional Network for RGB-D Semantic Segmentation" (Yang et al., TCSVT 2023, arXiv 2302.11951)
publishes neither code nor a text that settles how its blocks are put together. The operator is the central difference
of ZitongYu/CDCN, the cascade that of Visual-Attention-Network/VAN-Classification, the decoder DeepLab-v3+'s.
"""

from __future__ import annotations

import torch
from densemtl_parts import ASPP, ASPP_RATES, ASPP_WIDTH, ConvNormReLU
from torch import Tensor, nn
from torch.nn import functional as F

LOW_WIDTH = 48


class PixelDifferenceConv2d(nn.Conv2d):
    """A convolution without bias of which the share `theta` sees differences to the centre pixel.

    y(p) = sum_n w(n) x(p + n) - theta x(p) sum_n w(n), with the padding that centres the kernel.
    """

    semantic_op = "pixel_difference_conv2d"

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        theta: float,
    ) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
        self.theta = theta

    def forward(self, x: Tensor) -> Tensor:
        centre = self.weight.sum(dim=(2, 3), keepdim=True)
        return super().forward(x) - self.theta * F.conv2d(x, centre, stride=self.stride, groups=self.groups)

    def semantic_parameters(self) -> tuple[dict[str, object], dict[str, Tensor]]:
        """The layer as one operation: its attributes, and its parameters by operand name."""
        attributes = {
            "theta": self.theta,
            "stride": tuple(self.stride),
            "padding": tuple(self.padding) * 2,
            "dilation": tuple(self.dilation),
            "groups": self.groups,
        }
        return attributes, {"w": self.weight}


class CascadeLargeKernel(nn.Module):
    """A large kernel as three small ones, gating its input: x [B, C, Y, X] -> x + norm(x . point(spread(near x))).

    `near` is a depthwise (2d-1) x (2d-1), `spread` a depthwise K/d x K/d of dilation d, both with pixel differences,
    `point` a 1x1.
    """

    def __init__(self, channels: int, *, kernel: int = 21, dilation: int = 3, theta: float) -> None:
        super().__init__()
        near, spread = 2 * dilation - 1, -(-kernel // dilation)
        self.near = PixelDifferenceConv2d(channels, channels, near, groups=channels, theta=theta)
        self.spread = PixelDifferenceConv2d(channels, channels, spread, dilation=dilation, groups=channels, theta=theta)
        self.point = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(x * self.point(self.spread(self.near(x))))


class Decoder(nn.Module):
    """DeepLab-v3+'s: `high` channels at 1/16 and `low` at 1/4 of the image -> logits [B, classes, Y/4, X/4]."""

    def __init__(
        self,
        high: int,
        low: int,
        classes: int,
        *,
        width: int = ASPP_WIDTH,
        low_width: int = LOW_WIDTH,
        rates: tuple[int, ...] = ASPP_RATES,
    ) -> None:
        super().__init__()
        self.pyramid = ASPP(high, width, rates=rates)
        self.low = ConvNormReLU(low, low_width)
        self.refine = nn.ModuleList(ConvNormReLU(inputs, width, kernel=3) for inputs in (width + low_width, width))
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, high: Tensor, low: Tensor) -> Tensor:
        low = self.low(low)
        x = F.interpolate(self.pyramid(high), size=low.shape[2:], mode="bilinear", align_corners=False)
        x = torch.cat([x, low], dim=1)
        for layer in self.refine:
            x = layer(x)
        return self.classify(x)

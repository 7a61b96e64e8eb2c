"""PDCNet for RGB-D segmentation, as reconstructed: two ResNets, one for colour and one for depth, fused by sums.

Of arXiv 2302.11951 only the abstract and result tables could be read. From there: two branches, pixel differences in
the depth branch, pixel differences on a cascade of large kernels in the colour branch, ResNet-101. Assumed: every 3x3
of the depth branch is a pixel-difference convolution; one cascade (K = 21, dilation 3, gating as in VAN) after each
stage of the colour branch; fusion by sums after every stage; stride 16; DeepLab-v3+'s decoder; depth as three channels
(HHA). Weights are seeded, not trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from example_inputs import images
from pdcnet_parts import CascadeLargeKernel, Decoder, PixelDifferenceConv2d
from resnet import BLOCKS, Bottleneck, Features, branch_rules
from seeded_layers import Rules, fill_layers
from seeded_weights import product, uniform
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Dataset:
    """Size of the images and the number of classes."""

    height: int
    width: int
    classes: int


DATASETS = {"nyud": Dataset(480, 640, 40), "sunrgbd": Dataset(480, 640, 37)}
# Filters that sum to zero would see no differences. The gate of a cascade multiplies two signals, and its norm is that
# of a branch which is added to its input.
_RULES: Rules = (
    ("depth.layer?.*.conv2.weight", product(0.8)),
    ("large_kernels.*.near.weight", product(1.0)),
    ("large_kernels.*.spread.weight", product(1.0)),
    ("large_kernels.*.norm.weight", uniform(0.005, 0.02)),
)


class PDCNet(nn.Module):
    """Images [B, 3, Y, X] of colour and of depth -> logits [B, classes, Y, X]."""

    def __init__(self, depth: int, *, classes: int, theta: float, large_kernels: bool, rgb_only: bool = False) -> None:
        super().__init__()
        self.colour = Features(depth, dilate=(False, False, True))
        self.depth = None if rgb_only else Features(depth, dilate=(False, False, True))
        if self.depth is not None:
            _difference(self.depth, theta)
        width = self.colour.width
        widths = (width // 8, width // 4, width // 2, width)
        cascades = [CascadeLargeKernel(channels, theta=theta) for channels in widths] if large_kernels else []
        self.large_kernels = nn.ModuleList(cascades)
        self.decoder = Decoder(width, widths[0], classes)

    def forward(self, colour: Tensor, depth: Tensor | None = None) -> Tensor:
        x = _stem(self.colour, colour)
        other = None if self.depth is None or depth is None else _stem(self.depth, depth)
        if other is not None:
            x = x + other
        low = x
        for index in range(4):
            x = getattr(self.colour, f"layer{index + 1}")(x)
            if self.large_kernels:
                x = self.large_kernels[index](x)
            if other is not None and self.depth is not None:
                other = getattr(self.depth, f"layer{index + 1}")(other)
                x = x + other
            low = x if index == 0 else low
        logits = self.decoder(x, low)
        return F.interpolate(logits, size=colour.shape[2:], mode="bilinear", align_corners=False)


def _stem(branch: Features, image: Tensor) -> Tensor:
    return F.max_pool2d(F.relu(branch.bn1(branch.conv1(image))), 3, 2, 1)


def _difference(branch: nn.Module, theta: float) -> None:
    """Put a pixel-difference convolution in the place of every 3x3."""
    for path, part in list(branch.named_modules()):
        if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3):
            parent, _, name = path.rpartition(".")
            made = PixelDifferenceConv2d(
                part.in_channels, part.out_channels, 3, stride=part.stride[0], dilation=part.dilation[0], theta=theta
            )
            setattr(branch.get_submodule(parent), name, made)


def build(
    *,
    dataset: str = "nyud",
    depth: int = 101,
    theta: float = 0.7,
    large_kernels: bool = True,
    size: tuple[int, int] | None = None,
    batch: int = 1,
    seed: int = 0,
) -> tuple[PDCNet, tuple[Tensor, Tensor]]:
    """The network in eval mode with seeded weights, and seeded images of colour and depth.

    `theta` is the share of differences, 0 for plain convolutions. Raises ValueError for an unknown name or depth.
    """
    with torch.device("meta"):
        model = assemble(dataset=dataset, depth=depth, theta=theta, large_kernels=large_kernels)
    fill_layers(model, seed=seed, prefix="pdcnet", relu=True, rules=(*_RULES, *branch_rules(depth)))
    return model.eval(), example(seed, dataset=dataset, size=size, batch=batch)


def assemble(*, dataset: str, depth: int, theta: float, large_kernels: bool) -> PDCNet:
    """The network on the current device, its parameters not yet filled."""
    if dataset not in DATASETS:
        raise ValueError(f"{dataset!r} is not a dataset; there are {', '.join(DATASETS)}")
    known = [layers for layers, (block, _) in BLOCKS.items() if block is Bottleneck]
    if depth not in known:
        raise ValueError(f"{depth} is not a depth; there are {', '.join(map(str, known))}")
    return PDCNet(depth, classes=DATASETS[dataset].classes, theta=theta, large_kernels=large_kernels)


def example(
    seed: int, /, *, dataset: str = "nyud", size: tuple[int, int] | None = None, batch: int = 1, **_others: object
) -> tuple[Tensor, Tensor]:
    """Seeded images [B, 3, Y, X] of colour and of depth. Takes the arguments of `build`."""
    height, width = size or (DATASETS[dataset].height, DATASETS[dataset].width)
    colour, depth = (images(seed + offset, batch=batch, height=height, width=width) for offset in (0, 1_000_003))
    return colour, depth

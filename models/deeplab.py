"""DeepLab-v3 on ResNet, output stride 8, for segmentation; without the auxiliary head of its training.

Chen et al., arXiv 1706.05587; parameters are named as in torchvision's `deeplabv3.py`, so that the backbone and the
head of its checkpoints load.
"""

from __future__ import annotations

import torch
from example_inputs import images
from resnet import BLOCKS, BRANCH_RULES, Bottleneck, Features
from seeded_layers import fill_layers
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 256
RATES = (12, 24, 36)


class Pooled(nn.Sequential):
    """The mean of the map, through a layer, spread over the map again."""

    def __init__(self, inputs: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(inputs, WIDTH, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(super().forward(x), size=x.shape[-2:], mode="bilinear", align_corners=False)


def _layer(inputs: int, *, kernel: int, rate: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, WIDTH, kernel, padding=rate * (kernel // 2), dilation=rate, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(WIDTH), nn.ReLU())


class SpatialPyramid(nn.Module):
    """Kernels of several dilations side by side (ASPP), then a 1x1 projection."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        dilated = [_layer(inputs, kernel=3, rate=rate) for rate in RATES]
        self.convs = nn.ModuleList([_layer(inputs, kernel=1), *dilated, Pooled(inputs)])
        self.project = nn.Sequential(*_layer(len(self.convs) * WIDTH, kernel=1), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.project(torch.cat([part(x) for part in self.convs], dim=1))


class DeepLabV3(nn.Module):
    """Image [B, 3, Y, X] -> map [B, classes, Y, X]."""

    def __init__(self, depth: int, *, classes: int) -> None:
        super().__init__()
        self.backbone = Features(depth, dilate=(False, True, True))
        self.classifier = nn.Sequential(
            SpatialPyramid(self.backbone.width), *_layer(WIDTH, kernel=3), nn.Conv2d(WIDTH, classes, 1)
        )

    def forward(self, image: Tensor) -> Tensor:
        small = self.classifier(self.backbone(image))
        return F.interpolate(small, size=image.shape[-2:], mode="bilinear", align_corners=False)


def build(
    *, depth: int = 101, classes: int = 21, size: int = 520, batch: int = 1, seed: int = 0
) -> tuple[DeepLabV3, tuple[Tensor]]:
    """The network in eval mode with seeded weights, and seeded images. Raises ValueError for an unknown depth."""
    known = [layers for layers, (block, _) in BLOCKS.items() if block is Bottleneck]
    if depth not in known:
        raise ValueError(f"{depth} is not a depth; there are {', '.join(map(str, known))}")
    with torch.device("meta"):
        model = DeepLabV3(depth, classes=classes)
    fill_layers(model, seed=seed, prefix="deeplab", relu=True, rules=BRANCH_RULES)
    return model.eval(), example(seed, size=size, batch=batch)


def example(seed: int, /, *, size: int = 520, batch: int = 1) -> tuple[Tensor]:
    """Seeded images [B, 3, size, size]."""
    return (images(seed, batch=batch, height=size, width=size),)

"""MobileNet v1 and v2, width 1.0.

v1: Howard et al., arXiv 1704.04861, table 1. v2: Sandler et al., CVPR 2018, arXiv 1801.04381, table 2; its parameters
are named as in torchvision's `mobilenetv2.py`, so that its checkpoints load.
"""

from __future__ import annotations

import torch
from example_inputs import images
from seeded_layers import BRANCH, Rules, fill_layers
from torch import Tensor, nn
from torch.nn import functional as F

# Output channels and stride of the depthwise separable blocks of v1.
V1_BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
# Expansion, output channels, count and first stride of the stages of v2.
V2_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def _layer(
    inputs: int, outputs: int, *, kernel: int, activation: type[nn.Module], stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        activation(),
    )


class MobileNetV1(nn.Module):
    """Image [B, 3, Y, X] -> logits [B, classes]."""

    def __init__(self, *, classes: int) -> None:
        super().__init__()
        self.stem = _layer(3, 32, kernel=3, stride=2, activation=nn.ReLU)
        blocks: list[nn.Module] = []
        width = 32
        for outputs, stride in V1_BLOCKS:
            depthwise = _layer(width, width, kernel=3, stride=stride, groups=width, activation=nn.ReLU)
            blocks.append(nn.Sequential(depthwise, _layer(width, outputs, kernel=1, activation=nn.ReLU)))
            width = outputs
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(width, classes)

    def forward(self, image: Tensor) -> Tensor:
        return self.fc(F.adaptive_avg_pool2d(self.blocks(self.stem(image)), 1).flatten(1))


class InvertedResidual(nn.Module):
    """Expand by 1x1, filter by depthwise 3x3, project by 1x1 without activation; added to the input where it fits."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        expand = [_layer(inputs, hidden, kernel=1, activation=nn.ReLU6)] if expansion != 1 else []
        self.conv = nn.Sequential(
            *expand,
            _layer(hidden, hidden, kernel=3, stride=stride, groups=hidden, activation=nn.ReLU6),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    """Image [B, 3, Y, X] -> logits [B, classes]."""

    def __init__(self, *, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_layer(3, 32, kernel=3, stride=2, activation=nn.ReLU6)]
        width = 32
        for expansion, outputs, count, stride in V2_STAGES:
            for index in range(count):
                first = stride if index == 0 else 1
                layers.append(InvertedResidual(width, outputs, stride=first, expansion=expansion))
                width = outputs
        layers.append(_layer(width, 1280, kernel=1, activation=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(F.adaptive_avg_pool2d(self.features(image), 1).flatten(1))


VERSIONS = {1: MobileNetV1, 2: MobileNetV2}


def build(
    *, version: int = 2, classes: int = 1000, size: int = 224, batch: int = 1, seed: int = 0
) -> tuple[MobileNetV1 | MobileNetV2, tuple[Tensor]]:
    """The network in eval mode with seeded weights, and seeded images. Raises ValueError for an unknown version."""
    if version not in VERSIONS:
        raise ValueError(f"{version} is not a version; there are {', '.join(map(str, VERSIONS))}")
    with torch.device("meta"):
        model = VERSIONS[version](classes=classes)
    fill_layers(model, seed=seed, prefix=f"mobilenet_v{version}", relu=True, rules=branch_rules(model))
    return model.eval(), example(seed, size=size, batch=batch)


def branch_rules(model: nn.Module) -> Rules:
    """The last norm of each branch that is added to its input."""
    parts = [(name, part) for name, part in model.named_modules() if isinstance(part, InvertedResidual)]
    return [(f"{name}.conv.{len(part.conv) - 1}.weight", BRANCH) for name, part in parts if part.residual]


def example(seed: int, /, *, size: int = 224, batch: int = 1) -> tuple[Tensor]:
    """Seeded images [B, 3, size, size]."""
    return (images(seed, batch=batch, height=size, width=size),)

"""ResNet-18, -34, -50, -101 and -152, with the stride in the 3x3 convolution of a bottleneck.

He et al., CVPR 2016, arXiv 1512.03385; parameters are named as in torchvision's `resnet.py` (the form called
"v1.5" there), so that its checkpoints load. `dilate` is for segmentation: a stage keeps its size and spreads its
kernels.
"""

from __future__ import annotations

import torch
from example_inputs import images
from seeded_layers import BRANCH, Rules, fill_layers
from torch import Tensor, nn
from torch.nn import functional as F

BRANCH_RULES: Rules = (("*layer?.*.bn3.weight", BRANCH),)
_BASIC_RULES: Rules = (("*layer?.*.bn2.weight", BRANCH),)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, *, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; the output is four times as wide as the inside."""

    expansion = 4

    def __init__(self, inputs: int, width: int, *, stride: int, dilation: int) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """A strided 1x1 convolution where the branch changes the size; else the input itself."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


BLOCKS: dict[int, tuple[type[BasicBlock | Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


class Features(nn.Module):
    """Image [B, 3, Y, X] -> features [B, 512 x expansion, Y/32, X/32], or less reduced where stages are dilated."""

    def __init__(self, depth: int, *, dilate: tuple[bool, bool, bool] = (False, False, False)) -> None:
        super().__init__()
        block, counts = BLOCKS[depth]
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.width = 64
        self._dilation = 1
        stages = zip((64, 128, 256, 512), counts, (1, 2, 2, 2), (False, *dilate), strict=True)
        for index, (width, count, stride, dilated) in enumerate(stages, 1):
            self.add_module(f"layer{index}", self._stage(block, width, count, stride=stride, dilated=dilated))

    def _stage(
        self, block: type[BasicBlock | Bottleneck], width: int, count: int, *, stride: int, dilated: bool
    ) -> nn.Sequential:
        first = self._dilation
        if dilated:
            self._dilation, stride = self._dilation * stride, 1
        blocks = [block(self.width, width, stride=stride, dilation=first)]
        self.width = width * block.expansion
        blocks += [block(self.width, width, stride=1, dilation=self._dilation) for _ in range(count - 1)]
        return nn.Sequential(*blocks)

    def features(self, image: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def forward(self, image: Tensor) -> Tensor:
        return self.features(image)


class ResNet(Features):
    """Image [B, 3, Y, X] -> logits [B, classes]."""

    def __init__(self, depth: int, *, classes: int) -> None:
        super().__init__(depth)
        self.fc = nn.Linear(self.width, classes)

    def forward(self, image: Tensor) -> Tensor:
        return self.fc(F.adaptive_avg_pool2d(self.features(image), 1).flatten(1))


def build(
    *, depth: int = 50, classes: int = 1000, size: int = 224, batch: int = 1, seed: int = 0
) -> tuple[ResNet, tuple[Tensor]]:
    """The network in eval mode with seeded weights, and seeded images. Raises ValueError for an unknown depth."""
    if depth not in BLOCKS:
        raise ValueError(f"{depth} is not a depth; there are {', '.join(map(str, BLOCKS))}")
    with torch.device("meta"):
        model = ResNet(depth, classes=classes)
    fill_layers(model, seed=seed, prefix="resnet", relu=True, rules=branch_rules(depth))
    return model.eval(), example(seed, size=size, batch=batch)


def branch_rules(depth: int) -> Rules:
    """The last norm of each branch that is added to its input."""
    return BRANCH_RULES if BLOCKS[depth][0] is Bottleneck else _BASIC_RULES


def example(seed: int, /, *, size: int = 224, batch: int = 1) -> tuple[Tensor]:
    """Seeded images [B, 3, size, size]."""
    return (images(seed, batch=batch, height=size, width=size),)

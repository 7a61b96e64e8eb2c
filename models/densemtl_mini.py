"""DenseMTL small enough to train in minutes: the heads and exchanges of `densemtl_parts` on images of 32 x 32.

A ResNet of three blocks gives features at 1/2, 1/4, 1/8 and 1/8 of the size, so heads have four levels; exchanges are
at half the size of the image, as in the large form. Trained by models/train/densemtl.py on `digit-scenes`.
"""

from __future__ import annotations

import torch
from densemtl import ALL, DenseMTL
from densemtl_parts import EXCHANGE_LEVEL, EXCHANGE_SCALE, ExchangeBlock, Head
from example_inputs import images
from mini_weights import fill_trained
from resnet import BasicBlock
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = {"semseg": 6, "depth": 1, "normals": 3, "edge": 2}
SIDE = 32
ENCODER_WIDTHS = (16, 32, 40, 48)
DECODER_WIDTHS = (8, 12, 20, 24)
RATES = (1, 2)


class Encoder(nn.Module):
    """Image [B, 3, Y, X] -> features at 1/2, 1/4, 1/8 and 1/8 of its size, finest first."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = ENCODER_WIDTHS
        self.conv1 = nn.Conv2d(3, first, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.layer1 = BasicBlock(first, second, stride=2, dilation=1)
        self.layer2 = BasicBlock(second, third, stride=2, dilation=1)
        self.layer3 = BasicBlock(third, fourth, stride=1, dilation=2)

    def forward(self, image: Tensor) -> list[Tensor]:
        features = [F.relu(self.bn1(self.conv1(image)))]
        for stage in (self.layer1, self.layer2, self.layer3):
            features.append(stage(features[-1]))
        return features


def build(
    task: str = ALL, *, exchange: bool = True, weights: str = "densemtl-mini", batch: int = 1, seed: int = 0
) -> tuple[DenseMTL, tuple[Tensor]]:
    """The network for `task`, or for all in order, in eval mode with the trained weights of that name; seeded images.

    `exchange=False` gives the same heads side by side. Raises ValueError for an unknown task.
    """
    with torch.device("meta"):
        model = assemble(task, exchange=exchange)
    fill_trained(model, weights)
    return model.eval(), example(seed, batch=batch)


def assemble(task: str, *, exchange: bool) -> DenseMTL:
    """The network on the current device, its parameters drawn as torch draws them."""
    if task not in (ALL, *CHANNELS):
        raise ValueError(f"{task!r} is not a task here; there are {', '.join((ALL, *CHANNELS))}")
    heads = {
        name: Head(count, widths=DECODER_WIDTHS, skips=ENCODER_WIDTHS, rates=RATES) for name, count in CHANNELS.items()
    }
    block = ExchangeBlock(tuple(CHANNELS), DECODER_WIDTHS[EXCHANGE_LEVEL], scale=EXCHANGE_SCALE) if exchange else None
    return DenseMTL(Encoder(), heads, exchange=block, task=task)


def example(seed: int, /, *, batch: int = 1, **_others: object) -> tuple[Tensor]:
    """Seeded images [B, 3, 32, 32]. Takes the arguments of `build`."""
    return (images(seed, batch=batch, height=SIDE, width=SIDE),)

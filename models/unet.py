"""U-Net: an encoder and a decoder joined at every size, for segmentation.

Ronneberger et al., MICCAI 2015, arXiv 1505.04597, in today's usual form (as in code milesial/Pytorch-UNet): padded
convolutions, so that the map is as large as the image, with batch norm, on three channels.
"""

from __future__ import annotations

import torch
from example_inputs import images
from seeded_layers import fill_layers
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (64, 128, 256, 512, 1024)


class DoubleConv(nn.Module):
    """Twice 3x3 convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


class Up(nn.Module):
    """Double the size, join with the encoder's map of that size, convolve."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, kernel_size=2, stride=2)
        self.conv = DoubleConv(inputs, outputs)

    def forward(self, x: Tensor, joined: Tensor) -> Tensor:
        return self.conv(torch.cat([joined, self.up(x)], dim=1))


class UNet(nn.Module):
    """Image [B, 3, Y, X] -> map [B, classes, Y, X]; Y and X are multiples of 16."""

    def __init__(self, *, classes: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(map(DoubleConv, (3, *WIDTHS[:-1]), WIDTHS))
        self.up = nn.ModuleList(map(Up, WIDTHS[:0:-1], WIDTHS[-2::-1]))
        self.head = nn.Conv2d(WIDTHS[0], classes, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        first, *others = self.down
        maps = [first(image)]
        for down in others:
            maps.append(down(F.max_pool2d(maps[-1], 2)))
        x = maps.pop()
        for up in self.up:
            x = up(x, maps.pop())
        return self.head(x)


def build(*, classes: int = 2, size: int = 256, batch: int = 1, seed: int = 0) -> tuple[UNet, tuple[Tensor]]:
    """The network in eval mode with seeded weights, and seeded images. Raises ValueError for an odd size."""
    if size < 16 or size % 16:
        raise ValueError(f"size must be a multiple of 16, not {size}")
    with torch.device("meta"):
        model = UNet(classes=classes)
    fill_layers(model, seed=seed, prefix="unet", relu=True)
    return model.eval(), example(seed, size=size, batch=batch)


def example(seed: int, /, *, size: int = 256, batch: int = 1) -> tuple[Tensor]:
    """Seeded images [B, 3, size, size]."""
    return (images(seed, batch=batch, height=size, width=size),)

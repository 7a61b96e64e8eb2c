"""VGG-16 and VGG-19 (configurations D and E), without batch norm.

Simonyan and Zisserman, ICLR 2015, arXiv 1409.1556; parameters are named as in torchvision's `vgg.py`, so that its
checkpoints load. The two dropouts of the classifier are there and do nothing in eval mode.
"""

from __future__ import annotations

import torch
from example_inputs import images
from seeded_layers import fill_layers
from torch import Tensor, nn
from torch.nn import functional as F

COUNTS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """Image [B, 3, Y, X] -> logits [B, classes]; Y and X are multiples of 224, as the classifier wants 7 x 7."""

    def __init__(self, depth: int, *, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for count, width in zip(COUNTS[depth], WIDTHS, strict=True):
            for _ in range(count):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, classes),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(F.adaptive_avg_pool2d(self.features(image), 7).flatten(1))


def build(
    *, depth: int = 16, classes: int = 1000, size: int = 224, batch: int = 1, seed: int = 0
) -> tuple[VGG, tuple[Tensor]]:
    """The network in eval mode with seeded weights, and seeded images. Raises ValueError for an unknown depth."""
    if depth not in COUNTS:
        raise ValueError(f"{depth} is not a depth; there are {', '.join(map(str, COUNTS))}")
    with torch.device("meta"):
        model = VGG(depth, classes=classes)
    fill_layers(model, seed=seed, prefix="vgg", relu=True)
    return model.eval(), example(seed, size=size, batch=batch)


def example(seed: int, /, *, size: int = 224, batch: int = 1) -> tuple[Tensor]:
    """Seeded images [B, 3, size, size]."""
    return (images(seed, batch=batch, height=size, width=size),)

"""SqueezeNet 1.0 and 1.1.

Iandola et al., arXiv 1602.07360; 1.1 moves the pooling forward (code forresti/SqueezeNet). Parameters are named as in
torchvision's `squeezenet.py`, so that its checkpoints load.
"""

from __future__ import annotations

import torch
from example_inputs import images
from seeded_layers import fill_layers
from torch import Tensor, nn
from torch.nn import functional as F

# First convolution (outputs, kernel), then 'pool' or a fire module (squeeze, half of its outputs).
FORMS: dict[str, tuple[tuple[int, int], tuple[str | tuple[int, int], ...]]] = {
    "1.0": (
        (96, 7),
        ("pool", (16, 64), (16, 64), (32, 128), "pool", (32, 128), (48, 192), (48, 192), (64, 256), "pool", (64, 256)),
    ),
    "1.1": (
        (64, 3),
        ("pool", (16, 64), (16, 64), "pool", (32, 128), (32, 128), "pool", (48, 192), (48, 192), (64, 256), (64, 256)),
    ),
}


class Fire(nn.Module):
    """Squeeze by 1x1, then expand by 1x1 and by 3x3, side by side."""

    def __init__(self, inputs: int, squeeze: int, half: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, half, 1)
        self.expand3x3 = nn.Conv2d(squeeze, half, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], dim=1)


class SqueezeNet(nn.Module):
    """Image [B, 3, Y, X] -> logits [B, classes]."""

    def __init__(self, version: str, *, classes: int) -> None:
        super().__init__()
        (width, kernel), parts = FORMS[version]
        layers: list[nn.Module] = [nn.Conv2d(3, width, kernel, 2), nn.ReLU()]
        for part in parts:
            if isinstance(part, str):
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            else:
                layers.append(Fire(width, *part))
                width = 2 * part[1]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(width, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.features(image)).flatten(1)


def build(
    *, version: str = "1.0", classes: int = 1000, size: int = 224, batch: int = 1, seed: int = 0
) -> tuple[SqueezeNet, tuple[Tensor]]:
    """The network in eval mode with seeded weights, and seeded images. Raises ValueError for an unknown version."""
    if version not in FORMS:
        raise ValueError(f"{version!r} is not a version; there are {', '.join(FORMS)}")
    with torch.device("meta"):
        model = SqueezeNet(version, classes=classes)
    fill_layers(model, seed=seed, prefix="squeezenet", relu=True)
    return model.eval(), example(seed, size=size, batch=batch)


def example(seed: int, /, *, size: int = 224, batch: int = 1) -> tuple[Tensor]:
    """Seeded images [B, 3, size, size]."""
    return (images(seed, batch=batch, height=size, width=size),)

"""PAD-Net small enough to train in minutes: the layers of `padnet_parts` in a ResNet of two blocks, images of 40 x 40.

As in the large forms all convolutions of the blocks and their shortcuts are dynamic, with 4 kernels; the reduction of
their attention is 4, because a tenth of 16 channels is nothing. Which elements are dynamic was chosen by their effect
on the loss. Trained by models/train/padnet.py on `cluttered-digits`.
"""

from __future__ import annotations

import torch
from example_inputs import images
from mini_weights import fill_trained, read_weights
from padnet_parts import make_dynamic
from resnet import BasicBlock
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES, SIDE, REDUCTION = 10, 40, 4
WIDTHS = (16, 32, 48)
WIDE = (22, 45, 66)
"""A static network with as many parameters as 30 % dynamic elements of the other stores."""
FORMS = {"plain": WIDTHS, "wide": WIDE}


class MiniResNet(nn.Module):
    """Image [B, 1, 40, 40] -> logits [B, 10]."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        first, second, third = widths
        self.conv1 = nn.Conv2d(1, first, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.layer1 = BasicBlock(first, second, stride=2, dilation=1)
        self.layer2 = BasicBlock(second, third, stride=2, dilation=1)
        self.fc = nn.Linear(third, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        x = self.layer2(self.layer1(F.relu(self.bn1(self.conv1(image)))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


DYNAMIC = tuple(
    name
    for name, part in MiniResNet(WIDTHS).named_modules()
    if isinstance(part, nn.Conv2d) and name.startswith("layer")
)
"""The convolutions that are dynamic where any is."""


def build(
    *, form: str = "plain", weights: str = "padnet-mini-r30", batch: int = 1, seed: int = 0
) -> tuple[MiniResNet, tuple[Tensor]]:
    """The network in eval mode with the trained weights of that name, and seeded images.

    `form`: 'plain', or 'wide' for the wider static network. Which layers are dynamic, and how much of each, is what the
    weights say. Raises ValueError for an unknown form.
    """
    if form not in FORMS:
        raise ValueError(f"{form!r} is not a form; there are {', '.join(FORMS)}")
    shapes = {name: tuple(value.shape) for name, value in read_weights(weights).items()}
    with torch.device("meta"):
        model = MiniResNet(FORMS[form])
        for path in DYNAMIC:
            if f"{path}.kernels" in shapes:
                whole = model.get_submodule(path).weight.numel()
                (dynamic,) = shapes.get(f"{path}.positions", (whole,))
                make_dynamic(model, path, ratio=dynamic / whole, deployed=True, reduction=REDUCTION)
    fill_trained(model, weights)
    return model.eval(), example(seed, batch=batch)


def example(seed: int, /, *, batch: int = 1, **_others: object) -> tuple[Tensor]:
    """Seeded images [B, 1, 40, 40] with mean near 0. Takes the arguments of `build`."""
    return (images(seed, batch=batch, height=SIDE, width=SIDE)[:, :1] * 0.5,)

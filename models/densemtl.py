"""DenseMTL: a ResNet, a decoder for each task, and attention between the tasks at half the size of the image.

After "Cross-task Attention Mechanism for Dense Multi-task Learning" (Lopes, Vu, de Charette, WACV 2023, arXiv
2206.08927), code astra-vision/DenseMTL. Weights are seeded, not trained; alpha, which training starts at 0, is drawn
away from 0, or else the attention between tasks would not count. The outputs before the exchange, which only training
uses, are parameters of the network but are not computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from densemtl_parts import DECODER_CHANNELS, EXCHANGE_LEVEL, EXCHANGE_SCALE, ExchangeBlock, Head
from example_inputs import images
from resnet import BRANCH_RULES, Features
from seeded_layers import Rules, fill_layers
from seeded_weights import normal, product
from torch import Tensor, nn
from torch.nn import functional as F

ALL = "all"
MEAN, DEVIATION = 0.45, 0.225
# An ELU leaves about 0.6 of the second moment of a normal signal; the outputs are linear. Queries and keys are weak, so
# that a position looks at many others: with scores that single one out, rounding decides which.
_RULES: Rules = (
    *BRANCH_RULES,
    ("exchange.pairs.*.query.conv.weight", product(0.6)),
    ("exchange.pairs.*.key.conv.weight", product(0.6)),
    ("exchange.pairs.*.alpha", normal(std=0.7)),
    ("heads.*.level?.fuse.conv.weight", product(1.3)),
    ("heads.*.level?.reduce.conv.weight", product(1.3)),
    ("heads.*.output.weight", product(1.0)),
)


@dataclass(frozen=True)
class Dataset:
    """Size of the image and the number of classes of segmentation."""

    height: int
    width: int
    classes: int


DATASETS = {
    "cityscapes": Dataset(512, 1024, 16),
    "vkitti2": Dataset(320, 1024, 14),
    "nyud": Dataset(448, 576, 40),
}
_CHANNELS = {"depth": 1, "normals": 3, "edges": 2}


class Encoder(Features):
    """Image [B, 3, Y, X] in 0..1 -> features at 1/2, 1/4, 1/8, 1/16 and 1/16 of its size."""

    def __init__(self, depth: int) -> None:
        super().__init__(depth, dilate=(False, False, True))

    def forward(self, image: Tensor) -> list[Tensor]:
        x = F.relu(self.bn1(self.conv1((image - MEAN) / DEVIATION)))
        features = [x]
        x = F.max_pool2d(x, 3, 2, 1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            features.append(x)
        return features


class DenseMTL(nn.Module):
    """Image [B, 3, Y, X] -> the map [B, channels, Y, X] of `task`, or of every task in order (`task` 'all').

    A single task still needs the first half of every decoder.
    """

    def __init__(
        self, encoder: nn.Module, heads: dict[str, Head], *, exchange: ExchangeBlock | None, task: str
    ) -> None:
        super().__init__()
        self.wanted = tuple(heads) if task == ALL else (task,)
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)
        self.exchange = exchange

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        features = self.encoder(image)
        decoded = {name: head.before(features) for name, head in self.heads.items()}
        maps = tuple(self.heads[name].after(self.exchanged(decoded, name)) for name in self.wanted)
        return maps if len(maps) > 1 else maps[0]

    def exchanged(self, decoded: dict[str, Tensor], task: str) -> Tensor:
        """Features of `task` after what the other tasks tell it, where there is an exchange."""
        return decoded[task] if self.exchange is None else self.exchange(decoded, task)


def build(
    task: str = ALL,
    *,
    dataset: str = "cityscapes",
    tasks: tuple[str, ...] = ("semseg", "depth"),
    depth: int = 101,
    exchange: bool = True,
    size: tuple[int, int] | None = None,
    seed: int = 0,
) -> tuple[DenseMTL, tuple[Tensor]]:
    """The network in eval mode with seeded weights, and a seeded image of the data set's `size` or another.

    `exchange=False` gives the same decoders side by side. Raises ValueError for an unknown name.
    """
    with torch.device("meta"):
        model = assemble(task, dataset=dataset, tasks=tuple(tasks), depth=depth, exchange=exchange)
    fill_layers(model, seed=seed, prefix="densemtl", relu=True, rules=_RULES)
    return model.eval(), example(seed, dataset=dataset, size=size)


def assemble(task: str, *, dataset: str, tasks: tuple[str, ...], depth: int, exchange: bool) -> DenseMTL:
    """The network on the current device, its parameters not yet filled."""
    if dataset not in DATASETS:
        raise ValueError(f"{dataset!r} is not a dataset; there are {', '.join(DATASETS)}")
    channels = {"semseg": DATASETS[dataset].classes} | _CHANNELS
    unknown = [name for name in tasks if name not in channels]
    if unknown or len(tasks) < 2 or len(set(tasks)) < len(tasks):
        raise ValueError(f"tasks must be two or more of {', '.join(channels)}, each once, not {', '.join(tasks)}")
    if task != ALL and task not in tasks:
        raise ValueError(f"{task!r} is not a task here; there are {', '.join((ALL, *tasks))}")
    heads = {name: Head(channels[name]) for name in tasks}
    block = ExchangeBlock(tasks, DECODER_CHANNELS[EXCHANGE_LEVEL], scale=EXCHANGE_SCALE) if exchange else None
    return DenseMTL(Encoder(depth), heads, exchange=block, task=task)


def example(
    seed: int, /, *, dataset: str = "cityscapes", size: tuple[int, int] | None = None, **_others: object
) -> tuple[Tensor]:
    """A seeded image [1, 3, Y, X] with values about 0..1. Takes the arguments of `build`."""
    height, width = size or (DATASETS[dataset].height, DATASETS[dataset].width)
    return (images(seed, batch=1, height=height, width=width) * DEVIATION + MEAN,)

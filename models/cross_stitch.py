"""Cross-Stitch networks: a ResNet-50 and a head for each task, features of all mixed after every stage.

Misra et al., CVPR 2016, arXiv 1604.03539, in the form of SimonVandenhende/Multi-Task-Learning-PyTorch,
models/cross_stitch.py: a share of each channel instead of one of each network, DeepLab-v3's heads on ResNet-50. Every
task needs all networks, so asking for one saves only the other heads. Weights are seeded, not trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from deeplab import WIDTH, SpatialPyramid
from example_inputs import images
from resnet import BRANCH_RULES, Features
from seeded_layers import Rules, fill_layers
from seeded_weights import uniform
from torch import Tensor, nn
from torch.nn import functional as F

ALL = "all"
HEIGHT, WIDTH_OF_IMAGE = 480, 640
CHANNELS = {"semseg": 40, "depth": 1, "normals": 3, "edges": 1}
_STAGES = ("layer1", "layer2", "layer3", "layer4")


class Stitch(nn.Module):
    """Features [B, C, Y, X] by task -> sums of all of them, weighted for every target, source and channel."""

    def __init__(self, tasks: Sequence[str], channels: int) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.shares = nn.ParameterDict(
            {_pair(source, target): torch.empty(1, channels, 1, 1) for target in self.tasks for source in self.tasks}
        )

    def forward(self, features: Mapping[str, Tensor], target: str) -> Tensor:
        first, *others = (self.shares[_pair(source, target)] * features[source] for source in self.tasks)
        for other in others:
            first = first + other
        return first


class Head(nn.Sequential):
    """DeepLab-v3's: features [B, C, Y, X] -> map [B, outputs, Y, X]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            SpatialPyramid(inputs),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(),
            nn.Conv2d(WIDTH, outputs, 1),
        )


class CrossStitch(nn.Module):
    """Image [B, 3, Y, X] -> the map [B, channels, Y, X] of `task`, or of every task in order (`task` 'all')."""

    def __init__(self, depth: int, tasks: Sequence[str], *, task: str) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.wanted = self.tasks if task == ALL else (task,)
        self.networks = nn.ModuleDict({name: Features(depth, dilate=(False, True, True)) for name in self.tasks})
        width = self.networks[self.tasks[0]].width
        widths = (width // 8, width // 4, width // 2, width)
        self.stitches = nn.ModuleDict(
            {stage: Stitch(self.tasks, channels) for stage, channels in zip(_STAGES, widths, strict=True)}
        )
        self.heads = nn.ModuleDict({name: Head(width, CHANNELS[name]) for name in self.tasks})

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        x = {name: _stem(network, image) for name, network in self.networks.items()}
        for stage in _STAGES:
            made = {name: getattr(network, stage)(x[name]) for name, network in self.networks.items()}
            targets = self.wanted if stage == _STAGES[-1] else self.tasks
            x = {name: self.stitches[stage](made, name) for name in targets}
        maps = tuple(
            F.interpolate(self.heads[name](x[name]), size=image.shape[2:], mode="bilinear", align_corners=False)
            for name in self.wanted
        )
        return maps if len(maps) > 1 else maps[0]


def _stem(network: Features, image: Tensor) -> Tensor:
    return F.max_pool2d(F.relu(network.bn1(network.conv1(image))), 3, 2, 1)


def _pair(source: str, target: str) -> str:
    return f"{source}_to_{target}"


def build(
    task: str = ALL,
    *,
    tasks: tuple[str, ...] = ("semseg", "depth"),
    depth: int = 50,
    size: tuple[int, int] | None = None,
    batch: int = 1,
    seed: int = 0,
) -> tuple[CrossStitch, tuple[Tensor]]:
    """The network in eval mode with seeded weights, and seeded images. Raises ValueError for an unknown task."""
    with torch.device("meta"):
        model = assemble(task, tasks=tuple(tasks), depth=depth)
    fill_layers(model, seed=seed, prefix="cross_stitch", relu=True, rules=(*BRANCH_RULES, *_shares(tuple(tasks))))
    return model.eval(), example(seed, size=size, batch=batch)


def assemble(task: str, *, tasks: tuple[str, ...], depth: int) -> CrossStitch:
    """The network on the current device, its parameters not yet filled."""
    unknown = [name for name in tasks if name not in CHANNELS]
    if unknown or len(tasks) < 2 or len(set(tasks)) < len(tasks):
        raise ValueError(f"tasks must be two or more of {', '.join(CHANNELS)}, each once, not {', '.join(tasks)}")
    if task != ALL and task not in tasks:
        raise ValueError(f"{task!r} is not a task here; there are {', '.join((ALL, *tasks))}")
    return CrossStitch(depth, tasks, task=task)


def example(seed: int, /, *, size: tuple[int, int] | None = None, batch: int = 1, **_others: object) -> tuple[Tensor]:
    """Seeded images [B, 3, Y, X], of NYUD-v2's size or another. Takes the arguments of `build`."""
    height, width = size or (HEIGHT, WIDTH_OF_IMAGE)
    return (images(seed, batch=batch, height=height, width=width),)


def _shares(tasks: tuple[str, ...]) -> Rules:
    """Around the values that training starts from: 0.9 of a task's own features, 0.1 of every other's."""
    own = tuple((f"*.shares.{_pair(task, task)}", uniform(0.75, 1.05)) for task in tasks)
    return (*own, ("*.shares.*", uniform(0.0, 0.2)))

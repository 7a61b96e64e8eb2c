"""M3ViT: a vision transformer whose odd blocks mix experts, with one gate and one decoder per task.

`build` gives the network for one task. The encoder's weights are the same whichever task it is built for; the
task selects the gates (six, one for each expert layer) and the decoder. Running n tasks means n passes. Also the
routers that the paper compares with, one gate for all tasks that knows the task or not, and M-ViT, the dense baseline
with an MLP in every block (`moe=False`).

Sources: M3ViT, arXiv 2210.14793, code VITA-Group/M3ViT; the tiny form is that of Edge-MoE, arXiv 2305.18691,
code sharc-lab/Edge-MoE. Weights are seeded, not trained: no checkpoint of M3ViT is public.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from m3vit_parts import Block, Decoder, Encoder, MoE
from m3vit_routers import ConditionedGate, TaskVector
from seeded_weights import fill, generator
from torch import Tensor, nn

Value = TypeVar("Value")

PATCH = 16
DEPTH = 12
EXPERTS = 16
GATING = ("multi", "single", "conditioned")
ANY_TASK = "any"


@dataclass(frozen=True)
class Backbone:
    """Width of a token and number of attention heads."""

    width: int
    heads: int


@dataclass(frozen=True)
class Dataset:
    """Size of the image and the tasks, in the order of their gates, with their output channels."""

    height: int
    width: int
    channels: dict[str, int]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.height // PATCH, self.width // PATCH


BACKBONES = {
    "tiny": Backbone(width=192, heads=3),
    "small": Backbone(width=384, heads=12),  # 12 as in M3ViT's code and figure; stock DeiT-S has 6
    "base": Backbone(width=768, heads=12),
}
DATASETS = {
    "cityscapes": Dataset(128, 256, {"semseg": 7, "depth": 1}),
    "nyud": Dataset(480, 640, {"semseg": 40, "depth": 1}),
    "nyud-4": Dataset(480, 640, {"semseg": 40, "normals": 3, "edge": 1, "depth": 1}),
    "pascal": Dataset(512, 512, {"semseg": 21, "human_parts": 7, "sal": 1, "normals": 3, "edge": 1}),
}


class M3ViT(nn.Module):
    """Image [B, 3, Y, X] -> the map of one task [B, channels, Y, X]."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, image: Tensor) -> Tensor:
        return self.decoder(self.encoder(image))


def build(
    task: str = "semseg",
    *,
    backbone: str = "tiny",
    dataset: str = "cityscapes",
    moe: bool = True,
    top_k: int = 2,
    hidden_ratio: int = 2,
    gating: str = "multi",
    seed: int = 0,
) -> tuple[M3ViT, tuple[Tensor]]:
    """The network for `task` in eval mode with seeded weights, and one seeded image.

    Each expert is `hidden_ratio` x width wide inside. `gating`: 'multi' has gates for each task, 'single' the same for
    all, 'conditioned' the same with a vector of the task as a further input. `moe=False` gives the dense M-ViT; then
    `top_k`, `hidden_ratio` and `gating` say nothing. Raises ValueError for an unknown name.
    """
    with torch.device("meta"):
        model = assemble(
            task, backbone=backbone, dataset=dataset, moe=moe, top_k=top_k, hidden_ratio=hidden_ratio, gating=gating
        )
    fill(model.encoder, seed=seed, prefix="encoder")
    fill(model.decoder, seed=seed, prefix=f"decoder.{task}")
    return model.eval(), example(seed, dataset=dataset)


def assemble(
    task: str,
    *,
    backbone: str,
    dataset: str,
    moe: bool,
    top_k: int,
    hidden_ratio: int,
    gating: str = "multi",
) -> M3ViT:
    """The network on the current device, its parameters not yet filled."""
    size, data = _entry(BACKBONES, backbone, "backbone"), _entry(DATASETS, dataset, "dataset")
    channels = _entry(data.channels, task, f"task of {dataset}")
    if not 1 <= top_k <= EXPERTS or hidden_ratio < 1:
        raise ValueError(f"top_k must be in 1..{EXPERTS} and hidden_ratio >= 1, not {top_k} and {hidden_ratio}")

    if gating not in GATING:
        raise ValueError(f"{gating!r} is not a gating; there are {', '.join(GATING)}")
    tasks, chosen = (tuple(data.channels), task) if gating == "multi" else ((ANY_TASK,), ANY_TASK)
    vector = TaskVector(len(data.channels)) if moe and gating == "conditioned" else None

    def mixture() -> MoE:
        hidden = hidden_ratio * size.width
        layer = MoE(size.width, hidden, experts=EXPERTS, top_k=top_k, tasks=tasks, task=chosen)
        if vector is not None:
            layer.gates[ANY_TASK] = ConditionedGate(size.width, EXPERTS, vector, list(data.channels).index(task))
        return layer

    blocks = [Block(size.width, size.heads, moe=mixture() if moe and index % 2 else None) for index in range(DEPTH)]
    rows, columns = data.grid
    embed = nn.Conv2d(3, size.width, kernel_size=PATCH, stride=PATCH)
    encoder = Encoder(size.width, blocks, embed=embed, patches=rows * columns)
    if vector is not None:
        encoder.add_module("task_vector", vector)
    return M3ViT(encoder, Decoder(size.width, channels, grid=data.grid))


def example(seed: int, /, *, dataset: str = "cityscapes", **_others: object) -> tuple[Tensor]:
    """A seeded image [1, 3, Y, X] with mean near 0 and deviation 1, as after normalisation.

    Noise at four scales, so that it has areas and edges as scenes have. Takes the arguments of `build`, but
    looks at `dataset` alone.
    """
    data = _entry(DATASETS, dataset, "dataset")
    rng = generator(f"example.{dataset}", seed=seed)
    image = np.zeros((3, data.height, data.width), np.float32)
    for cell in (64, 32, 8, 1):
        cells = (3, -(-data.height // cell), -(-data.width // cell))
        coarse = rng.standard_normal(cells, dtype=np.float32)
        image += coarse.repeat(cell, axis=1).repeat(cell, axis=2)[:, : data.height, : data.width]
    return (torch.from_numpy(image / image.std()).unsqueeze(0),)


def _entry(table: dict[str, Value], key: str, kind: str) -> Value:
    if key not in table:
        raise ValueError(f"{key!r} is not a {kind}; there are {', '.join(table)}")
    return table[key]

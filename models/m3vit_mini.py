"""M3ViT small enough to train in minutes: the parts of `m3vit_parts` on images of 32 x 32, with trained weights.

Beside the sizes two things differ from the large forms: a stem of four convolutions makes the patches, which helps
small vision transformers to train (Xiao et al., arXiv 2106.14881), and a decoder has two stages. Trained by
models/train/m3vit.py on `digit-scenes`.
"""

from __future__ import annotations

import torch
from example_inputs import images
from m3vit import M3ViT
from m3vit_parts import Block, Decoder, Encoder, MoE
from mini_weights import fill_trained
from torch import Tensor, nn

CHANNELS = {"semseg": 6, "depth": 1}
SIDE, PATCH = 32, 4
GRID = (SIDE // PATCH, SIDE // PATCH)
WIDTH, HEADS, DEPTH = 48, 3, 4
EXPERTS, TOP_K, HIDDEN = 16, 4, 48
STEM = (16, 32, 32)
DECODER_WIDTH, DECODER_STAGES = 32, 2
SINGLE = "any"
"""The one gate of a network whose tasks share it."""
GATING = ("multi", "single", "none")


def build(
    task: str = "semseg",
    *,
    gating: str = "multi",
    top_k: int = TOP_K,
    weights: str = "m3vit-mini",
    batch: int = 1,
    seed: int = 0,
) -> tuple[M3ViT, tuple[Tensor]]:
    """The network for `task` in eval mode with the trained weights of that name, and seeded images.

    `gating`: 'multi' has a gate for each task, 'single' one for both, 'none' an MLP in every block. `top_k` are the
    experts of a token; the weights were trained with 4. Raises ValueError for an unknown name.
    """
    with torch.device("meta"):
        model = M3ViT(encoder(task, gating=gating, top_k=top_k), decoder(task))
    fill_trained(model, weights, renamed={"decoder": f"decoders.{task}"})
    return model.eval(), example(seed, batch=batch)


def encoder(task: str, *, gating: str, top_k: int = TOP_K) -> Encoder:
    """The encoder on the current device, its parameters not yet filled where experts are concerned."""
    if task not in CHANNELS or gating not in GATING:
        known = f"tasks {', '.join(CHANNELS)}; gating {', '.join(GATING)}"
        raise ValueError(f"no task {task!r} with gating {gating!r}; there are {known}")
    tasks, chosen = (tuple(CHANNELS), task) if gating == "multi" else ((SINGLE,), SINGLE)

    def mixture(index: int) -> MoE | None:
        if gating == "none" or index % 2 == 0:
            return None
        return MoE(WIDTH, HIDDEN, experts=EXPERTS, top_k=top_k, tasks=tasks, task=chosen)

    blocks = [Block(WIDTH, HEADS, moe=mixture(index)) for index in range(DEPTH)]
    return Encoder(WIDTH, blocks, embed=stem(), patches=GRID[0] * GRID[1])


def decoder(task: str) -> Decoder:
    """The decoder of a task on the current device."""
    return Decoder(WIDTH, CHANNELS[task], grid=GRID, hidden=DECODER_WIDTH, stages=DECODER_STAGES)


def stem() -> nn.Sequential:
    """Images [B, 3, Y, X] -> patches [B, D, Y/4, X/4] through four 3x3 convolutions, the last without norm."""
    layers: list[nn.Module] = []
    for inputs, outputs, stride in zip((3, *STEM), STEM, (2, 2, 1), strict=False):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(STEM[-1], WIDTH, 3, 1, 1))


def example(seed: int, /, *, batch: int = 1, **_others: object) -> tuple[Tensor]:
    """Seeded images [B, 3, 32, 32]. Takes the arguments of `build`."""
    return (images(seed, batch=batch, height=SIDE, width=SIDE),)

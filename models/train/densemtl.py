"""DenseMTL-mini on `digit-scenes`: four tasks with the exchange between them and without it.

Each task is also asked before the exchange, as in the paper; those outputs count for half.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from densemtl import ALL
from densemtl_mini import CHANNELS, SIDE, assemble
from torch import Tensor, nn
from torch.nn import functional as F

from models.train.loop import Batch, Job, Outcome, Recipe

RECIPE = Recipe(steps=1200, batch=16, rate=4e-3, weight_decay=0.02, clip=2.0)
EARLY = 0.5
DEPTH_CENTRE, DEPTH_SPREAD = 0.65, 0.3
WEIGHTS = {"semseg": 1.0, "depth": 1.0, "normals": 3.0, "edge": 0.5}
EDGE_WEIGHT = 3.0
"""Pixels of a border count as so many; they are one in nine."""


def _train(job: Job, *, exchange: bool) -> Outcome:
    data, network = job.data("digit-scenes"), assemble(ALL, exchange=exchange)
    for layer in (network.heads["depth"].output, network.heads["depth"].early):
        nn.init.constant_(layer.bias, DEPTH_CENTRE)

    def loss(batch: Batch) -> Tensor:
        features = network.encoder(batch["image"])
        decoded = {task: head.before(features) for task, head in network.heads.items()}
        labels = {task: batch[f"label.{task}"] for task in CHANNELS}
        late = {task: head.after(network.exchanged(decoded, task)) for task, head in network.heads.items()}
        early = {task: network.heads[task].early(x) for task, x in decoded.items()}
        half = {task: label[..., ::2, ::2] for task, label in labels.items()}
        return _loss(late, labels) + EARLY * _loss(early, half)

    arrays = job.arrays(data, "train", ("image", *(f"label.{task}" for task in CHANNELS)))
    losses = job.fit(network, loss, arrays, RECIPE)
    metrics = job.score(data, ("image",), lambda batch: dict(zip(CHANNELS, network(batch["image"]), strict=True)))
    example = (torch.zeros(1, 3, SIDE, SIDE),)
    return Outcome(metrics, network, example, steps=RECIPE.steps, details={"losses": losses})


def _loss(maps: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
    """The weighted sum over the tasks, maps [B, channels, Y, X] of the size of the labels."""
    parts = {
        "semseg": F.cross_entropy(maps["semseg"], labels["semseg"].long()),
        "depth": F.l1_loss(maps["depth"][:, 0], labels["depth"]) / DEPTH_SPREAD,
        "normals": 1 - F.cosine_similarity(maps["normals"], labels["normals"].float(), dim=1).mean(),
        "edge": F.cross_entropy(maps["edge"], labels["edge"].long(), weight=torch.tensor([1.0, EDGE_WEIGHT])),
    }
    return torch.stack([WEIGHTS[task] * part for task, part in parts.items()]).sum()


ROWS = {
    "densemtl-mini": partial(_train, exchange=True),
    "densemtl-mini-apart": partial(_train, exchange=False),
}
COMPARED = (("tasks that exchange, against tasks side by side", "densemtl-mini", "densemtl-mini-apart"),)

"""PDCNet-mini on `digit-scenes-dim`: pixel differences of share 0.7, none, and colours without depth."""

from __future__ import annotations

from functools import partial

import torch
from pdcnet_mini import SIDE, PDCNetMini
from torch import Tensor
from torch.nn import functional as F

from models.train.loop import Batch, Job, Outcome, Recipe

RECIPE = Recipe(steps=1600, batch=16, rate=4e-3, weight_decay=0.02, clip=2.0)


def _train(job: Job, *, theta: float, rgb_only: bool = False) -> Outcome:
    inputs = ("image",) if rgb_only else ("image", "depth")
    data, network = job.data("digit-scenes-dim"), PDCNetMini(theta=theta, rgb_only=rgb_only)

    def logits(batch: Batch) -> Tensor:
        return network(*(batch[name] for name in inputs))

    def loss(batch: Batch) -> Tensor:
        return F.cross_entropy(logits(batch), batch["label.semseg"].long())

    losses = job.fit(network, loss, job.arrays(data, "train", (*inputs, "label.semseg")), RECIPE)
    metrics = job.score(data, inputs, lambda batch: {"semseg": logits(batch)})
    example = tuple(torch.zeros(1, 3, SIDE, SIDE) for _ in inputs)
    return Outcome(metrics, network, example, steps=RECIPE.steps, details={"losses": losses})


ROWS = {
    "pdcnet-mini": partial(_train, theta=0.7),
    "pdcnet-mini-plain": partial(_train, theta=0.0),
    "pdcnet-mini-rgb": partial(_train, theta=0.7, rgb_only=True),
}
COMPARED = (
    ("pixel differences (theta 0.7), against none (theta 0)", "pdcnet-mini", "pdcnet-mini-plain"),
    ("colours and depth, against colours alone", "pdcnet-mini", "pdcnet-mini-rgb"),
)

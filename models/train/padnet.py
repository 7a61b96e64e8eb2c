"""PAD-Net-mini on `cluttered-digits`: dynamic ratios from 0 to 1, and static networks that had as much of something.

Steps are the same for every ratio. A dynamic step costs about 2.7 static ones, because each sample convolves with its
own kernel, so one static control has as many seconds; another has as many parameters as ratio 0.3.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from padnet_mini import DYNAMIC, FORMS, REDUCTION, SIDE, MiniResNet
from padnet_parts import DynamicConv2d, deploy, dynamic_count, make_dynamic, partition, stored_parameters
from torch import Tensor, nn
from torch.nn import functional as F

from models.train.loop import Batch, Job, Outcome, Recipe, draw_batches

DATA, LABEL = "cluttered-digits", "label.digits"
RECIPE = Recipe(steps=1200, batch=64, rate=0.1, weight_decay=5e-4, warmup=0.036, optimiser="sgd", clip=None)
EQUAL_SECONDS = Recipe(steps=3250, batch=64, rate=0.1, weight_decay=5e-4, warmup=0.036, optimiser="sgd", clip=None)
SMOOTHING = 0.05
HOT, COOLING = 30.0, 1 / 3
"""The temperature of the attention falls from 30 to 1 over the first third of the steps."""
PARTITION_BATCHES, ROUNDS = 10, 3


def _train(
    job: Job, *, ratio: float = 0.0, form: str = "plain", recipe: Recipe = RECIPE, by_loss: bool = True
) -> Outcome:
    data = job.data(DATA)
    arrays = job.arrays(data, "train", ("image", LABEL))
    network = MiniResNet(FORMS[form])
    layers = _made_dynamic(network, ratio)

    def loss(batch: Batch) -> Tensor:
        return F.cross_entropy(network(batch["image"]), batch[LABEL], label_smoothing=SMOOTHING)

    def cool(step: int) -> None:
        passed = min(1.0, step / (COOLING * recipe.steps))
        _heat(layers, HOT + (1 - HOT) * passed)

    if 0 < ratio < 1:
        _heat(layers, HOT)
        if by_loss:
            drawn = draw_batches(len(arrays["image"]), recipe.batch, PARTITION_BATCHES, seed=job.seed)
            batches = [{name: torch.from_numpy(array[index]) for name, array in arrays.items()} for index in drawn]
            partition(network, loss, batches, ratio=ratio, rounds=ROUNDS)
        else:
            _draw_masks(layers, ratio, job.seed)
    losses = job.fit(network, loss, arrays, recipe, on_step=cool)
    _heat(layers, 1.0)
    densities = {path: round(_density(part), 4) for path, part in layers.items()}
    network = deploy(network)
    metrics = job.score(data, ("image",), lambda batch: {"digits": network(batch["image"])})
    return Outcome(
        metrics,
        network,
        (torch.zeros(1, 1, SIDE, SIDE),),
        steps=recipe.steps,
        parameters=stored_parameters(network),
        details={"losses": losses, "density": densities},
    )


def _made_dynamic(network: MiniResNet, ratio: float) -> dict[str, DynamicConv2d]:
    """The dynamic layers by path, all of whose elements may still be dynamic, drawn as the released code does."""
    if ratio == 0:
        return {}
    for path in DYNAMIC:
        # A ratio just below 1 gives the form that has a mask; `partition` sets it.
        whole = network.get_submodule(path).weight.numel()
        make_dynamic(network, path, ratio=1.0 if ratio == 1 else 1 - 1 / whole, deployed=False, reduction=REDUCTION)
    layers = {path: network.get_submodule(path) for path in DYNAMIC}
    for layer in layers.values():
        outputs, _, kernel, _ = layer.shape
        for parameter in (layer.kernels, *((layer.static,) if layer.partial else ())):
            nn.init.normal_(parameter, std=math.sqrt(2 / (kernel * kernel * outputs)))
        nn.init.normal_(layer.attention.fc1.weight, std=math.sqrt(2 / layer.attention.fc1.out_features))
        nn.init.normal_(layer.attention.fc2.weight, std=math.sqrt(2 / layer.attention.fc2.out_features))
        nn.init.zeros_(layer.attention.fc2.bias)
    return layers


def _heat(layers: dict[str, DynamicConv2d], temperature: float) -> None:
    for layer in layers.values():
        layer.attention.temperature = temperature


def _draw_masks(layers: dict[str, DynamicConv2d], ratio: float, seed: int) -> None:
    """The control: as many dynamic elements in every layer, anywhere."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 200]))
    for layer in layers.values():
        mask = torch.zeros(layer.elements, dtype=torch.bool)
        mask[torch.from_numpy(rng.permutation(layer.elements)[: dynamic_count(layer.elements, ratio)])] = True
        layer.mask = mask.reshape(layer.shape)


def _density(layer: DynamicConv2d) -> float:
    return float(layer.mask.float().mean()) if layer.partial else 1.0


ROWS = {
    "padnet-mini-r0": partial(_train, ratio=0.0),
    "padnet-mini-r10": partial(_train, ratio=0.1),
    "padnet-mini-r30": partial(_train, ratio=0.3),
    "padnet-mini-r50": partial(_train, ratio=0.5),
    "padnet-mini-r100": partial(_train, ratio=1.0),
    "padnet-mini-r0-long": partial(_train, recipe=EQUAL_SECONDS),
    "padnet-mini-r0-wide": partial(_train, form="wide"),
    "padnet-mini-r30-random": partial(_train, ratio=0.3, by_loss=False),
}
COMPARED = (
    ("30 % dynamic, against static at equal steps", "padnet-mini-r30", "padnet-mini-r0"),
    ("30 % dynamic, against static at equal seconds", "padnet-mini-r30", "padnet-mini-r0-long"),
    ("30 % dynamic, against static at equal parameters", "padnet-mini-r30", "padnet-mini-r0-wide"),
    ("30 % dynamic, against fully dynamic", "padnet-mini-r30", "padnet-mini-r100"),
    ("fully dynamic, against static at equal steps", "padnet-mini-r100", "padnet-mini-r0"),
    ("elements chosen by the loss, against drawn ones", "padnet-mini-r30", "padnet-mini-r30-random"),
    ("30 % dynamic, against a linear classifier", "padnet-mini-r30", "cluttered-digits-linear"),
)

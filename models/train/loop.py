"""One row of the table: a network trained for a fixed number of steps from a seed, and its metrics.

Steps are fixed and seconds are not, so that a row comes out the same on a slow machine. All tuning looked at the
validation split; the test split is scored once, at the end of a row.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from accelsim.cli.progress import point_progress
from accelsim.evaluate.data import Data, Split, load_data
from accelsim.evaluate.metrics import metric_of

Batch = dict[str, Tensor]
Metrics = dict[str, dict[str, float]]
"""By split ('validation', 'test') and task."""

SCORED = ("validation", "test")
_SCORE_BATCH = 250


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The rate rises for the share `warmup` of the steps and falls to 0 along a cosine.

    Weights decay only where they have two axes or more. `clip` bounds the norm of the gradient (None: no bound).
    """

    steps: int
    batch: int
    rate: float
    weight_decay: float = 0.05
    warmup: float = 0.06
    optimiser: str = "adamw"
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float | None = 1.0

    def rate_at(self, step: int) -> float:
        """The rate of step `step`, counted from 0, as a share of `rate`."""
        warm = max(1, round(self.warmup * self.steps))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))


@dataclass(frozen=True)
class Outcome:
    """What came of a row: the network (None: a baseline that is none), its metrics, and what else is to be told.

    The weights file holds the state of `module`. `example` are inputs of one sample, by which operations are counted
    where `gmac` is not given; `parameters` are those of `module` where not given.
    """

    metrics: Metrics
    module: nn.Module | None = None
    example: tuple[Tensor, ...] = ()
    steps: int = 0
    parameters: int | None = None
    gmac: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)


class Job:
    """A row at work: its seed, the data, the loop, the scores. Making one seeds torch.

    `scored` is the data set that the row is scored on, once it is.
    """

    def __init__(self, name: str, seed: int, *, quiet: bool = False) -> None:
        self.name = name
        self.seed = seed
        self.quiet = quiet
        self.scored: Data | None = None
        torch.manual_seed(seed)

    def data(self, name: str) -> Data:
        """The data set of that name. Raises InputError where `make data` was not run."""
        return load_data(name)

    def arrays(self, data: Data, split: str, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
        """The inputs and the labels ('label.<task>') of these names."""
        found = _split(data.folder.as_posix(), split)
        known = {**found.inputs, **{f"label.{task}": label for task, label in found.labels.items()}}
        return {name: known[name] for name in names}

    def fit(
        self,
        module: nn.Module,
        loss: Callable[[Batch], Tensor],
        arrays: Mapping[str, NDArray[np.generic]],
        recipe: Recipe,
        *,
        on_step: Callable[[int], None] | None = None,
    ) -> list[float]:
        """Train `module` by `loss` of batches of `arrays`; returns the mean loss of every tenth of the steps.

        Only parameters that require a gradient are trained. `on_step` is told of each step before it is taken.
        Leaves the module in eval mode. Raises FloatingPointError for a loss that is not finite.
        """
        trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        optimiser = _optimiser(trained, recipe)
        count = len(next(iter(arrays.values())))
        drawn = draw_batches(count, recipe.batch, recipe.steps, seed=self.seed)
        losses = []
        module.train()
        with point_progress(recipe.steps, quiet=self.quiet, unit="steps") as progressed:
            for step, index in enumerate(drawn):
                if on_step is not None:
                    on_step(step)
                batch = {name: torch.from_numpy(array[index]) for name, array in arrays.items()}
                for group in optimiser.param_groups:
                    group["lr"] = recipe.rate * recipe.rate_at(step)
                value = loss(batch)
                optimiser.zero_grad(set_to_none=True)
                value.backward()
                if recipe.clip is not None:
                    nn.utils.clip_grad_norm_(trained, recipe.clip)
                optimiser.step()
                losses.append(value.item())
                if not math.isfinite(losses[-1]):
                    raise FloatingPointError(f"{self.name}: the loss of step {step} is {losses[-1]}")
                progressed(1)
        module.eval()
        return [float(np.mean(part)) for part in np.array_split(losses, min(10, len(losses)))]

    def score(self, data: Data, inputs: Sequence[str], predict: Callable[[Batch], Mapping[str, Tensor]]) -> Metrics:
        """The metrics of `predict`, which gives the outputs of tasks for a batch of `inputs`, on both splits."""
        self.scored = data
        found: Metrics = {}
        for split in SCORED:
            arrays = self.arrays(data, split, inputs)
            labels = _split(data.folder.as_posix(), split).labels
            totals: dict[str, NDArray[np.float64]] = {}
            count = len(arrays[inputs[0]])
            for start in range(0, count, _SCORE_BATCH):
                part = slice(start, start + _SCORE_BATCH)
                with torch.no_grad():
                    outputs = predict({name: torch.from_numpy(array[part]) for name, array in arrays.items()})
                for task, output in outputs.items():
                    known = data.task(task)
                    rows = metric_of(known).rows(output.numpy(), labels[task][part], known).sum(axis=0)
                    totals[task] = totals[task] + rows if task in totals else rows
            found[split] = {task: metric_of(data.task(task)).score(rows) for task, rows in totals.items()}
        return found


def draw_batches(count: int, batch: int, steps: int, *, seed: int) -> list[NDArray[np.int64]]:
    """Which samples each step sees: all samples once in a random order, then all in another, and so on."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 100]))
    epochs = -(-steps * batch // count)
    order = np.concatenate([rng.permutation(count) for _ in range(epochs)])
    return list(order[: steps * batch].reshape(steps, batch))


@cache
def _split(folder: str, split: str) -> Split:
    return load_data(folder).split(split)


def _optimiser(parameters: Sequence[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=recipe.rate, momentum=recipe.betas[0], nesterov=True)
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.rate, betas=recipe.betas)
    raise ValueError(f"{recipe.optimiser!r} is not an optimiser; there are adamw, sgd")


def seconds() -> float:
    """CPU seconds of this process, which other jobs of the machine do not lengthen."""
    return time.process_time()

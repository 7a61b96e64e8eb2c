"""What the networks have to beat: predictors that do not look, and linear ones.

Constant: the most frequent class, the mean depth, the mean normal, every pixel an edge. Linear: for pictures to
classify, logistic regression on pixels; for text, on words counted (a bag of words, weighted by rarity); for dense
tasks, least squares on the patch around a pixel and its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from accelsim.evaluate.metrics import Task
from models.train.loop import Batch, Job, Outcome
from models.train.text import VOCABULARY

PATCH = 7
FITTED_SCENES = 400
DECAY = 1e-4
_STEPS = 100


def _constant(job: Job, *, data: str) -> Outcome:
    found = job.data(data)
    labels = job.arrays(found, "train", [f"label.{task}" for task in found.tasks])
    answers = {
        name: _constant_answer(task, torch.from_numpy(labels[f"label.{name}"])) for name, task in found.tasks.items()
    }
    first = next(iter(found.split("test").inputs))

    def predict(batch: Batch) -> Mapping[str, Tensor]:
        count = len(batch[first])
        return {task: answer.expand(count, *answer.shape[1:]) for task, answer in answers.items()}

    return Outcome(job.score(found, (first,), predict))


def _constant_answer(task: Task, labels: Tensor) -> Tensor:
    """The output [1, ...] that fits the labels of the training split best."""
    size = labels.shape[-2:]
    if task.kind == "classification":
        return torch.bincount(labels, minlength=task.classes).float()[None]
    if task.kind == "segmentation":
        shares = torch.bincount(labels.flatten(), minlength=task.classes).float()
        return shares[None, :, None, None].expand(1, -1, *size)
    if task.kind == "normals":
        return labels.float().mean(dim=(0, 2, 3))[None, :, None, None].expand(1, -1, *size)
    return (labels.float().mean() if task.kind == "depth" else torch.tensor(10.0)).expand(1, 1, *size)


def _linear_classes(job: Job, *, data: str, features: Callable[[Tensor], Tensor], name: str) -> Outcome:
    """Logistic regression with a little weight decay, to the end of its descent."""
    found = job.data(data)
    (task,) = found.tasks.values()
    arrays = job.arrays(found, "train", (name, f"label.{task.name}"))
    x, labels = features(torch.from_numpy(arrays[name])), torch.from_numpy(arrays[f"label.{task.name}"])
    weight = torch.zeros(x.shape[1], task.classes, requires_grad=True)
    bias = torch.zeros(task.classes, requires_grad=True)
    descent = torch.optim.LBFGS([weight, bias], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        descent.zero_grad()
        value = F.cross_entropy(x @ weight + bias, labels) + DECAY * weight.square().sum()
        value.backward()
        return value

    descent.step(loss)
    metrics = job.score(found, (name,), lambda batch: {task.name: (features(batch[name]) @ weight + bias).detach()})
    return Outcome(metrics, parameters=weight.numel() + bias.numel())


def _bag_of_words(job: Job, *, data: str) -> Outcome:
    ids = torch.from_numpy(job.arrays(job.data(data), "train", ("input_ids",))["input_ids"])
    seen = (_counts(ids) > 0).sum(0)
    rarity = torch.log((1 + len(ids)) / (1 + seen)) + 1

    def features(batch: Tensor) -> Tensor:
        counts = _counts(batch)
        weighted = torch.where(counts > 0, 1 + counts.clamp(min=1).log(), 0) * rarity
        return weighted / weighted.norm(dim=1, keepdim=True).clamp(min=1e-9)

    return _linear_classes(job, data=data, features=features, name="input_ids")


def _counts(ids: Tensor) -> Tensor:
    """How often each word is in each sample, [N, words]; marks are not words."""
    return torch.zeros(len(ids), VOCABULARY).scatter_add_(1, ids, torch.ones(ids.shape))[:, 3:]


def _linear_pixels(job: Job, *, data: str, inputs: tuple[str, ...], tasks: tuple[str, ...]) -> Outcome:
    """Least squares from patches to all outputs at once: shares of classes, depth, normals, whether an edge."""
    found = job.data(data)
    arrays = job.arrays(found, "train", (*inputs, *(f"label.{task}" for task in tasks)))
    batch = {name: torch.from_numpy(array[:FITTED_SCENES]) for name, array in arrays.items()}
    targets = torch.cat([_target(found.task(task), batch[f"label.{task}"]) for task in tasks], dim=1)
    solution = _least_squares(batch, inputs, targets)
    channels = [_channels(found.task(task)) for task in tasks]

    def predict(part: Batch) -> Mapping[str, Tensor]:
        outputs = torch.einsum("bfp,fc->bcp", _patches(part, inputs), solution)
        maps = outputs.reshape(len(outputs), -1, *part[inputs[0]].shape[2:])
        return dict(zip(tasks, maps.split(channels, dim=1), strict=True))

    return Outcome(job.score(found, inputs, predict), parameters=solution.numel())


def _least_squares(batch: Batch, inputs: Sequence[str], targets: Tensor) -> Tensor:
    gram, moment = torch.zeros(()), torch.zeros(())
    for start in range(0, FITTED_SCENES, 50):
        part = {name: batch[name][start : start + 50] for name in inputs}
        x = _patches(part, inputs).transpose(1, 2).flatten(0, 1)
        y = targets[start : start + 50].flatten(2).transpose(1, 2).flatten(0, 1)
        gram, moment = gram + (x.T @ x).double(), moment + (x.T @ y).double()
    return torch.linalg.solve(gram + torch.eye(len(gram), dtype=gram.dtype), moment).float()


def _patches(batch: Batch, inputs: Sequence[str]) -> Tensor:
    """What a pixel is judged by: its patch in all channels, its place, and 1: [B, features, Y X]."""
    image = torch.cat([batch[name] for name in inputs], dim=1)
    count, _, rows, columns = image.shape
    place = torch.stack(torch.meshgrid(torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing="ij"))
    fixed = torch.cat([place, torch.ones(1, rows, columns)]).flatten(1).expand(count, -1, -1)
    return torch.cat([F.unfold(image, PATCH, padding=PATCH // 2), fixed], dim=1)


def _target(task: Task, labels: Tensor) -> Tensor:
    """Labels as numbers [N, channels, Y, X]; that of an edge is a logit of 2 or -2."""
    if task.kind == "segmentation":
        return F.one_hot(labels.long(), task.classes).permute(0, 3, 1, 2).float()
    if task.kind == "normals":
        return labels.float()
    return labels.float()[:, None] if task.kind == "depth" else 4 * labels.float()[:, None] - 2


def _channels(task: Task) -> int:
    return {"segmentation": task.classes, "normals": 3}.get(task.kind, 1)


_SCENES = ("digit-scenes", "digit-scenes-dim")
_TEXTS = ("newsgroups", "r8", "tweets")
ROWS = {
    **{f"{data}-constant": partial(_constant, data=data) for data in (*_SCENES, "cluttered-digits", *_TEXTS)},
    "digit-scenes-linear": partial(
        _linear_pixels, data="digit-scenes", inputs=("image",), tasks=("semseg", "depth", "normals", "edge")
    ),
    "digit-scenes-dim-linear": partial(
        _linear_pixels, data="digit-scenes-dim", inputs=("image", "depth"), tasks=("semseg",)
    ),
    "cluttered-digits-linear": partial(
        _linear_classes, data="cluttered-digits", features=lambda image: image.flatten(1), name="image"
    ),
    **{f"{data}-bag-of-words": partial(_bag_of_words, data=data) for data in _TEXTS},
}
COMPARED: tuple[tuple[str, str, str], ...] = ()
SEEDLESS = frozenset(ROWS)
"""Rows that no seed changes; one of each says all."""

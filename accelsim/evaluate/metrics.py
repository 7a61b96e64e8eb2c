"""How right a model is, by kind of task: the same NumPy functions for our engine and for any other.

A metric is two functions. `gather` turns predictions and labels of some samples into counts, one row a sample; `score`
turns the sum of rows into the number. So a split is walked in batches, and resampling rows gives the standard error.

| kind | prediction | label | metric |
| --- | --- | --- | --- |
| classification | logits [B, classes] | [B] | accuracy |
| segmentation | logits [B, classes, Y, X] | [B, Y, X] | mean over classes of intersection over union |
| depth | [B, 1, Y, X] or [B, Y, X] | [B, Y, X] or [B, 1, Y, X] | root of the mean squared error |
| normals | [B, 3, Y, X], of any length | [B, 3, Y, X] | mean angle in degrees over valid pixels |
| edges | logit [B, 1, Y, X], or of two classes [B, 2, Y, X] | [B, Y, X] or [B, 1, Y, X] | odsF |

Shares are from 0 to 1. Pixels labelled `ignore` (segmentation), NaN (depth), or with a normal of length zero count for
nothing; a class counts where the split or the predictions have it.

odsF is the best F over one threshold for the whole split, out of 0.01, 0.02, ... 0.99 (Arbelaez et al., TPAMI 2011). A
predicted pixel is right within `tolerance_px` of a labelled one, and a labelled one found within as much of a
predicted one; by default 0.0075 of the diagonal, as there. Not modelled: the thinning of predictions and the one to
one assignment of that benchmark, so numbers compare with each other and not with published ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError

Array = NDArray[Any]
Rows = NDArray[np.float64]
"""Counts of samples: one row a sample, or their sum."""

THRESHOLDS = np.arange(1, 100) / 100.0
TOLERANCE = 0.0075
_RESAMPLES = 200


@dataclass(frozen=True)
class Task:
    """What labels mean: the kind, and of segmentation and classification how many classes and which label is none.

    `tolerance_px` is the distance allowed between edges; None for `TOLERANCE` of the image's diagonal.
    """

    name: str
    kind: str
    classes: int = 0
    ignore: int | None = None
    tolerance_px: float | None = None


@dataclass(frozen=True)
class Metric:
    """A number for a kind of task. `unit` is empty for shares and for what has that of its labels.

    `note` says how it is defined where others define it otherwise.
    """

    name: str
    unit: str
    higher_is_better: bool
    gather: Callable[[Array, Array, Task], Rows]
    score: Callable[[Rows], float]
    needs_classes: bool = False
    note: str = ""

    def rows(self, prediction: Array, label: Array, task: Task) -> Rows:
        """Counts [B, ...] of a batch. Raises InputError where prediction and label do not fit together."""
        if len(prediction) != len(label):
            raise InputError(f"task '{task.name}': {len(prediction)} predictions for {len(label)} labels")
        return self.gather(prediction, label, task)

    def standard_error(self, rows: Rows, *, seed: int = 0) -> float:
        """The deviation of the score over 200 resamplings of the samples (bootstrap)."""
        rng = np.random.default_rng(seed)
        flat = rows.reshape(len(rows), -1)
        scores = []
        for _ in range(_RESAMPLES):
            drawn = np.bincount(rng.integers(len(flat), size=len(flat)), minlength=len(flat))
            scores.append(self.score((drawn @ flat).reshape(rows.shape[1:])))
        return float(np.std(scores))


def notes_on(names: Iterable[str]) -> tuple[str, ...]:
    """What to say about the metrics of these names."""
    known = {metric.name: metric.note for metric in METRICS.values() if metric.note}
    return tuple(known[name] for name in dict.fromkeys(names) if name in known)


def metric_of(task: Task) -> Metric:
    """The metric of a task's kind."""
    return METRICS[task.kind]


def score(task: Task, prediction: Array, label: Array) -> float:
    """The metric of a task over the samples given. Raises InputError where they do not fit together."""
    metric = metric_of(task)
    return metric.score(metric.rows(prediction, label, task).sum(axis=0))


def _accuracy_rows(prediction: Array, label: Array, task: Task) -> Rows:
    _need(prediction.ndim == 2 and prediction.shape[1] == task.classes, task, prediction, f"[B, {task.classes}]")
    _need(label.ndim == 1, task, label, "[B]", "labels")
    return np.stack([prediction.argmax(axis=1) == label, np.ones(len(label))], axis=1).astype(np.float64)


def _share(total: Rows) -> float:
    return float(total[0] / total[1])


def _overlap_rows(prediction: Array, label: Array, task: Task) -> Rows:
    """Intersection and union of each class, [B, 2, classes]."""
    classes = task.classes
    wanted = (len(label), classes, *label.shape[1:])
    _need(prediction.shape == wanted, task, prediction, str(list(wanted)))
    chosen = prediction.argmax(axis=1)
    counted = np.ones(label.shape, bool) if task.ignore is None else label != task.ignore
    outside = counted & ((label < 0) | (label >= classes))
    if outside.any():
        raise InputError(f"task '{task.name}': label {label[outside][0]} is not one of {classes} classes")
    sample = np.broadcast_to(np.arange(len(label)).reshape(-1, *(1,) * (label.ndim - 1)), label.shape)[counted]
    pairs = (sample * classes + label[counted].astype(np.int64)) * classes + chosen[counted]
    table = np.bincount(pairs, minlength=len(label) * classes**2).reshape(-1, classes, classes).astype(np.float64)
    both = np.einsum("bcc->bc", table)
    return np.stack([both, table.sum(axis=1) + table.sum(axis=2) - both], axis=1)


def _mean_overlap(total: Rows) -> float:
    both, either = total
    present = either > 0
    return float(np.mean(both[present] / either[present])) if present.any() else math.nan


def _squared_rows(prediction: Array, label: Array, task: Task) -> Rows:
    given, known = _plane(prediction, task), _plane(label, task, "labels")
    _need(given.shape == known.shape, task, given, str(list(known.shape)))
    valid = np.isfinite(known)
    squares = np.where(valid, np.square(given.astype(np.float64) - np.where(valid, known, 0.0)), 0.0)
    return np.stack([squares.sum(axis=(1, 2)), valid.sum(axis=(1, 2))], axis=1).astype(np.float64)


def _root_mean(total: Rows) -> float:
    return math.sqrt(total[0] / total[1]) if total[1] else math.nan


def _angle_rows(prediction: Array, label: Array, task: Task) -> Rows:
    """Angles as 2 atan2(|p - g|, |p + g|), which is exact where an arc cosine rounds; no direction counts as 90."""
    _need(label.ndim == 4 and label.shape[1] == 3, task, label, "[B, 3, Y, X]", "labels")
    _need(prediction.shape == label.shape, task, prediction, str(list(label.shape)))
    given, known = (_unit(array.astype(np.float64)) for array in (prediction, label))
    valid = np.any(known != 0, axis=1)
    apart, along = (np.linalg.norm(side, axis=1) for side in (given - known, given + known))
    angles = np.degrees(2.0 * np.arctan2(apart, along))
    return np.stack([np.where(valid, angles, 0.0).sum(axis=(1, 2)), valid.sum(axis=(1, 2))], axis=1).astype(np.float64)


def _unit(vectors: Rows) -> Rows:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Rows = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return unit


def _mean(total: Rows) -> float:
    return float(total[0] / total[1]) if total[1] else math.nan


def _edge_rows(prediction: Array, label: Array, task: Task) -> Rows:
    """At each threshold: predicted pixels, those near a labelled one, labelled ones found, labelled; [B, 4, 99]."""
    if prediction.ndim == 4 and prediction.shape[1] == 2:
        prediction = prediction[:, 1:] - prediction[:, :1]
    logits, known = _plane(prediction, task).astype(np.float64), _plane(label, task, "labels") > 0
    _need(logits.shape == known.shape, task, logits, str(list(known.shape)))
    radius = task.tolerance_px if task.tolerance_px is not None else TOLERANCE * math.hypot(*known.shape[1:])
    level = np.searchsorted(np.log(THRESHOLDS / (1.0 - THRESHOLDS)), logits, side="right")  # thresholds passed
    counts = [
        _passing(level, np.ones_like(known)),
        _passing(level, _spread(known, radius)),
        _passing(_spread(level, radius), known),
        np.repeat(known.sum(axis=(1, 2))[:, None], len(THRESHOLDS), axis=1),
    ]
    return np.stack(counts, axis=1).astype(np.float64)


def _passing(level: Array, where: Array) -> Array:
    """How many of the chosen pixels of each image pass each threshold, [B, 99]."""
    size = len(THRESHOLDS) + 1
    sample = np.broadcast_to(np.arange(len(level))[:, None, None], level.shape)[where]
    exact = np.bincount(sample * size + level[where], minlength=len(level) * size).reshape(-1, size)
    at_least: Array = exact[:, ::-1].cumsum(axis=1)[:, ::-1]
    return at_least[:, 1:]


def _spread(values: Array, radius: float) -> Array:
    """The largest value within `radius` pixels of each."""
    reach = math.floor(radius)
    rows, columns = values.shape[1:]
    spread = values.copy()
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if math.hypot(down, right) > radius or abs(down) >= rows or abs(right) >= columns:
                continue
            to = np.s_[:, max(down, 0) : rows + min(down, 0), max(right, 0) : columns + min(right, 0)]
            source = np.s_[:, max(-down, 0) : rows + min(-down, 0), max(-right, 0) : columns + min(-right, 0)]
            np.maximum(spread[to], values[source], out=spread[to])
    return spread


def _best_f(total: Rows) -> float:
    predicted, right, found, labelled = total
    precision = np.divide(right, predicted, out=np.zeros_like(right), where=predicted > 0)
    recall = np.divide(found, labelled, out=np.zeros_like(found), where=labelled > 0)
    both = precision + recall
    return float(np.max(np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)))


def _plane(array: Array, task: Task, what: str = "predictions") -> Array:
    """[B, Y, X] of an array that may have one channel."""
    flat = array[:, 0] if array.ndim == 4 and array.shape[1] == 1 else array
    _need(flat.ndim == 3, task, array, "[B, Y, X] or [B, 1, Y, X]", what)
    return flat


def _need(fits: bool, task: Task, array: Array, wanted: str, what: str = "predictions") -> None:
    if not fits:
        raise InputError(f"task '{task.name}' ({task.kind}): {what} are {list(array.shape)}, need {wanted}")


_ODS_NOTE = (
    f"odsF is the best F over {len(THRESHOLDS)} thresholds from {THRESHOLDS[0]} to {THRESHOLDS[-1]}, one for all "
    f"images; edges match within {TOLERANCE} of the diagonal unless the data say otherwise, and are not thinned."
)
METRICS: Mapping[str, Metric] = {
    "classification": Metric("accuracy", "", True, _accuracy_rows, _share, needs_classes=True),
    "segmentation": Metric("mIoU", "", True, _overlap_rows, _mean_overlap, needs_classes=True),
    "depth": Metric("RMSE", "", False, _squared_rows, _root_mean),
    "normals": Metric("mean angular error", "deg", False, _angle_rows, _mean),
    "edges": Metric("odsF", "", True, _edge_rows, _best_f, note=_ODS_NOTE),
}
"""The metric of each kind of task."""

"""Metrics: counted by hand on small cases, additive over batches, and right about what does not count."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.evaluate.metrics import METRICS, Array, Task, metric_of, notes_on, score

DIGITS = Task("digits", "classification", classes=3)
SEMSEG = Task("semseg", "segmentation", classes=3, ignore=255)
DEPTH = Task("depth", "depth")
NORMALS = Task("normals", "normals")
EDGE = Task("edge", "edges", tolerance_px=0.0)


def one_hot(classes: Array, count: int) -> Array:
    """Logits [B, count, ...] that choose `classes`."""
    return np.moveaxis(np.eye(count, dtype=np.float32)[classes], -1, 1)


def test_accuracy_is_the_share_of_samples_whose_largest_logit_is_the_label() -> None:
    assert score(DIGITS, one_hot(np.array([0, 1, 2, 2]), 3), np.array([0, 1, 1, 2])) == 0.75


def test_miou_is_the_mean_over_classes_that_occur_and_skips_ignored_pixels() -> None:
    label = np.array([[[0, 0, 1, 255]]])
    chosen = np.array([[[0, 1, 1, 1]]])
    assert score(SEMSEG, one_hot(chosen, 3), label) == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert score(SEMSEG, one_hot(np.array([[[0, 2, 1, 0]]]), 3), label) == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_rmse_takes_the_root_over_all_valid_pixels() -> None:
    label = np.array([[[1.0, 2.0], [np.nan, 4.0]]], np.float32)
    prediction = np.array([[[[1.0, 4.0], [9.0, 3.0]]]], np.float32)
    assert score(DEPTH, prediction, label) == pytest.approx(math.sqrt((0 + 4 + 1) / 3))


def test_mean_angular_error_ignores_lengths_and_pixels_without_a_normal() -> None:
    label = np.zeros((1, 3, 1, 4), np.float32)
    label[0, :, 0, 0], label[0, :, 0, 1], label[0, :, 0, 2] = (0, 0, 1), (0, 0, 1), (1, 0, 0)
    prediction = np.zeros_like(label)
    prediction[0, :, 0, 0], prediction[0, :, 0, 1], prediction[0, :, 0, 2] = (0, 0, 9), (0, 5, 5), (-2, 0, 0)
    prediction[0, :, 0, 3] = (1, 1, 1)
    assert score(NORMALS, prediction, label) == pytest.approx((0 + 45 + 180) / 3)


def test_a_prediction_without_direction_is_ninety_degrees_off() -> None:
    label = np.zeros((1, 3, 1, 1), np.float32)
    label[0, 2] = 1
    assert score(NORMALS, np.zeros_like(label), label) == pytest.approx(90)


def test_odsf_is_the_best_f_over_one_threshold_for_all_images() -> None:
    label = np.array([[[1, 1, 0, 0]], [[1, 0, 0, 0]]])
    shares = np.array([[[0.9, 0.3, 0.6, 0.1]], [[0.55, 0.1, 0.1, 0.1]]])
    logits = np.log(shares / (1 - shares))
    # From 0.31 to 0.55: three predicted, two right; up to 0.3 four and three; F is 2/3 and 6/7.
    assert score(EDGE, logits, label) == pytest.approx(6 / 7)
    assert score(EDGE, np.stack([-logits / 2, logits / 2], axis=1), label) == pytest.approx(6 / 7)


def test_edges_within_the_tolerance_are_right_and_found() -> None:
    label = np.zeros((1, 5, 9), np.int64)
    label[0, :, 4] = 1
    logits = np.full((1, 1, 5, 9), -9.0)
    logits[0, 0, :, 5] = 9.0
    assert score(EDGE, logits, label) == 0
    assert score(Task("edge", "edges", tolerance_px=1.0), logits, label) == 1
    logits[0, 0, :, 8] = 9.0
    assert score(Task("edge", "edges", tolerance_px=1.0), logits, label) == pytest.approx(2 / 3)


def test_the_default_tolerance_is_a_share_of_the_diagonal() -> None:
    label = np.zeros((1, 120, 160), np.int64)  # a diagonal of 200: one and a half pixels
    label[0, :, 80] = 1
    near, far = (np.full((1, 1, 120, 160), -9.0) for _ in range(2))
    near[..., 81], far[..., 82] = 9.0, 9.0
    task = Task("edge", "edges")
    assert (score(task, near, label), score(task, far, label)) == (1, 0)


def sample(task: Task, count: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    if task.kind == "classification":
        return rng.standard_normal((count, 3)), rng.integers(3, size=count)
    size = (count, 6, 7)
    label = {
        "segmentation": lambda: rng.choice([0, 1, 2, 255], size=size),
        "depth": lambda: np.where(rng.random(size) < 0.1, np.nan, rng.standard_normal(size)),
        "normals": lambda: rng.standard_normal((count, 3, 6, 7)),
        "edges": lambda: rng.integers(2, size=size),
    }[task.kind]()
    channels = {"segmentation": 3, "normals": 3}.get(task.kind, 1)
    return rng.standard_normal((count, channels, 6, 7)), label


@pytest.mark.parametrize("task", [DIGITS, SEMSEG, DEPTH, NORMALS, EDGE], ids=lambda task: task.kind)
@given(cut=st.integers(1, 7), seed=st.integers(0, 99))
def test_counts_of_batches_add_up_to_those_of_the_whole(task: Task, cut: int, seed: int) -> None:
    prediction, label = sample(task, 8, seed)
    metric = metric_of(task)
    parts = [metric.rows(prediction[p], label[p], task) for p in (slice(cut), slice(cut, None))]
    assert metric.score(np.concatenate(parts).sum(axis=0)) == pytest.approx(score(task, prediction, label))


@pytest.mark.parametrize("task", [DIGITS, SEMSEG, DEPTH, NORMALS, EDGE], ids=lambda task: task.kind)
def test_a_perfect_prediction_has_the_best_score(task: Task) -> None:
    _, label = sample(task, 4, 0)
    perfect = {
        "classification": lambda: one_hot(label, 3),
        "segmentation": lambda: one_hot(np.where(label == 255, 0, label), 3),
        "edges": lambda: (label * 8.0 - 4.0)[:, None],
    }.get(task.kind, lambda: label)()
    best = 1 if METRICS[task.kind].higher_is_better else 0
    assert score(task, perfect, label) == pytest.approx(best, abs=1e-6)


def test_the_standard_error_of_a_share_is_that_of_a_binomial() -> None:
    label = np.zeros(400, np.int64)
    prediction = one_hot(np.arange(400) % 4 // 3, 3)  # three quarters are right
    error = METRICS["classification"].standard_error(METRICS["classification"].rows(prediction, label, DIGITS))
    assert error == pytest.approx(math.sqrt(0.75 * 0.25 / 400), rel=0.2)


def test_the_definition_of_odsf_is_told() -> None:
    (note,) = notes_on(["accuracy", "odsF", "odsF"])
    assert "99 thresholds from 0.01 to 0.99" in note
    assert "within 0.0075 of the diagonal" in note


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match=r"task 'digits' \(classification\): predictions are \[2, 4\], need \[B, 3\]"):
        score(DIGITS, np.zeros((2, 4)), np.zeros(2, np.int64))
    with pytest.raises(InputError, match="2 predictions for 3 labels"):
        score(DIGITS, np.zeros((2, 3)), np.zeros(3, np.int64))
    with pytest.raises(InputError, match="label 7 is not one of 3 classes"):
        score(SEMSEG, np.zeros((1, 3, 1, 1)), np.full((1, 1, 1), 7))
    with pytest.raises(InputError, match=r"\(depth\): predictions are \[1, 2, 2\], need \[1, 3, 3\]"):
        score(DEPTH, np.zeros((1, 2, 2)), np.zeros((1, 3, 3)))

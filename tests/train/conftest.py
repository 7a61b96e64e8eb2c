"""Handwriting that needs no package: a stroke for each digit, different from image to image."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.train.digits import SIDE, Digits, split_digits


@pytest.fixture(scope="session")
def written() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """5,000 images of which each tells its place, and their digits, as many as in the package."""
    classes = np.repeat(np.arange(10), 500)
    images = np.zeros((5000, SIDE, SIDE), np.float32)
    images[np.arange(5000), 4:24, 8 + classes] = 1
    images[:, 0, 0] = np.arange(5000)
    return images, classes


@pytest.fixture(scope="session")
def digits(written: tuple[NDArray[np.float32], NDArray[np.int64]]) -> dict[str, Digits]:
    images = written[0].copy()
    images[:, 0, 0] = 0
    return split_digits(images, written[1], keep=(0, 1, 2, 4, 7))

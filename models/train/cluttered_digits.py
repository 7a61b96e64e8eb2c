"""Classification that a small network does not solve: one digit of any size and place among pieces of others.

A scene is the brightest of its parts at each pixel, in half of the scenes turned to its negative, plus noise. The
negatives give kernels that depend on the input something to depend on; that favours such networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from models.train.data_sets import Arrays, DataSet
from models.train.digits import LICENCE, SHARES, SIDE, SOURCE, Digits, bilinear, digits_by_split

CANVAS = 40
FRAGMENTS = 2
SCENES_OF_A_DIGIT = {"train": 6, "validation": 4, "test": 4}
SEEDS = {"train": 1, "validation": 2, "test": 3}
DATA_SET = DataSet(
    name="cluttered-digits",
    version=1,
    source=f"{SOURCE}; composed by models/train/cluttered_digits.py",
    licence=LICENCE,
    inputs={"image": {"shape": [1, CANVAS, CANVAS], "dtype": "float32"}},
    tasks={"digits": {"kind": "classification", "classes": 10}},
)
_ROWS, _COLUMNS = np.mgrid[:CANVAS, :CANVAS] - (CANVAS - 1) / 2


def make(count: Callable[[int], None]) -> dict[str, Arrays]:
    """All splits; `count` is told of every scene made."""
    digits = digits_by_split()
    return {split: _split(digits[split], split, count) for split in digits}


def scenes() -> int:
    """How many scenes `make` makes."""
    return sum(10 * SHARES[split] * times for split, times in SCENES_OF_A_DIGIT.items())


def _split(digits: Digits, split: str, count: Callable[[int], None]) -> Arrays:
    times = SCENES_OF_A_DIGIT[split]
    images = np.empty((times * len(digits.classes), 1, CANVAS, CANVAS), np.float32)
    for index, image in enumerate(_scenes(digits, times, SEEDS[split])):
        images[index, 0] = image
        count(1)
    return {"image": images, "label.digits": np.repeat(digits.classes, times)}


def _scenes(digits: Digits, times: int, seed: int) -> Iterator[NDArray[np.float64]]:
    for index in range(times * len(digits.classes)):
        rng = np.random.Generator(np.random.Philox(key=[seed, index]))
        yield scene(digits.images[index // times], digits.images, rng)


def scene(digit: NDArray[np.float32], others: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
    """One scene [40, 40], values about -0.5..0.5, around `digit` [28, 28] with pieces of `others`."""
    parts = [_placed(digit, rng)]
    parts += [_fragment(others[rng.integers(len(others))], rng) for _ in range(FRAGMENTS)]
    merged = np.maximum.reduce([*parts, _stroke(rng)])
    if rng.random() < 0.5:
        merged = 1 - merged
    noise = rng.uniform(0.02, 0.12) * rng.standard_normal(merged.shape)
    return np.clip(merged + noise, -0.5, 1.5) - 0.5


def _placed(digit: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
    side, angle = rng.uniform(24, 32), np.deg2rad(rng.uniform(-10, 10))
    y, x = rng.uniform(-1, 1, 2) * (CANVAS - 0.75 * side) / 2
    down, right = _ROWS - y, _COLUMNS - x
    row = (np.cos(angle) * down + np.sin(angle) * right) * SIDE / side + (SIDE - 1) / 2
    column = (np.cos(angle) * right - np.sin(angle) * down) * SIDE / side + (SIDE - 1) / 2
    return rng.uniform(0.7, 1) * bilinear(digit, row, column)


def _fragment(other: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
    """A square window that shows a piece of another digit, which is 26 pixels large here."""
    half, (y, x) = rng.uniform(6, 9) / 2, rng.uniform(-18, 18, 2)
    centre_y, centre_x = rng.uniform(-0.35, 0.35, 2)
    down, right = _ROWS - y, _COLUMNS - x
    row, column = ((axis / 13 + centre + 1) * SIDE / 2 - 0.5 for axis, centre in ((down, centre_y), (right, centre_x)))
    window = (np.abs(down) < half) & (np.abs(right) < half)
    return np.where(window, rng.uniform(0.3, 0.7) * bilinear(other, row, column), 0)


def _stroke(rng: np.random.Generator) -> NDArray[np.float64]:
    """A straight line with a soft edge."""
    (y, x), angle, length = rng.uniform(-20, 20, 2), rng.uniform(0, 2 * np.pi), rng.uniform(6, 12)
    along_y, along_x = np.sin(angle), np.cos(angle)
    down, right = _ROWS - y, _COLUMNS - x
    along = np.clip(down * along_y + right * along_x, 0, length)
    squared = (down - along * along_y) ** 2 + (right - along * along_x) ** 2
    return rng.uniform(0.3, 0.7) * np.exp(-squared / (2 * 0.8**2))

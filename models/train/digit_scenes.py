"""Dense prediction with depth: digits embossed or engraved on tilted tiles before a tilted wall.

Tiles and wall have the same kind of texture, haze and soft shading. There are two data sets, in two lights: in clear
light the ink of a digit and the shade of its relief show; in dim light both hardly do, and depth, which a sensor
measures beside the colours, is the better witness. Every scene is drawn by a generator of its own, keyed by split and
index.

Depth runs from 0 (near) to 1 (far); slopes are in depth per `SPAN` pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.train.data_sets import Arrays, DataSet
from models.train.digits import LICENCE, SIDE, SOURCE, Digits, bilinear, digits_by_split

Values = NDArray[np.float64]

CANVAS = 32
SPAN = 16
KEEP = (0, 1, 2, 4, 7)
"""Digits that a tile of 18 pixels tells apart; class 0 is the wall."""
SCENES = {"train": 12_000, "validation": 1_000, "test": 1_500}
SEEDS = {"train": 11, "validation": 12, "test": 13}
SECOND_TILE = 0.6
RELIEF = (0.06, 0.10)
SENSOR_NOISE = 0.01
NORMAL_SCALE = 27.0
SLOPE_GAIN, SLOPE_BOUND = 10.0, 1.5
HAZE = np.array([0.62, 0.66, 0.72])
SUN = np.array([-0.5, -0.6, 0.62])
_OCTAVES = ((4, 0.5), (8, 0.6), (16, 0.7), (32, 0.5))


@dataclass(frozen=True)
class Light:
    """How much of a scene the colours show: contrast of ink from..to, share of light that has no direction, noise."""

    contrast: tuple[float, float]
    ambient: float
    noise: float


LIGHTS = {
    "digit-scenes": Light(contrast=(0.08, 0.45), ambient=0.75, noise=0.03),
    "digit-scenes-dim": Light(contrast=(0.02, 0.12), ambient=0.95, noise=0.05),
}
DATA_SETS = tuple(
    DataSet(
        name=name,
        version=1,
        source=f"{SOURCE}; composed by models/train/digit_scenes.py",
        licence=LICENCE,
        inputs={
            "image": {"shape": [3, CANVAS, CANVAS], "dtype": "float32"},
            "depth": {"shape": [3, CANVAS, CANVAS], "dtype": "float32"},
        },
        tasks={
            "semseg": {"kind": "segmentation", "classes": 1 + len(KEEP), "ignore": 255},
            "depth": {"kind": "depth"},
            "normals": {"kind": "normals"},
            "edge": {"kind": "edges"},
        },
    )
    for name in LIGHTS
)
_ROWS, _COLUMNS = np.mgrid[:CANVAS, :CANVAS].astype(np.float64)


@dataclass(frozen=True)
class Surface:
    """What a pixel would show of the wall or of a tile: depth (infinite outside), ink 0..1, and its own looks."""

    depth: Values
    ink: Values
    label: int
    tint: Values
    ink_colour: Values


@dataclass(frozen=True)
class Scene:
    """Image and sensor [3, Y, X] as a network takes them, and the labels [Y, X], normals [3, Y, X]."""

    image: NDArray[np.float32]
    sensor: NDArray[np.float32]
    classes: NDArray[np.uint8]
    depth: NDArray[np.float32]
    normals: NDArray[np.float32]
    edges: NDArray[np.uint8]


def make(count: Callable[[int], None], *, name: str) -> dict[str, Arrays]:
    """All splits of a data set; `count` is told of every scene made."""
    digits = digits_by_split(keep=KEEP)
    return {split: _split(digits[split], split, LIGHTS[name], count) for split in SCENES}


def scenes() -> int:
    """How many scenes `make` makes."""
    return sum(SCENES.values())


def _split(digits: Digits, split: str, light: Light, count: Callable[[int], None]) -> Arrays:
    size = (SCENES[split], CANVAS, CANVAS)
    arrays: dict[str, NDArray[np.generic]] = {
        "image": np.empty((size[0], 3, *size[1:]), np.float32),
        "depth": np.empty((size[0], 3, *size[1:]), np.float32),
        "label.semseg": np.empty(size, np.uint8),
        "label.depth": np.empty(size, np.float32),
        "label.normals": np.empty((size[0], 3, *size[1:]), np.float16),
        "label.edge": np.empty(size, np.uint8),
    }
    for index in range(size[0]):
        made = scene(digits, np.random.Generator(np.random.Philox(key=[SEEDS[split], index])), light)
        values = (made.image, made.sensor, made.classes, made.depth, made.normals, made.edges)
        for array, value in zip(arrays.values(), values, strict=True):
            array[index] = value
        count(1)
    return arrays


def scene(digits: Digits, rng: np.random.Generator, light: Light) -> Scene:
    """One scene: the nearest of wall and tiles at every pixel, its labels, and what camera and sensor see of it."""
    tiles = 2 if rng.random() < SECOND_TILE else 1
    surfaces = [_wall(rng), *(_tile(digits, rng, light.contrast) for _ in range(tiles))]
    nearest = np.argmin([surface.depth for surface in surfaces], axis=0)
    depth = _visible([surface.depth for surface in surfaces], nearest)
    normals = _normals(depth, nearest)
    image = _camera(surfaces, (nearest, depth, normals), rng, light)
    return Scene(
        image=((np.round(image * 255) / 255 - 0.5) * 4).astype(np.float32),
        sensor=_sensor(depth + SENSOR_NOISE * rng.standard_normal(depth.shape)).astype(np.float32),
        classes=np.array([surface.label for surface in surfaces], np.uint8)[nearest],
        depth=depth.astype(np.float32),
        normals=normals.astype(np.float32),
        edges=_borders(nearest).astype(np.uint8),
    )


def _wall(rng: np.random.Generator) -> Surface:
    slope_y, slope_x = rng.uniform(-0.08, 0.08, 2)
    middle = (CANVAS - 1) / 2
    depth = 0.9 + rng.uniform(-0.05, 0.05) + (slope_y * (_ROWS - middle) + slope_x * (_COLUMNS - middle)) / SPAN
    return Surface(depth, np.zeros_like(depth), 0, 0.04 * rng.standard_normal(3), np.zeros(3))


def _tile(digits: Digits, rng: np.random.Generator, contrast: tuple[float, float]) -> Surface:
    """A square tile, the larger the nearer, with a digit raised from it or cut into it."""
    centre_depth, (y, x) = rng.uniform(0.2, 0.55), rng.uniform(7, CANVAS - 7, 2)
    half, angle = 7.2 / (centre_depth + 0.25) * rng.uniform(0.9, 1.1), rng.uniform(-0.15, 0.15)
    slope_y, slope_x = rng.uniform(-0.25, 0.25, 2)
    down, right = _ROWS - y, _COLUMNS - x
    row = (np.cos(angle) * down + np.sin(angle) * right) / half
    column = (np.cos(angle) * right - np.sin(angle) * down) / half
    index = int(rng.integers(len(digits.classes)))
    centre = (SIDE - 1) / 2
    ink = bilinear(digits.images[index], (1.05 * row) * SIDE / 2 + centre, (1.05 * column) * SIDE / 2 + centre)
    relief = rng.choice([-1, 1]) * rng.uniform(*RELIEF)
    depth = centre_depth + (slope_y * down + slope_x * right) / SPAN + relief * ink
    direction = rng.standard_normal(3)
    return Surface(
        depth=np.where((np.abs(row) < 1) & (np.abs(column) < 1), depth, np.inf),
        ink=ink,
        label=1 + KEEP.index(int(digits.classes[index])),
        tint=0.04 * rng.standard_normal(3),
        ink_colour=rng.uniform(*contrast) * direction / np.linalg.norm(direction),
    )


def _visible(values: list[Values], nearest: NDArray[np.intp]) -> Values:
    return np.take_along_axis(np.stack(values), nearest[None], axis=0)[0]


def _normals(depth: Values, nearest: NDArray[np.intp]) -> Values:
    """Unit normals [3, Y, X] towards the camera; a slope across the border of two surfaces counts as 0."""
    slopes = []
    for axis in (1, 0):
        before, after = (_shifted(depth, step, axis) for step in (-1, 1))
        same = (_shifted(nearest, -1, axis) == nearest) & (_shifted(nearest, 1, axis) == nearest)
        slopes.append(np.where(same, (after - before) / 2, 0))
    normals = np.stack([-NORMAL_SCALE * slopes[0], -NORMAL_SCALE * slopes[1], np.ones_like(depth)])
    return normals / np.linalg.norm(normals, axis=0)


def _sensor(depth: Values) -> Values:
    """Depth and its slopes down and to the right, all near 0..1 in size: [3, Y, X].

    As the usual encoding of depth for networks does, which holds angles of the surface beside the depth (HHA, Gupta et
    al., ECCV 2014).
    """
    slopes = [SLOPE_GAIN * (_shifted(depth, 1, axis) - _shifted(depth, -1, axis)) / 2 for axis in (0, 1)]
    return np.stack([(depth - 0.6) * 3.5, *(np.clip(slope, -SLOPE_BOUND, SLOPE_BOUND) for slope in slopes)])


def _borders(nearest: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Pixels whose neighbours on two sides belong to different surfaces."""
    return np.logical_or.reduce([_shifted(nearest, -1, axis) != _shifted(nearest, 1, axis) for axis in (0, 1)])


def _shifted(values: NDArray[np.generic], step: int, axis: int) -> NDArray[np.generic]:
    """The neighbour `step` pixels on; at the border of the image the pixel itself."""
    index = np.clip(np.arange(CANVAS) + step, 0, CANVAS - 1)
    return np.take(values, index, axis=axis)


def _camera(
    surfaces: list[Surface],
    visible: tuple[NDArray[np.intp], Values, Values],
    rng: np.random.Generator,
    light: Light,
) -> Values:
    """The colours [3, Y, X] in 0..1: tint, texture and ink, soft light from the upper left, haze, noise."""
    nearest, depth, normals = visible
    base = (0.5 + 0.12 * rng.standard_normal(3))[:, None, None]
    looks = [
        surface.tint[:, None, None] + 0.06 * _texture(rng) + surface.ink_colour[:, None, None] * surface.ink
        for surface in surfaces
    ]
    albedo = base + np.take_along_axis(np.stack(looks), nearest[None, None], axis=0)[0]
    facing = np.maximum(0, np.tensordot(SUN / np.linalg.norm(SUN), normals, axes=1))
    shade = light.ambient + (1 - light.ambient) * facing / 0.8
    veil = 0.55 * np.clip(depth, 0, 1)
    seen = albedo * shade * (1 - veil) + HAZE[:, None, None] * veil
    return np.clip(seen + light.noise * rng.standard_normal(seen.shape), 0, 1)


def _texture(rng: np.random.Generator) -> Values:
    """Coloured noise [3, Y, X] at four scales."""
    return np.sum(
        [
            gain * (spread @ rng.standard_normal((3, cells, cells)) @ spread.T)
            for (cells, gain), spread in zip(_OCTAVES, _SPREADS, strict=True)
        ],
        axis=0,
    )


def _spread(cells: int) -> Values:
    """The matrix [32, cells] that doubles a row of cells to pixels, linear between their centres."""
    place = np.clip((np.arange(CANVAS) + 0.5) * cells / CANVAS - 0.5, 0, cells - 1)
    low = np.minimum(place.astype(np.int64), max(cells - 2, 0))
    matrix = np.zeros((CANVAS, cells))
    matrix[np.arange(CANVAS), low] = 1 - (place - low)
    matrix[np.arange(CANVAS), np.minimum(low + 1, cells - 1)] += place - low
    return matrix


_SPREADS = tuple(_spread(cells) for cells, _ in _OCTAVES)

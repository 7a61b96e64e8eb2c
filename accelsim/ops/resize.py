"""resize: images to another height and width.

`coordinates` says which point of the source an output pixel i of n looks at, for a source of m pixels:
half_pixel (i + 1/2) m/n - 1/2, align_corners i (m-1)/(n-1), asymmetric i m/n. Positions are exact fractions:
no rounding of m/n moves a pixel. `bilinear` clamps the point to the image. `nearest` takes the pixel below it
for asymmetric (PyTorch's `nearest`), else the nearest, the upper of two (PyTorch's `nearest-exact`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import choice, integers
from accelsim.ops.nests import pointwise
from accelsim.ops.operands import Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

Index = NDArray[np.int64]

_POSITIONS: dict[str, Callable[[Index, int, int], tuple[Index, int]]] = {
    "half_pixel": lambda i, m, n: ((2 * i + 1) * m - n, 2 * n),
    "align_corners": lambda i, m, n: (i * (m - 1), max(n - 1, 1)),
    "asymmetric": lambda i, m, n: (i * m, n),
}


def source_positions(coordinates: str, source: int, target: int) -> tuple[Index, int]:
    """For each output pixel along one axis the point it looks at, as numerators over one denominator."""
    return _POSITIONS[coordinates](np.arange(target, dtype=np.int64), source, target)


def nearest_indices(coordinates: str, source: int, target: int) -> Index:
    """The source pixel of each output pixel."""
    above, below = source_positions(coordinates, source, target)
    index = above // below if coordinates == "asymmetric" else (2 * above + below) // (2 * below)
    return np.asarray(np.clip(index, 0, source - 1))


def linear_indices(coordinates: str, source: int, target: int) -> tuple[Index, Index, NDArray[np.float64]]:
    """The two source pixels around each output pixel and the weight of the second."""
    above, below = source_positions(coordinates, source, target)
    clamped = np.clip(above, 0, (source - 1) * below)
    low = clamped // below
    return low, np.minimum(low + 1, source - 1), (clamped - low * below) / below


def _nearest(x: Array, size: tuple[int, ...], coordinates: str) -> Array:
    rows = nearest_indices(coordinates, x.shape[2], size[0])
    columns = nearest_indices(coordinates, x.shape[3], size[1])
    return x[:, :, rows[:, None], columns]


def _bilinear(x: Array, size: tuple[int, ...], coordinates: str) -> Array:
    low, high, weight = linear_indices(coordinates, x.shape[2], size[0])
    down = weight.astype(x.dtype)[:, None]
    rows = x[:, :, low] * (1 - down) + x[:, :, high] * down
    low, high, weight = linear_indices(coordinates, x.shape[3], size[1])
    across = weight.astype(x.dtype)
    return np.asarray(rows[..., low] * (1 - across) + rows[..., high] * across)


_MODES: dict[str, Callable[[Array, tuple[int, ...], str], Array]] = {
    "bilinear": _bilinear,
    "nearest": _nearest,
}


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    size = integers("resize", attrs, "size", count=2, least=1)
    choice("resize", attrs, "mode", _MODES)
    choice("resize", attrs, "coordinates", _POSITIONS)
    operands = Operands("resize", ("x",), types)
    x = operands.get(0, rank=4)
    if min(x.shape[2:]) < 1:
        operands.fail(f"{operands.show(0)} is an image without pixels")
    return (Tensor((*x.shape[:2], *size), x.dtype),)


def _resize(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    size = integers("resize", attrs, "size")
    mode = choice("resize", attrs, "mode", _MODES)
    return (_MODES[mode](required(arrays, 0), size, choice("resize", attrs, "coordinates", _POSITIONS)),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    return pointwise(node, "interpolate")


RESIZE = OpSpec(
    "resize",
    ("x",),
    ("y",),
    _infer,
    _resize,
    _work,
    attrs={"size": REQUIRED, "mode": "bilinear", "coordinates": "half_pixel"},
)

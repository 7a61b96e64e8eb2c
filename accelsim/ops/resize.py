"""resize: images to another height and width.

`coordinates` says which point of the source an output pixel i of n looks at, for a source of m pixels:
half_pixel (i + 1/2) m/n - 1/2, align_corners i (m-1)/(n-1), asymmetric i m/n; pytorch_half_pixel is half_pixel, and
0 for a single pixel; half_pixel_symmetric is half_pixel about the middle of the image. Positions are exact fractions:
no rounding of m/n moves a pixel. `scales` replaces n/m where the size is that of a product which was cut.

`bilinear` clamps the point to the image, `cubic` the pixels that it reads (coefficient `cubic_a`), unless
`exclude_outside` leaves those out. `nearest` takes the pixel that the attribute `nearest` says; by default the one
below for asymmetric (PyTorch's `nearest`), else the nearest, the upper of two (PyTorch's `nearest-exact`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import choice, flag, integers, real
from accelsim.ops.nests import pointwise
from accelsim.ops.operands import ANY, REAL, Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, ShapeError, WorkInput

Index = NDArray[np.int64]
Weight = NDArray[np.float64]

_DENOMINATOR = 1_000_000
"""A scale is the nearest fraction with a denominator up to this: 0.6 in float32 means 3/5."""


@dataclass(frozen=True)
class Line:
    """One axis of an image: source and target pixels, and source pixels for each target pixel as p / q."""

    source: int
    target: int
    p: int
    q: int


def line_of(source: int, target: int, scale: float | None = None) -> Line:
    ratio = Fraction(source, target) if scale is None else 1 / Fraction(scale).limit_denominator(_DENOMINATOR)
    return Line(source, target, ratio.numerator, ratio.denominator)


Positions = Callable[[Index, Line], tuple[Index, int]]


def _half_pixel(i: Index, line: Line) -> tuple[Index, int]:
    return (2 * i + 1) * line.p - line.q, 2 * line.q


def _half_pixel_symmetric(i: Index, line: Line) -> tuple[Index, int]:
    """Moved by half of what the cut size lacks of the uncut: (source - target p/q) / 2."""
    above, below = _half_pixel(i, line)
    return above + line.source * line.q - line.target * line.p, below


def _align_corners(i: Index, line: Line) -> tuple[Index, int]:
    """i (m-1) / (n-1) with n = m q / p, the size before it is cut; a single pixel looks at the first."""
    return i * (line.source - 1) * line.p, max(line.source * line.q - line.p, 1)


_POSITIONS: Mapping[str, Positions] = {
    "half_pixel": _half_pixel,
    "align_corners": _align_corners,
    "asymmetric": lambda i, line: (i * line.p, line.q),
    "pytorch_half_pixel": lambda i, line: _half_pixel(i, line) if line.target > 1 else (0 * i, 1),
    "half_pixel_symmetric": _half_pixel_symmetric,
}
_ROUNDINGS: Mapping[str, Callable[[Index, int], Index]] = {
    "floor": lambda above, below: above // below,
    "ceil": lambda above, below: -(-above // below),
    "round_prefer_floor": lambda above, below: -((below - 2 * above) // (2 * below)),
    "round_prefer_ceil": lambda above, below: (2 * above + below) // (2 * below),
}


def source_positions(coordinates: str, line: Line) -> tuple[Index, int]:
    """For each output pixel along one axis the point it looks at, as numerators over one denominator."""
    return _POSITIONS[coordinates](np.arange(line.target, dtype=np.int64), line)


def nearest_indices(coordinates: str, line: Line, rounding: str | None = None) -> Index:
    """The source pixel of each output pixel."""
    default = "floor" if coordinates == "asymmetric" else "round_prefer_ceil"
    return np.clip(_ROUNDINGS[rounding or default](*source_positions(coordinates, line)), 0, line.source - 1)


def linear_indices(coordinates: str, line: Line) -> tuple[Index, Index, Weight]:
    """The two source pixels around each output pixel and the weight of the second."""
    above, below = source_positions(coordinates, line)
    clamped = np.clip(above, 0, (line.source - 1) * below)
    low = clamped // below
    return low, np.minimum(low + 1, line.source - 1), (clamped - low * below) / below


def _cubic_taps(coordinates: str, line: Line, a: float, exclude_outside: bool) -> tuple[Index, Weight]:
    """Four source pixels of each output pixel and their weights [4, target] (Keys, 1981)."""
    above, below = source_positions(coordinates, line)
    first = above // below - 1
    pixels = first + np.arange(4)[:, None]
    d = np.abs(above / below - pixels)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    weights = np.where(d <= 1, near, far)
    if exclude_outside:
        weights = np.where((pixels >= 0) & (pixels < line.source), weights, 0)
        weights = weights / weights.sum(axis=0)
    return np.clip(pixels, 0, line.source - 1), weights


def _nearest(x: Array, lines: tuple[Line, Line], attrs: Attrs) -> Array:
    coordinates, rounding = str(attrs["coordinates"]), attrs["nearest"]
    rows, columns = (nearest_indices(coordinates, line, None if rounding is None else str(rounding)) for line in lines)
    return np.asarray(x[:, :, rows[:, None], columns])


def _bilinear(x: Array, lines: tuple[Line, Line], attrs: Attrs) -> Array:
    coordinates = str(attrs["coordinates"])
    low, high, weight = linear_indices(coordinates, lines[0])
    down = weight.astype(x.dtype)[:, None]
    rows = x[:, :, low] * (1 - down) + x[:, :, high] * down
    low, high, weight = linear_indices(coordinates, lines[1])
    across = weight.astype(x.dtype)
    return np.asarray(rows[..., low] * (1 - across) + rows[..., high] * across)


def _cubic(x: Array, lines: tuple[Line, Line], attrs: Attrs) -> Array:
    coordinates = str(attrs["coordinates"])
    a, exclude = real("resize", attrs, "cubic_a"), flag("resize", attrs, "exclude_outside")
    pixels, weights = _cubic_taps(coordinates, lines[0], a, exclude)
    down = weights.astype(x.dtype)[..., None]
    rows = sum(x[:, :, pixels[tap]] * down[tap] for tap in range(4))
    pixels, weights = _cubic_taps(coordinates, lines[1], a, exclude)
    across = weights.astype(x.dtype)
    return np.asarray(sum(np.asarray(rows)[..., pixels[tap]] * across[tap] for tap in range(4)))


_MODES: Mapping[str, Callable[[Array, tuple[Line, Line], Attrs], Array]] = {
    "bilinear": _bilinear,
    "cubic": _cubic,
    "nearest": _nearest,
}


def resize_lines(shape: tuple[int, ...], attrs: Attrs) -> tuple[Line, Line]:
    """Height and width of an image [N, C, H, W] as a resize with these attributes sees them."""
    height, width = integers("resize", attrs, "size", count=2, least=1)
    vertical, horizontal = _scales(attrs)
    return line_of(shape[2], height, vertical), line_of(shape[3], width, horizontal)


def _scales(attrs: Attrs) -> tuple[float | None, float | None]:
    scales = attrs["scales"]
    if scales is None:
        return None, None
    if not isinstance(scales, tuple) or len(scales) != 2:
        raise ShapeError(f"resize: attribute scales is {scales!r}, needs two numbers")
    first, second = (float(s) if isinstance(s, int | float) else 0.0 for s in scales)
    if min(first, second) * _DENOMINATOR < 1:
        raise ShapeError(f"resize: attribute scales is {scales!r}, needs two numbers above 0")
    return first, second


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    size = integers("resize", attrs, "size", count=2, least=1)
    choice("resize", attrs, "mode", _MODES)
    choice("resize", attrs, "coordinates", _POSITIONS)
    if attrs["nearest"] is not None:
        choice("resize", attrs, "nearest", _ROUNDINGS)
    real("resize", attrs, "cubic_a")
    flag("resize", attrs, "exclude_outside")
    _scales(attrs)
    operands = Operands("resize", ("x",), types)
    x = operands.get(0, rank=4, kinds=_KINDS[str(attrs["mode"])])
    if min(x.shape[2:]) < 1:
        operands.fail(f"{operands.show(0)} is an image without pixels")
    return (Tensor((*x.shape[:2], *size), x.dtype),)


def _resize(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x = required(arrays, 0)
    return (_MODES[choice("resize", attrs, "mode", _MODES)](x, resize_lines(x.shape, attrs), attrs),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    return pointwise(node, "interpolate")


_KINDS = {"bilinear": REAL, "cubic": REAL, "nearest": ANY}

RESIZE = OpSpec(
    "resize",
    ("x",),
    ("y",),
    _infer,
    _resize,
    _work,
    attrs={
        "size": REQUIRED,
        "mode": "bilinear",
        "coordinates": "half_pixel",
        "nearest": None,
        "scales": None,
        "cubic_a": -0.75,
        "exclude_outside": False,
    },
)

"""A convolution of an image that was just doubled reads every pixel four times: it can run before the doubling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.ir.graph import Graph, Node
from accelsim.ops.conv_geometry import Geometry
from accelsim.ops.resize import nearest_indices, resize_lines
from accelsim.passes.constants import Array, operand, trimmed
from accelsim.passes.patterns import View
from accelsim.passes.pieces import Pieces, taken_apart

_PLAIN = Geometry((1, 1), (0, 0, 0, 0), (1, 1), 1)
_REFLECT, _PHASES = (0, 0, 1, 1, 0, 0, 1, 1), ((0, 0), (0, 1), (1, 0), (1, 1))


def shrink_upsampled_conv(graph: Graph) -> Graph:
    """Each 3x3 conv2d of a nearest resize to twice the size, its border reflected, becomes four 2x2 of the small image.

    Of three neighbours in a doubled row two are copies of one pixel, so their taps add up: 4 products an output in
    place of 9. The border is a copy of the pixel beside it, because reflection meets the other copy. A concatenation
    of such an image with others is split by linearity: the others keep their 3x3. Results differ by rounding alone.
    """
    return taken_apart(graph, _apart, after="shrink_upsampled_conv")


@dataclass(frozen=True)
class _Channels:
    """Input channels `first` to `last` of the convolution, and the tensor they come from, small or of full size."""

    tensor: str
    first: int
    last: int
    doubled: bool


def _apart(view: View, pieces: Pieces, node: Node) -> bool:
    parts = _parts(view, node)
    if not pieces.constants.known(*node.inputs[1:]) or not any(part.doubled for part in parts):
        return False
    kernel = pieces.constants.value(node.inputs[1])
    doubled, others = ([part for part in parts if part.doubled is wanted] for wanted in (True, False))
    bias = operand(node, 2)
    small = _joined(pieces, "small", doubled)
    phases = [_phase(pieces, small, _channels(kernel, doubled), phase, bias if not others else "") for phase in _PHASES]
    stacked = pieces.add("phases", "concat", tuple(phases), {"axis": 1})
    full = pieces.add("interleaved", "depth_to_space", (stacked,), {"block": 2, "mode": "DCR"})
    if others:
        whole = _joined(pieces, "others", others)
        image = pieces.add("others.pad", "pad", (whole,), {"pads": _REFLECT, "mode": "reflect"})
        w = pieces.constant("others", node.inputs[1], _channels(kernel, others))
        conv = pieces.add("others.conv", "conv2d", trimmed(image, w, bias), _PLAIN.attrs)
        pieces.add("sum", "add", (conv, full))
    return True


def _parts(view: View, node: Node) -> list[_Channels]:
    """What the convolution sees, none where it is another kind or its border is."""
    pad = view.inner(node.inputs[0], "pad") if node.op == "conv2d" else None
    if pad is None or pad.attrs["pads"] != _REFLECT or pad.attrs["mode"] != "reflect":
        return []
    if view.shape(node.inputs[1])[2:] != (3, 3) or Geometry.of(node.op, node.attrs) != _PLAIN:
        return []
    joined = view.inner(pad.inputs[0], "concat")
    names = joined.inputs if joined is not None and joined.attrs["axis"] == 1 else (pad.inputs[0],)
    found, first = [], 0
    for name in names:
        last, resize = first + view.shape(name)[1], view.inner(name, "resize")
        twice = resize is not None and _doubles(view, resize)
        found.append(_Channels(resize.inputs[0] if resize is not None and twice else name, first, last, twice))
        first = last
    return found


def _doubles(view: View, resize: Node) -> bool:
    """Whether pixel i of the result is pixel i // 2 of the source, both ways."""
    if resize.attrs["mode"] != "nearest":
        return False
    coordinates, rounding = resize.attrs["coordinates"], resize.attrs["nearest"]
    assert isinstance(coordinates, str)
    assert rounding is None or isinstance(rounding, str)
    return all(
        line.target == 2 * line.source
        and np.array_equal(nearest_indices(coordinates, line, rounding), np.arange(line.target) // 2)
        for line in resize_lines(view.shape(resize.inputs[0]), resize.attrs)
    )


def _joined(pieces: Pieces, name: str, parts: list[_Channels]) -> str:
    tensors = tuple(part.tensor for part in parts)
    return tensors[0] if len(tensors) == 1 else pieces.add(name, "concat", tensors, {"axis": 1})


def _channels(kernel: Array, parts: list[_Channels]) -> Array:
    return np.concatenate([kernel[:, part.first : part.last] for part in parts], axis=1)


def _phase(pieces: Pieces, small: str, kernel: Array, phase: tuple[int, int], bias: str) -> str:
    """Outputs (2i + row, 2j + column): taps of copies added up in double precision."""
    (row, column), name = phase, f"phase{phase[0]}{phase[1]}"
    taps = kernel.astype(np.float64)
    for axis, later in ((2, row), (3, column)):
        halves = np.split(taps, [2] if later else [1], axis=axis)
        taps = np.concatenate([half.sum(axis=axis, keepdims=True) for half in halves], axis=axis)
    pads = (0, 0, 1 - row, 1 - column, 0, 0, row, column)
    image = pieces.add(f"{name}.pad", "pad", (small,), {"pads": pads, "mode": "edge"})
    like = pieces.node.inputs[1]
    return pieces.add(name, "conv2d", trimmed(image, pieces.constant(name, like, taps), bias), _PLAIN.attrs)

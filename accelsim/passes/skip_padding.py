"""Taps of a dilated convolution that fall into its zero padding add nothing: they can be left out."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from accelsim.ir.graph import AttrValue, Graph, Node
from accelsim.ops.conv_geometry import Geometry
from accelsim.passes.constants import operand, trimmed
from accelsim.passes.patterns import View
from accelsim.passes.pieces import Pieces, taken_apart

MOST_LIVE = 0.9
"""A convolution is cut where fewer of its products than this read the image: around a border one pixel wide the cuts
would cost more than they save."""


class Band(NamedTuple):
    """Outputs `first` to `last` along an axis, the taps that meet the image for all of them, and the inputs read."""

    first: int
    last: int
    tap: int
    tap_end: int
    start: int
    end: int


def skip_padding(graph: Graph) -> Graph:
    """Each conv2d of which many products are with padding becomes one for each region whose live taps are the same.

    An atrous 3x3 of rate r has nine regions: in a corner four taps are alive, along an edge six. Regions are cut out
    of the input and put together again. Results differ by the order of their sums alone.
    """
    return taken_apart(graph, _apart, after="skip_padding")


def live_share(geometry: Geometry, image: tuple[int, int], kernel: tuple[int, int]) -> float:
    """Share of the products of a convolution that read the image and not its padding."""
    rows, columns = (bands(geometry, image, kernel, axis) for axis in (0, 1))
    live = [sum((band.last - band.first) * (band.tap_end - band.tap) for band in one) for one in (rows, columns)]
    height, width = geometry.size(image, kernel)
    return live[0] * live[1] / (height * width * kernel[0] * kernel[1])


def bands(geometry: Geometry, image: tuple[int, int], kernel: tuple[int, int], axis: int) -> list[Band]:
    """Outputs along an axis, cut where the taps that meet the image change; a band may have none."""
    stride, dilation, before = geometry.stride[axis], geometry.dilation[axis], geometry.padding[axis]

    def live(output: int) -> tuple[int, int]:
        met = [tap for tap in range(kernel[axis]) if 0 <= output * stride - before + tap * dilation < image[axis]]
        return (met[0], met[-1] + 1) if met else (0, 0)

    found = []
    for (tap, tap_end), run in groupby(range(geometry.size(image, kernel)[axis]), live):
        outputs = list(run)
        start = outputs[0] * stride - before + tap * dilation
        end = outputs[-1] * stride - before + (tap_end - 1) * dilation + 1
        found.append(Band(outputs[0], outputs[-1] + 1, tap, tap_end, start, end))
    return found


def _apart(view: View, pieces: Pieces, node: Node) -> bool:
    if node.op != "conv2d" or not pieces.constants.known(*node.inputs[1:]):
        return False
    geometry = Geometry.of(node.op, node.attrs)
    image, kernel = (_plane(view.shape(name)) for name in node.inputs[:2])
    rows, columns = (bands(geometry, image, kernel, axis) for axis in (0, 1))
    dead = any(band.tap == band.tap_end for band in (*rows, *columns))
    if dead or live_share(geometry, image, kernel) > MOST_LIVE:
        return False
    strips = []
    for i, row in enumerate(rows):
        regions = [_region(pieces, geometry, row, column, f"region{i}{j}") for j, column in enumerate(columns)]
        strips.append(_together(pieces, f"strip{i}", regions, 3))
    _together(pieces, "regions", strips, 2)
    return True


def _plane(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[2], shape[3]


def _region(pieces: Pieces, geometry: Geometry, row: Band, column: Band, name: str) -> str:
    """The outputs of two bands, from the inputs that their live taps read."""
    x, w = pieces.node.inputs[:2]
    kernel = pieces.constants.value(w)[:, :, row.tap : row.tap_end, column.tap : column.tap_end]
    where: dict[str, AttrValue] = {
        "starts": (row.start, column.start),
        "ends": (row.end, column.end),
        "axes": (2, 3),
        "steps": (1, 1),
    }
    inputs = (pieces.add(f"{name}.input", "slice", (x,), where), pieces.constant(name, w, kernel))
    attrs = replace(geometry, padding=(0, 0, 0, 0)).attrs
    return pieces.add(name, "conv2d", trimmed(*inputs, operand(pieces.node, 2)), attrs)


def _together(pieces: Pieces, name: str, parts: list[str], axis: int) -> str:
    return parts[0] if len(parts) == 1 else pieces.add(name, "concat", tuple(parts), {"axis": axis})

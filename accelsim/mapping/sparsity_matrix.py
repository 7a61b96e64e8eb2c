"""A layer's weights as a matrix of outputs x inputs, and what can be counted of its zeros.

Inputs are in the order in which an array meets them: kernel row, kernel column, channel for a convolution. Counts come
from the weights themselves where the graph has them, else from zeros drawn with the scenario's seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.ir.sparsity import Pattern
from accelsim.ir.weights import Array
from accelsim.mapping.context import does_not_fit

Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

_LARGEST = 2**29  # weights of one layer whose zeros are looked at; a byte each
_CHUNK = 2**22  # weights drawn, or looked at for runs of zeros, at a time


@dataclass(frozen=True)
class Matrix:
    """Weights of `outputs` x `inputs`; `run` neighbouring inputs belong to one kernel position.

    Either `array` has the values (then `digest`, `part` and `order` tell it from others), or `pattern` is drawn with
    `seed`. `part` is the expert whose slice it is.
    """

    outputs: int
    inputs: int
    run: int
    digest: str = ""
    part: int | None = None
    order: str = ""
    pattern: Pattern | None = None
    seed: int = 0
    array: Array | None = field(default=None, compare=False, repr=False)

    @property
    def elements(self) -> int:
        return self.outputs * self.inputs

    @property
    def declared(self) -> bool:
        return self.pattern is not None


def _linear(array: Array) -> Array:
    return array


def _transposed(array: Array) -> Array:
    return array.T


def _convolution(array: Array) -> Array:
    return array.transpose(0, 2, 3, 1).reshape(array.shape[0], -1)


ORDERS: dict[str, Callable[[Array], Array]] = {
    "linear": _linear,
    "transposed": _transposed,
    "convolution": _convolution,
}
"""How an array of weights becomes a matrix of outputs x inputs."""


@lru_cache(maxsize=2)
def mask_of(matrix: Matrix) -> Mask:
    """[outputs, inputs]: whether a weight is kept. Raises DoesNotFitError for a layer too large to look at."""
    if matrix.elements > _LARGEST:
        what = f"sparsity: the zeros of a layer of {matrix.outputs:,} x {matrix.inputs:,} weights"
        raise does_not_fit(what, matrix.elements, _LARGEST, "weights", "declare 'dense' for it")
    if matrix.pattern is not None:
        mask = _DRAWN[matrix.pattern.kind](matrix, matrix.pattern)
    else:
        assert matrix.array is not None
        values = matrix.array if matrix.part is None else matrix.array[matrix.part]
        mask = np.ascontiguousarray(ORDERS[matrix.order](values) != 0)
    mask.setflags(write=False)
    return mask


def _chances(matrix: Matrix, rows: int, columns: int, density: float) -> Mask:
    """Each place kept with chance `density`, row by row, so that memory stays small."""
    generator = np.random.default_rng(matrix.seed)
    mask = np.empty((rows, columns), np.bool_)
    step = max(1, _CHUNK // columns)
    for first in range(0, rows, step):
        part = mask[first : first + step]
        np.less(generator.random(part.shape, dtype=np.float32), density, out=part)
    return mask


def _all(matrix: Matrix, pattern: Pattern) -> Mask:
    return np.ones((matrix.outputs, matrix.inputs), np.bool_)


def _unstructured(matrix: Matrix, pattern: Pattern) -> Mask:
    return _chances(matrix, matrix.outputs, matrix.inputs, pattern.density)


def _n_of_m(matrix: Matrix, pattern: Pattern) -> Mask:
    """The kept places of a group move on by one from group to group and output to output."""
    keep, of = pattern.group
    place = np.arange(matrix.inputs) % matrix.run
    period = np.arange(of)[:, None]
    kept: Mask = (place + place // of + period) % of < keep
    tail = matrix.run - matrix.run % of
    if tail < matrix.run:  # a last, shorter group keeps its first places
        kept[:, place >= tail] = place[place >= tail] - tail < keep
    return kept[np.arange(matrix.outputs) % of]


def _block(matrix: Matrix, pattern: Pattern) -> Mask:
    outputs, inputs = pattern.group
    rows, columns = -(-matrix.outputs // outputs), -(-matrix.inputs // inputs)
    kept = _chances(matrix, rows, columns, pattern.density)
    whole: Mask = np.repeat(np.repeat(kept, outputs, axis=0), inputs, axis=1)
    return np.ascontiguousarray(whole[: matrix.outputs, : matrix.inputs])


def _structured(matrix: Matrix, pattern: Pattern) -> Mask:
    mask = np.zeros((matrix.outputs, matrix.inputs), np.bool_)
    channels = round(matrix.run * pattern.inputs_density)
    kept = np.arange(matrix.inputs) % matrix.run < channels
    mask[: round(matrix.outputs * pattern.density)] = kept[None, :]
    return mask


_DRAWN: dict[str, Callable[[Matrix, Pattern], Mask]] = {
    "dense": _all,
    "unstructured": _unstructured,
    "n-m": _n_of_m,
    "block": _block,
    "structured": _structured,
}


@lru_cache(maxsize=8192)
def kept_weights(matrix: Matrix) -> int:
    """Weights that are not zero."""
    if matrix.pattern is not None and matrix.pattern.kind == "dense":
        return matrix.elements
    return int(np.count_nonzero(mask_of(matrix)))


@lru_cache(maxsize=8192)
def kept_sides(matrix: Matrix) -> tuple[int, int]:
    """Outputs and inputs that have any weight; an input counts as its channel does, at every kernel position."""
    mask = mask_of(matrix)
    channels = mask.any(axis=0).reshape(-1, matrix.run).any(axis=0)
    return int(mask.any(axis=1).sum()), int(channels.sum()) * (matrix.inputs // matrix.run)


@lru_cache(maxsize=8192)
def most_in_group(matrix: Matrix, of: int) -> int:
    """The most kept weights in any `of` neighbouring inputs of an output (groups do not cross kernel positions)."""
    mask = mask_of(matrix).reshape(-1, matrix.run)
    whole = matrix.run - matrix.run % of
    most = 0
    if whole:
        most = int(mask[:, :whole].reshape(-1, of).sum(axis=1).max(initial=0))
    if whole < matrix.run:
        most = max(most, int(mask[:, whole:].sum(axis=1).max(initial=0)))
    return most


def blocks_of(mask: Mask, outputs: int, inputs: int) -> Mask:
    """[block rows, block columns]: whether a block of `outputs` x `inputs` has any weight."""
    if (outputs, inputs) == (1, 1):
        return mask
    rows, columns = -(-mask.shape[0] // outputs), -(-mask.shape[1] // inputs)
    padded = np.zeros((rows * outputs, columns * inputs), np.bool_)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    found: Mask = np.any(padded.reshape(rows, outputs, columns, inputs), axis=(1, 3))
    return found


@lru_cache(maxsize=8192)
def kept_blocks(matrix: Matrix, outputs: int, inputs: int) -> int:
    """Blocks of `outputs` x `inputs` that have any weight."""
    return int(np.count_nonzero(blocks_of(mask_of(matrix), outputs, inputs)))


class Dealt(NamedTuple):
    """Outputs dealt to lanes round and round: `entries[step, lane]` are what the lane stores for a step, `kept` those
    of them that are no padding."""

    entries: Counts
    kept: int


class Deal(NamedTuple):
    """How the rows of blocks from `first` up to `last` are dealt: `lanes`, block sizes, block columns of a step, and
    the longest run of zeros that an index can tell (None: any)."""

    first: int
    last: int
    lanes: int
    outputs: int
    inputs: int
    step: int
    longest_run: int | None


@lru_cache(maxsize=256)
def dealt(matrix: Matrix, deal: Deal) -> Dealt:
    """What each lane stores for each step. With `longest_run`, an entry of zero stands after each run of that many."""
    rows = mask_of(matrix)[deal.first * deal.outputs : deal.last * deal.outputs]
    blocks = blocks_of(rows, deal.outputs, deal.inputs)
    turns = -(-blocks.shape[0] // deal.lanes)
    steps = -(-blocks.shape[1] // deal.step)
    entries = np.zeros((steps, deal.lanes), np.int64)
    for columns in _chunks(blocks.shape[1], deal.step, turns * deal.lanes):
        part = np.zeros((turns * deal.lanes, columns.stop - columns.start), np.bool_)
        part[: blocks.shape[0]] = blocks[:, columns]
        by_lane = part.reshape(turns, deal.lanes, -1)
        found = by_lane.sum(axis=0, dtype=np.int64)
        if deal.longest_run is not None:
            found += _padding(by_lane, deal.longest_run)
        short = -found.shape[1] % deal.step
        grouped = np.pad(found, ((0, 0), (0, short))).reshape(deal.lanes, -1, deal.step).sum(axis=2)
        start = columns.start // deal.step
        entries[start : start + grouped.shape[1]] = grouped.T
    entries.setflags(write=False)
    return Dealt(entries, int(np.count_nonzero(blocks)))


def _chunks(columns: int, step: int, rows: int) -> Iterator[slice]:
    """Slices of whole steps, small enough to hold."""
    width = max(1, _CHUNK // max(1, rows * step)) * step
    for start in range(0, columns, width):
        yield slice(start, min(columns, start + width))


def _padding(by_lane: Mask, longest: int) -> Counts:
    """[lanes, columns]: entries of zero that runs of more than `longest` zeros before a kept weight take. `by_lane` is
    [turns, lanes, columns]."""
    turns = by_lane.shape[0]
    if turns <= longest:
        return np.zeros(by_lane.shape[1:], np.int64)
    place = np.arange(turns, dtype=np.int32)[:, None, None]
    last = np.maximum.accumulate(np.where(by_lane, place, np.int32(-1)), axis=0)
    before = np.concatenate([np.full((1, *last.shape[1:]), -1, np.int32), last[:-1]], axis=0)
    runs = np.where(by_lane, place - before - 1, 0)
    total: Counts = (runs // (longest + 1)).sum(axis=0, dtype=np.int64)
    return total

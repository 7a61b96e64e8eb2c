"""Which words SCALE-Sim's array asks for, line by line, in which order its buffers fetch them, and what both cost.

An operand enters the array in one of two ways: *skewed*, each row of the array (or column) a line later than the one
before, or *preloaded*, a row of the array a line. Addresses count from 0 for each operand; -1 is no word: a place of a
partly filled fold, or a window's element outside the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.evaluate.scalesim.buffer_kernel import NONE, Reading, Words, reads_without_limit, run_buffers, sets_of
from accelsim.evaluate.scalesim.layer import Convolution, Layer, windows_of

Table = npt.NDArray[np.int64]


class Buffer(NamedTuple):
    """Words of one of the peer's buffers, and words a cycle of its port; None where no bandwidth is given."""

    words: int
    rate: int | None


class Buffers(NamedTuple):
    ifmap: Buffer
    filter: Buffer
    ofmap: Buffer


@dataclass(frozen=True)
class Demand:
    """What an operand's buffer is asked for: addresses of all lines with the start of each line [lines + 1], and the
    order in which the buffer fetches, -1 included."""

    starts: Words
    addresses: Words
    fetched: Words


Asked = tuple[Demand, Demand, Words]
"""What ifmap and filter are asked for, and how many results each line has."""


@dataclass(frozen=True)
class Traffic:
    """What the peer's buffers do in a layer: cycles waited and words through DRAM by operand, and the cycles from the
    first word read (before cycle 0) to the last written, one less than their number."""

    waited: tuple[int, int, int]
    moved: tuple[int, int, int]
    cycles: int

    @property
    def stalls(self) -> int:
        return sum(self.waited)


def traffic(asked: Asked, columns: int, buffers: Buffers, *, twice: bool = True) -> Traffic:
    """The peer's traffic of a layer on an array of so many columns; `twice`: each wait for a refill counts twice, as
    version 3.0.0 does.

    Raises ValueError where some ports have a bandwidth and others none.
    """
    ifmap, weights, writes = asked
    given = [buffer.rate is not None for buffer in buffers]
    if any(given) and not all(given):
        raise ValueError("all ports have a bandwidth, or none")
    reading = [_reading(demand, buffer) for demand, buffer in ((ifmap, buffers.ifmap), (weights, buffers.filter))]
    port = (buffers.ofmap.words, buffers.ofmap.rate or columns)
    waited, moved, cycles = run_buffers(*reading, writes, port, 2 if twice else 1)
    reads, begin = [int(moved[0]), int(moved[1])], 0
    if not any(given):
        found = [
            reads_without_limit(demand.starts, demand.addresses, buffer.words)
            for demand, buffer in ((ifmap, buffers.ifmap), (weights, buffers.filter))
        ]
        reads, begin = [words for words, _ in found], min(first for _, first in found)
    waits = (int(waited[0]), int(waited[1]), int(waited[2]))
    return Traffic(waits, (reads[0], reads[1], int(moved[2])), int(cycles) - begin)


def _reading(demand: Demand, buffer: Buffer) -> Reading:
    """What the kernel needs of a buffer that is read. One without a bandwidth holds all there is from the start."""
    words, rate, lines = buffer.words, buffer.rate, 0
    if rate is None:
        words, rate = 2 * len(demand.fetched) + 2, 1
    else:
        lines = -(-len(demand.fetched) // rate)
    homes, sets, total = sets_of(demand.fetched, words)
    return Reading(demand.starts, demand.addresses, homes, sets, total, words, rate, lines)


def demands(convolution: Convolution, layer: Layer) -> Asked:
    """What ifmap and filter are asked for, and how many results each line has."""
    m, n, k, rows, columns, dataflow = layer
    inputs = _addresses(convolution)
    weights = np.arange(n)[None, :] * k + np.arange(k)[:, None]
    if dataflow == "output-stationary":
        lines, stacks = k + rows + columns - 2, (-(-m // rows), -(-n // columns))
        return (
            _skewed(_blocks(inputs, rows), 0, lines, [row for _ in range(stacks[1]) for row in range(stacks[0])]),
            _skewed(_blocks(weights.T, columns), 0, lines, [col for col in range(stacks[1]) for _ in range(stacks[0])]),
            _results(layer, lines),
        )
    streamed, kept = (inputs.T, weights) if dataflow == "weight-stationary" else (weights, inputs.T)
    stream = streamed.shape[1]
    lines, stacks = stream + 2 * rows + columns - 2, (-(-k // rows), -(-kept.shape[1] // columns))
    moving = _skewed(_blocks(streamed, rows), rows, lines, [row for _ in range(stacks[1]) for row in range(stacks[0])])
    fixed = _preloaded(kept, rows, columns, lines)
    leaving = _streamed_results(layer, kept.shape[1], stream, lines)
    return (moving, fixed, leaving) if dataflow == "weight-stationary" else (fixed, moving, leaving)


def _addresses(layer: Convolution) -> Table:
    """Address of each element of each window, [windows, elements]; -1 outside the input."""
    high, wide = windows_of(layer)
    y = np.arange(high)[:, None] * layer.stride + np.arange(layer.filter_height)[None, :]
    x = np.arange(wide)[:, None] * layer.stride + np.arange(layer.filter_width)[None, :]
    c = np.arange(layer.channels)
    at = (y[:, None, :, None, None] * layer.width + x[None, :, None, :, None]) * layer.channels + c
    inside = (y < layer.height)[:, None, :, None, None] & (x < layer.width)[None, :, None, :, None]
    return np.where(inside, at, NONE).reshape(high * wide, -1)


def _blocks(table: Table, lanes: int) -> list[Table]:
    """Blocks of `lanes` rows, the last filled up with -1."""
    padded = _padded(table, lanes, 1)
    return [padded[at : at + lanes] for at in range(0, len(padded), lanes)]


def _padded(table: Table, rows: int, columns: int) -> Table:
    return np.pad(table, ((0, -len(table) % rows), (0, -table.shape[1] % columns)), constant_values=NONE)


def _skewed(blocks: list[Table], start: int, lines: int, order: list[int]) -> Demand:
    """Lane r of a block enters element t in line start + r + t of a fold; fetched along the antidiagonals of all
    blocks, lanes across."""

    def folds() -> Iterator[Table]:
        for block in blocks:
            lanes, length = block.shape
            fold = np.full((lines, lanes), NONE, np.int64)
            for lane in range(lanes):
                fold[start + lane : start + lane + length, lane] = block[lane]
            yield fold

    stacked = np.concatenate([block.T for block in blocks])
    return _demand(folds(), order, stacked[_by_antidiagonal(*np.indices(stacked.shape))])


def _by_antidiagonal(row: Table, lane: Table) -> tuple[Table, Table]:
    """Places in order of row + lane, larger rows first."""
    order = np.lexsort((-row.ravel(), (row + lane).ravel()))
    return row.ravel()[order], lane.ravel()[order]


def _preloaded(table: Table, rows: int, columns: int, lines: int) -> Demand:
    """The rows of a tile enter from the last to the first; fetched row by row of blocks of columns."""
    tall, wide = _padded(table, rows, columns), _padded(table, 1, columns)

    def folds() -> Iterator[Table]:
        for column in range(0, tall.shape[1], columns):
            for row in range(0, len(tall), rows):
                fold = np.full((lines, columns), NONE, np.int64)
                fold[:rows] = tall[row : row + rows, column : column + columns][::-1]
                yield fold

    fetched = np.concatenate([wide[:, at : at + columns].ravel() for at in range(0, wide.shape[1], columns)])
    count = tall.size // (rows * columns)
    return _demand(folds(), list(range(count)), fetched)


def _demand(folds: Iterable[Table], order: list[int], fetched: Words) -> Demand:
    """The words of all folds in `order`, of [lines, lanes] each, -1 left out."""
    counts, words = [], []
    for fold in folds:
        asked = fold != NONE
        counts.append(asked.sum(axis=1))
        words.append(fold[asked])
    starts = np.concatenate([[0], np.cumsum(np.concatenate([counts[at] for at in order]))])
    return Demand(starts, np.concatenate([words[at] for at in order]), fetched)


def _results(layer: Layer, lines: int) -> Words:
    """Output-stationary: column c gives the rows of its fold from the last to the first from line K - 1 + c on."""
    folds = []
    for column in range(0, layer.n, layer.columns):
        for row in range(0, layer.m, layer.rows):
            fold = np.zeros(lines, np.int64)
            height = min(layer.rows, layer.m - row)
            for lane in range(min(layer.columns, layer.n - column)):
                begin = layer.k - 1 + lane + layer.rows - height
                fold[begin : begin + height] += 1
            folds.append(fold)
    return np.concatenate(folds)


def _streamed_results(layer: Layer, across: int, stream: int, lines: int) -> Words:
    """Weight- and input-stationary: column c of `across` gives a result a line from line 2 R - 1 + c on, for every
    fold."""
    folds = []
    for column in range(0, across, layer.columns):
        fold = np.zeros(lines, np.int64)
        for lane in range(min(layer.columns, across - column)):
            begin = 2 * layer.rows - 1 + lane
            fold[begin : begin + stream] += 1
        folds += [fold] * -(-layer.k // layer.rows)
    return np.concatenate(folds)

"""What kind of zeros the weights of a model have: detected from their values, for `accelsim show zeros`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from accelsim.ir import Graph, Node
from accelsim.mapping.sparsity import ORDER_OF_WEIGHTS
from accelsim.mapping.sparsity_matrix import (
    ORDERS,
    Matrix,
    kept_blocks,
    kept_sides,
    kept_weights,
    most_in_group,
)
from accelsim.ops.registry import op_spec

_GROUPS = ((1, 4), (2, 4), (1, 2), (4, 8))
_BLOCKS = ((16, 16), (8, 8), (4, 4), (1, 16), (1, 8), (1, 4), (4, 1))


@dataclass(frozen=True)
class FoundZeros:
    """Zeros of one weight of outputs x inputs: the share that is not zero, and the regular pattern they follow, in
    the words of `--sparsity` ('dense', 'n:m=2:4', 'block=4x4:0.5', 'structured=0.7x1', else 'unstructured=0.1')."""

    node: str
    parameter: str
    outputs: int
    inputs: int
    density: float
    pattern: str


def found_zeros(graph: Graph) -> tuple[FoundZeros, ...]:
    """Every weight of the graph that a sparse format could store. Raises UnsupportedError for sizes without values."""
    return tuple(_found(node, name, matrix) for node, name, matrix in _weights(graph))


def _weights(graph: Graph) -> Iterator[tuple[Node, str, Matrix]]:
    done: set[tuple[str, str]] = set()
    for node in graph.nodes:
        spec = op_spec(node.op)
        for index, name in enumerate(node.inputs):
            order = ORDER_OF_WEIGHTS.get(f"{node.op}.{spec.input_name(index)}")
            if order is None or name not in graph.parameters or (name, order) in done:
                continue
            done.add((name, order))
            array = graph.parameter(name)
            if array.ndim < 2:
                continue
            if array.ndim == 3 and order == "linear":  # experts, one below the other
                array = array.reshape(-1, array.shape[-1])
            outputs, inputs = ORDERS[order](array).shape
            run = array.shape[1] if order == "convolution" else inputs
            yield node, name, Matrix(outputs, inputs, run, graph.parameters[name], None, order, array=array)


def _found(node: Node, name: str, matrix: Matrix) -> FoundZeros:
    density = kept_weights(matrix) / matrix.elements
    return FoundZeros(node.name, name, matrix.outputs, matrix.inputs, density, _pattern(matrix, density))


def _pattern(matrix: Matrix, density: float) -> str:
    """The first of the patterns, the most regular ones first, that explains every zero."""
    kept = kept_weights(matrix)
    if kept == matrix.elements:
        return "dense"
    outputs, inputs = kept_sides(matrix)
    if outputs * inputs == kept:
        return f"structured={outputs / matrix.outputs:.6g}x{inputs / matrix.inputs:.6g}"
    for rows, columns in _BLOCKS:
        if matrix.outputs % rows == 0 and matrix.inputs % columns == 0:
            blocks = kept_blocks(matrix, rows, columns)
            if blocks * rows * columns == kept:
                return f"block={rows}x{columns}:{density:.6g}"
    for keep, of in _GROUPS:
        if matrix.run % of == 0 and most_in_group(matrix, of) <= keep:
            return f"n:m={keep}:{of}"
    return f"unstructured={density:.6g}"


def overall_density(found: tuple[FoundZeros, ...]) -> float:
    """The share of all their weights that is not zero."""
    total = sum(one.outputs * one.inputs for one in found)
    return math.fsum(one.density * one.outputs * one.inputs for one in found) / total if total else 1.0

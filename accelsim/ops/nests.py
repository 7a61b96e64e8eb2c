"""Pieces that loop nests of many ops are made of."""

from __future__ import annotations

import math

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Access, Axis, Dim, LoopNest, Operand
from accelsim.ops.spec import WorkInput

ROWS, FEATURES = "rows", "features"
FLAT = (ROWS, FEATURES)


def rows_and_features(tensor: Tensor) -> tuple[int, int]:
    """A tensor as a matrix: the product of its leading sizes, and its last size."""
    return math.prod(tensor.shape[:-1]), (tensor.shape[-1] if tensor.shape else 1)


def flat_dims(tensor: Tensor, features: Axis = Axis.OUTPUT) -> tuple[Dim, Dim]:
    """Loops over a tensor as a matrix."""
    row_count, feature_count = rows_and_features(tensor)
    return Dim(ROWS, row_count, Axis.ROW), Dim(FEATURES, feature_count, features)


def read(
    work: WorkInput,
    index: int,
    role: str,
    dims: tuple[str, ...],
    *,
    elements: int | None = None,
    indirect: bool = False,
) -> Operand:
    """Input `index` as an operand; `elements` unless given are all of it."""
    name = work.node.inputs[index]
    count = work.tensor(index).elements if elements is None else elements
    return Operand(role, name, dims, count, Access.READ, indirect, name in work.constants)


def write(
    work: WorkInput,
    index: int,
    role: str,
    dims: tuple[str, ...],
    *,
    access: Access = Access.WRITE,
    elements: int | None = None,
    indirect: bool = False,
) -> Operand:
    """Output `index` as an operand."""
    count = work.outputs[index].elements if elements is None else elements
    return Operand(role, work.node.outputs[index], dims, count, access, indirect)


def present(work: WorkInput, index: int) -> bool:
    """Whether an optional input is there."""
    return index < len(work.inputs) and work.inputs[index] is not None


def pointwise(work: WorkInput, function: str, *, name: str = "main") -> tuple[LoopNest, ...]:
    """One nest that applies `function` to each element of x and writes y."""
    return (
        LoopNest(
            name,
            function,
            flat_dims(work.outputs[0]),
            (read(work, 0, "x", FLAT), write(work, 0, "y", FLAT)),
        ),
    )


def broadcast(work: WorkInput, function: str, roles: tuple[str, ...]) -> tuple[LoopNest, ...]:
    """One nest that applies `function` once for each element of y to operands that broadcast to it."""
    operands = (
        *(read(work, i, role, _varies_along(work.tensor(i))) for i, role in enumerate(roles)),
        write(work, 0, "y", FLAT),
    )
    return (LoopNest("main", function, flat_dims(work.outputs[0]), operands),)


def _varies_along(tensor: Tensor) -> tuple[str, ...]:
    """The loops along which an operand changes; a broadcast one is the same along the others."""
    row_count, feature_count = rows_and_features(tensor)
    return (*((ROWS,) if row_count > 1 else ()), *((FEATURES,) if feature_count > 1 else ()))


def inner(role: str, dims: tuple[str, ...], elements: int, access: Access = Access.READ) -> Operand:
    """A value that lives inside the op."""
    return Operand(role, "", dims, elements, access)


NORM_PARTS = ("statistics", "rsqrt", "normalise")
"""Nests of `normalisation`."""


def normalisation(
    work: WorkInput, row_count: int, roles: tuple[str, ...], along: tuple[str, ...]
) -> tuple[LoopNest, ...]:
    """Sums over a row, one reciprocal root, then a scale of the row; `roles` name the operands after x.

    x is an operand of `statistics` only: a row is met once, and both passes over it belong to one op. `along` are the
    loops along which scale and shift change.
    """
    count = work.tensor(0).elements // max(row_count, 1)
    rows = Dim(ROWS, row_count, Axis.ROW)
    scales = tuple(read(work, i, role, along) for i, role in enumerate(roles, 1) if present(work, i))
    return (
        LoopNest("statistics", "mac_stat", (rows, Dim(FEATURES, count, Axis.REDUCE)), (read(work, 0, "x", FLAT),)),
        LoopNest("rsqrt", "rsqrt", (rows,), (), after=("statistics",)),
        LoopNest(
            "normalise",
            "scale",
            (rows, Dim(FEATURES, count, Axis.OUTPUT)),
            (*scales, write(work, 0, "y", FLAT)),
            after=("rsqrt",),
        ),
    )

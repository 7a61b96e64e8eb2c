"""What a kernel is to the engine: prepared once for a node, then run on arrays that the plan placed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.team import Team
from accelsim.ir import DType, Node, Tensor
from accelsim.ir.dtype import (
    BFLOAT16,
    BOOL,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
)
from accelsim.ops.spec import OpSpec

Array = NDArray[Any]

NUMPY_TYPES: dict[DType, np.dtype[Any]] = {
    dtype: np.dtype(str(dtype))
    for dtype in (
        *(FLOAT32, FLOAT64, FLOAT16, BOOL),
        *(INT64, INT32, INT16, INT8, UINT64, UINT32, UINT16, UINT8),
    )
} | {BFLOAT16: np.dtype(np.float32)}
"""What holds values of a format. NumPy has no bfloat16: its values are held and computed in float32, and only a cast
rounds them."""


class Layout(Enum):
    """How the inputs of a kernel must lie in memory; what lies otherwise is copied first."""

    ANY = "any"
    MATRIX = "matrix"  # the last two dimensions as BLAS takes them: rows or columns dense, the others apart
    CONTIGUOUS = "contiguous"


def fits(array: Array, layout: Layout) -> bool:
    """Whether `array` lies as `layout` asks."""
    if layout is Layout.ANY or array.flags.c_contiguous:
        return True
    if layout is Layout.CONTIGUOUS or array.ndim < 2:
        return False
    size = array.itemsize
    for dense, apart in ((-1, -2), (-2, -1)):
        stride = array.strides[apart]
        if array.strides[dense] == size and stride % size == 0 and stride >= size * array.shape[dense]:
            return True
    return False


@dataclass(frozen=True)
class Operands:
    """What a kernel sees while it is prepared; `constants` are the arrays of inputs that never change."""

    node: Node
    spec: OpSpec
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    constants: tuple[Array | None, ...]
    team: Team

    @property
    def all_float32(self) -> bool:
        return all(t is None or t.dtype == FLOAT32 for t in (*self.inputs, *self.outputs))

    def shape(self, index: int) -> tuple[int, ...]:
        """Shape of a required input."""
        tensor = self.inputs[index]
        assert tensor is not None, f"{self.node.name}: input {index} is absent"
        return tensor.shape

    def vector(self, index: int, length: int, absent: float) -> Array | None:
        """Input `index` as a constant vector: `absent` repeated if there is none, None if it varies."""
        if index >= len(self.inputs) or self.inputs[index] is None:
            return np.full(length, absent, np.float32)
        constant = self.constants[index]
        return None if constant is None else constant.reshape(-1)


@dataclass(frozen=True)
class Call:
    """The arrays of one application of a node. `forced` are expert ids that a routed node has to take."""

    inputs: tuple[Array | None, ...]
    outputs: tuple[Array, ...]
    scratch: tuple[Array, ...]
    forced: Array | None = None

    def input(self, index: int) -> Array:
        """A required input."""
        array = self.inputs[index]
        assert array is not None
        return array

    def optional(self, index: int) -> Array | None:
        return self.inputs[index] if index < len(self.inputs) else None


@dataclass(frozen=True)
class Kernel:
    """`run` writes every element of the outputs. `scratch` are arrays it needs besides, of undefined content.

    `packed` are arrays made while preparing, counted as weights. `forcible` says that `run` heeds
    `Call.forced`; `in_place` that the output may lie in the bytes of an input of its shape.
    """

    run: Callable[[Call], None]
    scratch: tuple[Tensor, ...] = ()
    layout: Layout = Layout.CONTIGUOUS
    packed: tuple[Array, ...] = ()
    forcible: bool = False
    in_place: bool = False


Prepare = Callable[[Operands], Kernel | None]
"""Makes a kernel for a node, or None where it cannot serve that node."""


def rows_of(array: Array) -> Array:
    """A contiguous array as a matrix of its last dimension."""
    return array.reshape(-1, array.shape[-1])


def leading(shape: tuple[int, ...]) -> int:
    """Product of all dimensions but the last."""
    return math.prod(shape[:-1])

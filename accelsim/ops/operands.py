"""Checking the operands of an op: how many, of which rank and format, of sizes that fit together."""

from __future__ import annotations

from typing import NoReturn

from accelsim.errors import InternalError
from accelsim.ir.graph import Tensor
from accelsim.ops.spec import Array, MaybeArrays, MaybeTensors, ShapeError

REAL = frozenset({"float", "bfloat", "fixed", "ufixed"})
INTEGER = frozenset({"int", "uint"})
NUMBER = REAL | INTEGER
BOOL = frozenset({"bool"})
ANY = NUMBER | BOOL

_KIND_TEXT = {REAL: "real numbers", INTEGER: "integers", NUMBER: "numbers", BOOL: "true or false", ANY: "any values"}


def required(arrays: MaybeArrays, index: int) -> Array:
    """A required input array of a reference."""
    array = arrays[index]
    if array is None:
        raise InternalError(f"input {index} of a reference is absent")
    return array


def optional(arrays: MaybeArrays, index: int) -> Array | None:
    """An optional input array: absent when None or when the list is shorter."""
    return arrays[index] if index < len(arrays) else None


def sizes(shape: tuple[int, ...]) -> str:
    """A shape as messages show it: `[2, 3]`."""
    return f"[{', '.join(map(str, shape))}]"


class Operands:
    """The operand types of one application of an op; every way to read them checks them.

    `names` are those of the op's spec, with their markers '?' and '*'. Failures are ShapeErrors.
    """

    def __init__(self, op: str, names: tuple[str, ...], types: MaybeTensors) -> None:
        self.op = op
        self.types = tuple(types)
        self._repeats = names[-1].endswith("*")
        self._names = tuple(name.rstrip("?*") for name in names)
        needed = sum(1 for name in names if not name.endswith("?"))
        if len(self.types) < needed or (len(self.types) > len(names) and not self._repeats):
            self.fail(f"takes {', '.join(names)} and got {len(self.types)} operands")
        for index, tensor in enumerate(self.types):
            if tensor is None and (self._repeats or not names[index].endswith("?")):
                self.fail(f"operand {self.name(index)} is absent")

    def fail(self, text: str) -> NoReturn:
        raise ShapeError(f"{self.op}: {text}")

    def name(self, index: int) -> str:
        if self._repeats and index >= len(self._names) - 1:
            return f"{self._names[-1]}[{index - len(self._names) + 1}]"
        return self._names[index]

    def show(self, index: int) -> str:
        """An operand with its sizes, for messages: `w [768, 192]`."""
        tensor = self.types[index]
        return self.name(index) if tensor is None else f"{self.name(index)} {sizes(tensor.shape)}"

    def get(self, index: int, *, rank: int | None = None, min_rank: int = 0, kinds: frozenset[str] = REAL) -> Tensor:
        """A required operand of that rank (or at least `min_rank`) and of one of the number kinds."""
        tensor = self.types[index]
        if tensor is None:
            self.fail(f"operand {self.name(index)} is absent")
        found = len(tensor.shape)
        if rank is not None and found != rank:
            self.fail(f"{self.show(index)} has {found} dimensions, needs {rank}")
        if found < min_rank:
            self.fail(f"{self.show(index)} has {found} dimensions, needs at least {min_rank}")
        if tensor.dtype.kind not in kinds:
            self.fail(f"{self.show(index)} is {tensor.dtype}, needs {_KIND_TEXT[kinds]}")
        return tensor

    def maybe(self, index: int, *, rank: int | None = None, kinds: frozenset[str] = REAL) -> Tensor | None:
        """An optional operand, None where it is absent."""
        if index >= len(self.types) or self.types[index] is None:
            return None
        return self.get(index, rank=rank, kinds=kinds)

    def fit(self, index: int, axis: int, wanted: int, because: str) -> None:
        """The size of operand `index` along `axis` must be `wanted`; an absent operand fits."""
        tensor = self.types[index] if index < len(self.types) else None
        if tensor is not None and tensor.shape[axis] != wanted:
            found = tensor.shape[axis]
            self.fail(f"{self.show(index)} has size {found} along axis {axis}, needs {wanted} ({because})")

    def same_dtype(self, *indices: int) -> None:
        """Operands that are present among `indices` must share one format."""
        present = [(i, t) for i, t in enumerate(self.types) if i in indices and t is not None]
        for index, tensor in present[1:]:
            first = present[0][1].dtype
            if tensor.dtype != first:
                self.fail(f"{self.name(index)} is {tensor.dtype}, but {self.name(present[0][0])} is {first}")

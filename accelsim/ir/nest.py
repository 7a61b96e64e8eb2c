"""Loop nests: what an op costs, said without naming any hardware."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from functools import cached_property


class Axis(Enum):
    """What a loop means to an array that unrolls it."""

    BATCH = "batch"  # independent in all operands (heads, samples)
    ROW = "row"  # tokens or pixels: shares the stationary operand
    OUTPUT = "output"  # output features or channels, keys of a score matrix
    REDUCE = "reduce"  # summed over

    __hash__ = object.__hash__  # an Enum's own is Python, and loops are looked up by axis everywhere


class Access(Enum):
    READ = "read"
    WRITE = "write"
    ACCUMULATE = "accumulate"  # read, add, write back


@dataclass(frozen=True)
class Dim:
    """One loop of a nest. `data_dependent` says that the size came from an activity, not from a shape."""

    name: str
    size: int
    axis: Axis
    data_dependent: bool = False


@dataclass(frozen=True)
class Operand:
    """What a nest touches: `role` is the op's name for it, `tensor` the graph's (empty for one inside the op).

    `dims` are the loops that index it and `elements` the distinct elements touched. `indirect` means that an
    index list (tokens of an expert) picks the rows. `constant` marks weights. `stored_bits` are the bits that an
    element takes where they are not those of its format: kept weights with their index (0: the format's). `on_chip`
    says that it never leaves the chip, whatever a hardware says of its class.
    """

    role: str
    tensor: str
    dims: tuple[str, ...]
    elements: int
    access: Access = Access.READ
    indirect: bool = False
    constant: bool = False
    stored_bits: int = 0
    on_chip: bool = False


@dataclass(frozen=True)
class LoopNest:
    """A perfect nest of loops that applies `function` (mac, exp, div, compare, ...) once at each point.

    `name` is unique within its node; `after` lists the nests of the same node it needs. `expert` is the index of
    the expert it belongs to, for policies that reorder experts.
    """

    name: str
    function: str
    dims: tuple[Dim, ...]
    operands: tuple[Operand, ...]
    after: tuple[str, ...] = ()
    expert: int | None = None

    @cached_property
    def points(self) -> int:
        """How often the function is applied."""
        return math.prod(dim.size for dim in self.dims)

    @property
    def macs(self) -> int:
        return self.points if self.function == "mac" else 0

    def size(self, axis: Axis) -> int:
        """The product of all loops along `axis`."""
        return math.prod(dim.size for dim in self.dims if dim.axis is axis)

"""One application of an op, and arrays to apply it to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.ir import DType, FrozenMap, LoopNest, Node, Routing, Tensor
from accelsim.ir.graph import AttrValue
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import OpSpec, WorkInput

Array = NDArray[Any]


def floats(*shape: int, seed: int = 1) -> Array:
    """Normal float32 values, the same for the same shape and seed."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def whole(*values: int) -> Array:
    return np.array(values, np.int64)


def type_of(array: Array) -> Tensor:
    return Tensor(array.shape, DType.parse(str(array.dtype)))


@dataclass(frozen=True)
class Case:
    """One application: `points` are the operations by function, counted by hand."""

    op: str
    arrays: tuple[Array | None, ...]
    points: Mapping[str, int]
    attrs: Mapping[str, AttrValue] = field(default_factory=dict)
    label: str = ""

    def __str__(self) -> str:
        return f"{self.op}-{self.label}" if self.label else self.op

    @property
    def spec(self) -> OpSpec:
        return op_spec(self.op)

    @property
    def bound(self) -> FrozenMap[str, AttrValue]:
        return self.spec.bind("sample", self.attrs)

    @property
    def types(self) -> tuple[Tensor | None, ...]:
        return tuple(None if array is None else type_of(array) for array in self.arrays)

    def reference(self) -> tuple[Array, ...]:
        for array in self.arrays:
            if array is not None:
                array.setflags(write=False)
        return self.spec.reference(self.arrays, self.bound)

    def inferred(self) -> tuple[Tensor, ...]:
        return self.spec.infer(self.types, self.bound)

    def work_input(self, routing: Routing | None = None) -> WorkInput:
        names = tuple("" if array is None else f"in{i}" for i, array in enumerate(self.arrays))
        outputs = tuple(f"out{i}" for i in range(len(self.inferred())))
        node = Node("sample", self.op, names, outputs, self.bound)
        return WorkInput(node, self.types, self.inferred(), frozenset(names[1:]) - {""}, routing)

    def nests(self) -> tuple[LoopNest, ...]:
        """The work of the op; a routed one takes the routing that its own reference chooses."""
        routing = None
        if self.spec.routing_shape is not None:
            tokens, top_k, experts = self.spec.routing_shape(self.types, self.bound)
            ids = self.reference()[1].reshape(tokens, top_k)
            routing = Routing.from_ids(ids.tolist(), experts)
        return self.spec.work(self.work_input(routing))

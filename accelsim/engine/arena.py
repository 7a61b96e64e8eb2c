"""One execution's memory: a buffer of the planned size with every tensor and kernel bound to its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from accelsim.engine.kernel import NUMPY_TYPES, Array, Call
from accelsim.engine.memory import ALIGNMENT
from accelsim.engine.plan import Plan, Step


@dataclass(frozen=True)
class BoundStep:
    """A step with its arrays. `copies` are (from, to) pairs that come before the kernel."""

    step: Step
    call: Call
    copies: tuple[tuple[Array, Array], ...]

    def run(self, forced: Array | None = None) -> None:
        for source, target in self.copies:
            np.copyto(target, source)
        self.step.kernel.run(self.call if forced is None else replace(self.call, forced=forced))


class Arena:
    """Memory for one run at a time; runs that overlap in time each need their own."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        storage = np.empty(plan.arena_bytes + ALIGNMENT, np.uint8)
        start = -storage.ctypes.data % ALIGNMENT
        self.buffer: Array = storage[start : start + plan.arena_bytes]
        self.arrays: dict[str, Array] = dict(plan.constants)
        for name, place in plan.places.items():
            tensor = plan.graph.tensors[name]
            offset = plan.slots[place.block].offset + place.offset
            dtype = NUMPY_TYPES[tensor.dtype]
            self.arrays[name] = np.ndarray(tensor.shape, dtype, self.buffer, offset, place.strides)
        self.steps = tuple(self._bind(step) for step in plan.steps)

    def __iter__(self) -> Iterator[BoundStep]:
        return iter(self.steps)

    def _bind(self, step: Step) -> BoundStep:
        inputs = [self.arrays[name] if name else None for name in step.node.inputs]
        copies = []
        for position, block in step.copies:
            source = inputs[position]
            assert source is not None
            target = np.ndarray(source.shape, source.dtype, self.buffer, self.plan.slots[block].offset)
            copies.append((source, target))
            inputs[position] = target
        scratch = tuple(
            np.ndarray(tensor.shape, NUMPY_TYPES[tensor.dtype], self.buffer, self.plan.slots[block].offset)
            for tensor, block in zip(step.kernel.scratch, step.scratch, strict=True)
        )
        outputs = tuple(self.arrays[name] for name in step.node.outputs)
        return BoundStep(step, Call(tuple(inputs), outputs, scratch), tuple(copies))

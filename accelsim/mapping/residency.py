"""Tensors that stay on chip from the node that makes them to the last that reads them.

A memory that `keeps` classes of tensors takes each tensor of these classes that fits when it is made, beside those
that are still to be read: in order of execution, the first such memory of the file, never moved or evicted later.
What is kept crosses no link; what does not fit is spilled to the home of its class, as if the memory were not there.
Results of the model, and what nodes outside the accelerator's scope read, are always stored.

Not modelled: pieces of a tensor; tensors that a layout op joins (concat) are never kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from accelsim.hw.schema import Buffer
from accelsim.ir import Access, Node, Operand
from accelsim.mapping.context import Context


@dataclass(frozen=True)
class Occupancy:
    """What a memory that keeps tensors held: bytes at its fullest, and how many tensors were kept and spilled."""

    peak_bytes: int
    kept: int
    kept_bytes: int
    spilled: int
    spilled_bytes: int


@dataclass
class _Room:
    """A memory, filled in whole words: last reader's position and words of each tensor in it."""

    buffer: Buffer
    live: list[tuple[int, int]] = field(default_factory=list)
    peak: int = 0
    kept: list[int] = field(default_factory=list)
    spilled: list[int] = field(default_factory=list)

    def take(self, bits: int, made: int, last: int) -> bool:
        """Whether the tensor fits while it lives."""
        self.live = [(end, words) for end, words in self.live if end >= made]
        width = self.buffer.width.value
        words, used = -(-bits // width), sum(words for _, words in self.live)
        if used + words > self.buffer.words.value * self.buffer.copies.value:
            self.spilled.append(bits)
            return False
        self.live.append((last, words))
        self.kept.append(bits)
        self.peak = max(self.peak, used + words)
        return True


class Residency:
    """Decides, node by node in order of execution, what stays on chip. A context is told what was decided."""

    def __init__(self, context: Context) -> None:
        self._context = context
        memories = context.hardware.memories.items()
        self._rooms = {name: _Room(m) for name, m in memories if isinstance(m, Buffer) and m.keeps}

    def __bool__(self) -> bool:
        return bool(self._rooms)

    @property
    def occupancy(self) -> dict[str, Occupancy]:
        """Of each memory that keeps tensors."""
        return {
            name: Occupancy(
                room.peak * room.buffer.width.value // 8,
                len(room.kept),
                -(-sum(room.kept) // 8),
                len(room.spilled),
                -(-sum(room.spilled) // 8),
            )
            for name, room in self._rooms.items()
        }

    def make(self, node: Node, outputs: tuple[str, ...]) -> None:
        """Find room for what a node stores: `outputs` are those of the last node that it computes on the way out."""
        for tensor in outputs:
            last = self._last_use(tensor)
            if last is None:
                continue
            bits = self._bits(node, tensor)
            for name in self._takers(tensor):
                if self._rooms[name].take(bits, self._position[node.name], last):
                    self._context.keep(tensor, name)
                    break

    def _takers(self, tensor: str) -> Iterator[str]:
        classes = {name for group in self._context.workload.classes(tensor) for name in group}
        return (name for name, room in self._rooms.items() if classes & set(room.buffer.keeps))

    def _bits(self, node: Node, tensor: str) -> int:
        elements = self._context.workload.graph.tensors[tensor].elements
        operand = Operand("y", tensor, (), elements, Access.WRITE)
        return elements * self._context.stored_bits(node.op, operand)

    def _last_use(self, tensor: str) -> int | None:
        """Position of the last node that reads it; None where it must be stored."""
        workload = self._context.workload
        uses = workload.uses(tensor)
        if tensor in self._stored or not uses or not all(workload.graph.in_scope(node) for node, _ in uses):
            return None
        return max(self._position[node.name] for node, _ in uses)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {node.name: index for index, node in enumerate(self._context.workload.graph.nodes)}

    @cached_property
    def _stored(self) -> frozenset[str]:
        """Tensors that reach a result of the model, or a layout op that joins several, through layout ops alone."""
        workload = self._context.workload
        graph = workload.graph
        found: set[str] = set()
        waiting = list(graph.outputs)
        for node in graph.nodes:
            own = [name for name in node.inputs if name and name not in graph.parameters]
            if node.name in workload.layout_nodes and len(own) > 1:
                waiting.extend(own)
        while waiting:
            tensor = waiting.pop()
            if tensor not in found:
                found.add(tensor)
                producer = graph.producers.get(tensor)
                if producer is not None and producer.name in workload.layout_nodes:
                    waiting.extend(name for name in producer.inputs if name)
        return frozenset(found)

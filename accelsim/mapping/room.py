"""What a node needs room for on chip beside its tiles: the queues of a routed node, whole rows of a product."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from accelsim.hw.memory import RoomFor
from accelsim.hw.schema import Buffer, Hardware
from accelsim.ir import Access, Axis, LoopNest, Node
from accelsim.mapping.context import Context
from accelsim.mapping.outline import Group
from accelsim.results import Failure


class Need(NamedTuple):
    """What a node takes of a memory, and where that is more than there is."""

    memory: str
    size_bytes: int
    failure: Failure | None


def buffers_with_room(hardware: Hardware) -> Iterator[tuple[str, Buffer, RoomFor]]:
    """Buffers that say what they have room for (`room_for`)."""
    for name, memory in hardware.memories.items():
        if isinstance(memory, Buffer) and memory.room_for is not None:
            yield name, memory, memory.room_for


def room_needed(
    context: Context, node: Node, groups: Iterable[Group], buffers: Iterable[tuple[str, Buffer, RoomFor]]
) -> Iterator[Need]:
    """What the node takes of `buffers_with_room`."""
    for name, memory, room in buffers:
        if room.what == "expert-queue":
            yield from _queue(context, node, name, memory)
            continue
        axis = Axis.REDUCE if room.what == "input-row" else Axis.OUTPUT
        for group in groups:
            if room.of in (None, group.placed.unit):
                for nest in group.placed.nests:
                    yield from _row(context, node, nest, axis, name)


def _queue(context: Context, node: Node, name: str, memory: Buffer) -> Iterator[Need]:
    routing = context.workload.routing(node)
    if routing is None:
        return
    longest, room = max(routing.queues), memory.words.value // memory.banks.value
    failure = None
    if longest > room:
        failure = Failure(
            f"longest expert queue of node '{node.name}' in a bank of memory '{name}'",
            longest,
            room,
            "tokens",
            levers=(f"raise memories.{name}.words", "an activity with shorter queues"),
        )
    yield Need(name, math.ceil(sum(routing.queues) * memory.width.value / 8), failure)


def _row(context: Context, node: Node, nest: LoopNest, axis: Axis, name: str) -> Iterator[Need]:
    room = context.buffer(name).copy_bytes
    axis_of = {dim.name: dim.axis for dim in nest.dims}
    for operand in nest.operands if nest.function == "mac" else ():
        axes = {axis_of[dim] for dim in operand.dims}
        if axes >= {Axis.ROW, axis} and (operand.access is Access.READ) is (axis is Axis.REDUCE):
            size = math.ceil(nest.size(axis) * context.stored_bits(node.op, operand) / 8)
            failure = None
            if size > room:
                failure = Failure(
                    f"a row of '{operand.role}' of node '{node.name}' in memory '{name}'",
                    size,
                    room,
                    "bytes",
                    levers=(f"raise memories.{name}.words", "fewer bits in precision"),
                )
            yield Need(name, size, failure)

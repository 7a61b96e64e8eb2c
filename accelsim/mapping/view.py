"""The workload as an accelerator sees it: layout ops folded into addresses, each tensor with the classes that can name
it, each node with its loop nests. Nothing here depends on a hardware, so it is worked out once for many of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from accelsim.errors import InputError
from accelsim.ir import Activity, Graph, LoopNest, Node, Routing
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import work_of

MODEL_INPUT = "model.input"
PARAMETER = "parameter"
ANY = "*"
T = TypeVar("T")
_MOST_REMEMBERED = 4096


def nest_key(node: Node, nest: LoopNest) -> str:
    """`op.nest`, the same for every expert and every kernel: `moe.fc1`."""
    local = nest.name.split(".", 1)[-1]
    return f"{node.op}.{local}"


class Workload:
    """A graph and an activity. Answers who really made a tensor and who really reads it, with layout ops looked
    through, and what work a node is."""

    def __init__(self, graph: Graph, activity: Activity | None = None) -> None:
        self.graph = graph
        self.activity = activity
        self._classes: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._nests: dict[str, tuple[LoopNest, ...]] = {}
        self._shapes: dict[int, int] = {}
        self._kept: list[tuple[LoopNest, ...]] = []
        self.outlines: dict[Hashable, Any] = {}
        """Outlines on hardware so far, by its names (see `mapping/outline.py`)."""
        self._remembered: dict[tuple[object, ...], tuple[tuple[LoopNest, ...], Any]] = {}
        self._numbers: dict[Hashable, int] = {}
        self._next = itertools.count()  # two threads never draw the same number

    def routing(self, node: Node) -> Routing | None:
        """The node's routing, None for a node that does not route. Raises InputError where it is missing."""
        if not op_spec(node.op).routed:
            return None
        routing = self.activity.routings.get(node.name) if self.activity is not None else None
        if routing is None:
            raise InputError(
                f"node '{node.name}' ({node.op}) does different work for each input: give an activity "
                "(recorded by a run, a file, uniform or skewed)"
            )
        return routing

    def nests(self, node: Node) -> tuple[LoopNest, ...]:
        """The node's loop nests. Raises InputError for a routed node without a routing."""
        if node.name not in self._nests:
            self._nests[node.name] = work_of(op_spec(node.op), self.graph, node, self.routing(node))
        return self._nests[node.name]

    @cached_property
    def layout_nodes(self) -> frozenset[str]:
        return frozenset(node.name for node in self.graph.nodes if op_spec(node.op).layout)

    def keep(self, nests: tuple[LoopNest, ...]) -> None:
        """Let `shape` be asked of nests that a policy made of those that `nests` returned."""
        self._kept.append(nests)

    def shape(self, nest: LoopNest) -> int:
        """Equal for nests of this workload that differ only in the names of their tensors. Valid for nests that
        `nests` returned or that are kept."""
        key = id(nest)
        if key not in self._shapes:
            operands = tuple(
                (
                    *(o.role, o.dims, o.elements, o.access.value, o.constant, o.stored_bits, o.on_chip),
                    self.classes(o.tensor) if o.tensor else (),
                )
                for o in nest.operands
            )
            dims = tuple((dim.name, dim.size, dim.axis.value) for dim in nest.dims)
            shape = (nest.name.split(".")[-1], nest.function, dims, operands)
            self._shapes[key] = self.number(shape)
        return self._shapes[key]

    def remembered(self, key: str, nests: Sequence[LoopNest], make: Callable[[], T]) -> T:
        """What follows from nests alone: worked out once for each of them, whatever the hardware."""
        place = (key, *map(id, nests))
        known = self._remembered.get(place)
        if known is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[place] = (tuple(nests), make())  # keeps the nests, so that their ids stay theirs
        found: T = known[1]
        return found

    def number(self, value: Hashable) -> int:
        """A number that stands for a value, the same for equal ones: quicker to compare and to hash."""
        found = self._numbers.get(value)
        return self._numbers.setdefault(value, next(self._next)) if found is None else found

    def uses(self, tensor: str) -> tuple[tuple[Node, int], ...]:
        """Nodes that compute on `tensor`, directly or through layout ops, with the index of the input."""
        found: list[tuple[Node, int]] = []
        for node, index in self.graph.consumers.get(tensor, ()):
            if node.name in self.layout_nodes:
                found.extend(use for output in node.outputs for use in self.uses(output))
            else:
                found.append((node, index))
        return tuple(found)

    def origin(self, tensor: str) -> str:
        """The tensor that layout ops made `tensor` from: the output of a computing node, an input or a parameter.

        Of several operands (concat) the first that is no parameter counts.
        """
        producer = self.graph.producers.get(tensor)
        if producer is None or producer.name not in self.layout_nodes:
            return tensor
        origins = [self.origin(name) for name in producer.inputs]
        return next((name for name in origins if name not in self.graph.parameters), origins[0])

    def classes(self, tensor: str) -> tuple[tuple[str, ...], ...]:
        """Names by which a hardware description can speak of a tensor, the most specific group first.

        First what reads it (`attention.q`), then what made it (`layer_norm.y`, `model.input`, `parameter`),
        then `*`.
        """
        if tensor not in self._classes:
            self._classes[tensor] = self._find_classes(tensor)
        return self._classes[tensor]

    def _find_classes(self, tensor: str) -> tuple[tuple[str, ...], ...]:
        if tensor in self.graph.parameters:
            return ((PARAMETER,), (ANY,))
        readers = tuple(
            dict.fromkeys(f"{node.op}.{op_spec(node.op).input_name(index)}" for node, index in self.uses(tensor))
        )
        origin = self.origin(tensor)
        if origin in self.graph.parameters:
            return ((PARAMETER,), (ANY,))
        producer = self.graph.producers.get(origin)
        if producer is None:
            return (readers, (MODEL_INPUT,), (ANY,))
        spec = op_spec(producer.op)
        made = f"{producer.op}.{spec.output_name(producer.outputs.index(origin))}"
        return (readers, (made,), (ANY,))

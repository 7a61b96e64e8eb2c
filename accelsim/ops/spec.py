"""What an op is: names of its operands, shapes, the NumPy definition, the work it costs, its expansions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from accelsim.errors import InputError, InternalError, UnsupportedError, did_you_mean
from accelsim.ir.activity import Routing
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import AttrValue, Graph, Node, Tensor
from accelsim.ir.nest import LoopNest

Array = NDArray[Any]  # the dtype is data here: `infer` gives it, and a type checker cannot follow it
Attrs = Mapping[str, AttrValue]
MaybeTensors = Sequence[Tensor | None]
MaybeArrays = Sequence["Array | None"]

REQUIRED = object()


class ShapeError(UnsupportedError):
    """Operands of an op do not fit together; the message starts with the op."""

    exit_code = 2


class MissingActivityError(InputError):
    """The work of a routed op was asked for without a routing that fits it."""


@dataclass(frozen=True)
class WorkInput:
    """What `work` may look at: the node, the types of its operands, and the routing where the op routes."""

    node: Node
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    constants: frozenset[str]
    routing: Routing | None = None

    def tensor(self, index: int) -> Tensor:
        """The type of a required input."""
        tensor = self.inputs[index]
        if tensor is None:
            raise InternalError(f"node '{self.node.name}': input {index} of {self.node.op} is absent")
        return tensor


@dataclass(frozen=True)
class OpSpec:
    """One op.

    `inputs` and `outputs` name the operands; an input name that ends in '?' is optional; a last name that ends
    in '*' repeats, among inputs and among outputs.
    `attrs` maps each attribute to its default or to REQUIRED. `infer(types, attrs)` gives output types,
    `reference(arrays, attrs)` is the definition in NumPy, `work` gives loop nests that name no hardware.
    `expansions` write the op in terms of others: `expand(builder, inputs, attrs) -> outputs`.
    `layout` marks ops that only rename or move elements. `routed` marks ops whose work depends on a routing;
    `routing_shape(inputs, attrs)` is then (tokens, top_k, experts). `shares` names an output [samples, K] that tells
    how each sample mixed the op's K kernels; an activity records it. `parts` are the names of its nests, without the
    expert or kernel that they belong to: what a hardware description can place by itself.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    infer: Callable[[MaybeTensors, Attrs], tuple[Tensor, ...]]
    reference: Callable[[MaybeArrays, Attrs], tuple[Array, ...]]
    work: Callable[[WorkInput], tuple[LoopNest, ...]]
    attrs: Mapping[str, object] = field(default_factory=dict)
    expansions: Mapping[str, Callable[..., tuple[str, ...]]] = field(default_factory=dict)
    layout: bool = False
    routing_shape: Callable[[MaybeTensors, Attrs], tuple[int, int, int]] | None = None
    shares: str = ""
    parts: tuple[str, ...] = ("main",)
    version: int = 1

    @property
    def default_form(self) -> str:
        """The first of the expansions, empty where there is none."""
        return next(iter(self.expansions), "")

    @property
    def routed(self) -> bool:
        return self.routing_shape is not None

    def input_name(self, index: int) -> str:
        """The op's name for input `index`, without its marker."""
        last = self.inputs[-1]
        if index >= len(self.inputs) - 1 and last.endswith("*"):
            return last[:-1]
        return self.inputs[index].rstrip("?*")

    def output_name(self, index: int) -> str:
        """The op's name for output `index`, without its marker."""
        return self.outputs[min(index, len(self.outputs) - 1)].removesuffix("*")

    def bind(self, node_name: str, attrs: Attrs) -> FrozenMap[str, AttrValue]:
        """Attributes with defaults filled in. Raises InternalError on one that is unknown or missing."""
        for key in attrs:
            if key not in self.attrs:
                raise InternalError(
                    f"node '{node_name}': {self.name} has no attribute '{key}'{did_you_mean(key, self.attrs)}"
                )
        bound: dict[str, AttrValue] = {}
        for key, default in self.attrs.items():
            if key in attrs:
                bound[key] = attrs[key]
            elif default is REQUIRED:
                raise InternalError(f"node '{node_name}': {self.name} needs attribute '{key}'")
            else:
                bound[key] = default  # type: ignore[assignment]
        return FrozenMap(bound)


def types_of(graph: Graph, node: Node) -> tuple[Tensor | None, ...]:
    """Types of a node's inputs, None where an optional one is absent."""
    return tuple(graph.tensors[name] if name else None for name in node.inputs)


def work_of(spec: OpSpec, graph: Graph, node: Node, routing: Routing | None = None) -> tuple[LoopNest, ...]:
    """Loop nests of one node of a graph."""
    return spec.work(
        WorkInput(
            node=node,
            inputs=types_of(graph, node),
            outputs=tuple(graph.tensors[name] for name in node.outputs),
            constants=frozenset(name for name in node.inputs if name in graph.parameters),
            routing=routing,
        )
    )

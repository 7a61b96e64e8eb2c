"""The graph: what is computed, in which order, under which names. Frozen; a pass returns a new one."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from accelsim.ir.dtype import FLOAT32, DType, Numerics
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.weights import Array, Weights

if TYPE_CHECKING:
    import networkx

AttrValue = bool | int | float | str | tuple["AttrValue", ...] | None


@dataclass(frozen=True)
class Tensor:
    """Shape and number format of a value that flows through the graph. Logical layout is that of the source model."""

    shape: tuple[int, ...]
    dtype: DType = FLOAT32
    numerics: Numerics | None = None

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return (self.elements * self.dtype.bits + 7) // 8


@dataclass(frozen=True)
class Node:
    """One application of an op.

    `name` is unique in the graph and tells the place in the user's model (`blocks.3.moe`); `module` is the path of
    the module that owns it. An absent optional input is the empty string. `accumulator` is the format that sums are
    kept in, where the hardware fixes one; `origins` are the source nodes this one was made from. `fused` names the
    earlier node on whose results this one works as they leave (its epilogue); empty where it stands by itself.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: FrozenMap[str, AttrValue] = field(default_factory=FrozenMap)
    module: str = ""
    accumulator: DType | None = None
    origins: tuple[str, ...] = ()
    fused: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes in topological order, the tensors between them, and digests of the constants.

    `scope` is the module path of the part that an accelerator runs (empty: all of it). `meta` tells model, task and
    source. Arrays live in `weights`, not in the graph; equality and digests see their content digests.
    """

    name: str
    nodes: tuple[Node, ...]
    tensors: FrozenMap[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: FrozenMap[str, str] = field(default_factory=FrozenMap)
    scope: str = ""
    meta: FrozenMap[str, str] = field(default_factory=FrozenMap)
    weights: Weights = field(default_factory=Weights, compare=False, repr=False)

    def __repr__(self) -> str:
        """One line: nodes, inputs, outputs, elements of parameters."""
        sides = (self.inputs, self.outputs)
        ends = (", ".join(f"{name} {list(self.tensors[name].shape)}" for name in side) for side in sides)
        elements = sum(self.tensors[name].elements for name in self.parameters)
        return f"<Graph {self.name}: {len(self.nodes)} nodes, {' -> '.join(ends)}, {elements:,} parameters>"

    def parameter(self, tensor: str) -> Array:
        """The constant array behind a parameter tensor."""
        return self.weights[self.parameters[tensor]]

    @cached_property
    def producers(self) -> Mapping[str, Node]:
        return {output: node for node in self.nodes for output in node.outputs}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[tuple[Node, int], ...]]:
        """For each tensor the nodes that read it, with the index of the input, in graph order."""
        found: dict[str, list[tuple[Node, int]]] = {}
        for node in self.nodes:
            for index, name in enumerate(node.inputs):
                if name:
                    found.setdefault(name, []).append((node, index))
        return {name: tuple(uses) for name, uses in found.items()}

    def in_scope(self, node: Node) -> bool:
        """Whether the accelerator runs this node."""
        return not self.scope or node.module == self.scope or node.module.startswith(self.scope + ".")

    @cached_property
    def structure_digest(self) -> str:
        """SHA-256 of all but the values of constants; equal under any hash seed and machine."""
        return hashlib.sha256(json.dumps(self.to_record(), sort_keys=True).encode()).hexdigest()

    @cached_property
    def weights_digest(self) -> str:
        """SHA-256 over names and content digests of the constants."""
        return hashlib.sha256(json.dumps(sorted(self.parameters.items())).encode()).hexdigest()

    @property
    def digest(self) -> str:
        """Both digests in one, short enough to print."""
        return hashlib.sha256((self.structure_digest + self.weights_digest).encode()).hexdigest()[:16]

    def to_record(self) -> dict[str, object]:
        """Plain JSON values for everything but constants."""
        return {
            "name": self.name,
            "scope": self.scope,
            "meta": dict(self.meta),
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "parameters": sorted(self.parameters),
            "tensors": {
                name: [list(t.shape), str(t.dtype), _numerics_record(t.numerics)] for name, t in self.tensors.items()
            },
            "nodes": [
                {
                    "name": n.name,
                    "op": n.op,
                    "inputs": list(n.inputs),
                    "outputs": list(n.outputs),
                    "attrs": dict(n.attrs),
                    "module": n.module,
                    "accumulator": str(n.accumulator) if n.accumulator else None,
                    "origins": list(n.origins),
                    **({"fused": n.fused} if n.fused else {}),
                }
                for n in self.nodes
            ],
        }

    def networkx(self) -> networkx.DiGraph:
        """Nodes by name, with op and module; an edge carries the tensor that flows along it."""
        import networkx

        view = networkx.DiGraph(name=self.name)
        for node in self.nodes:
            view.add_node(node.name, op=node.op, module=node.module)
        for node in self.nodes:
            for name in node.inputs:
                if name in self.producers:
                    view.add_edge(self.producers[name].name, node.name, tensor=name, shape=self.tensors[name].shape)
        return view

    def with_nodes(self, nodes: tuple[Node, ...], tensors: Mapping[str, Tensor] | None = None) -> Graph:
        """A copy with other nodes; tensors and parameters that nothing uses any more are left out.

        A node that was the epilogue of one that is gone stands by itself.
        """
        table = self.tensors if tensors is None else tensors
        if any(node.fused for node in nodes):
            names = {node.name for node in nodes}
            nodes = tuple(replace(n, fused="") if n.fused and n.fused not in names else n for n in nodes)
        used = {*self.inputs, *self.outputs}
        for node in nodes:
            used.update(node.outputs)
            used.update(name for name in node.inputs if name)
        return replace(
            self,
            nodes=nodes,
            tensors=FrozenMap({name: table[name] for name in table if name in used}),
            parameters=FrozenMap({name: digest for name, digest in self.parameters.items() if name in used}),
        )


def _numerics_record(numerics: Numerics | None) -> list[object] | None:
    if numerics is None:
        return None
    return [list(numerics.scale), list(numerics.zero_point), numerics.axis, numerics.rounding, numerics.overflow]

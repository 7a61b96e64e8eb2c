"""Making graphs: each node is checked and its output types are inferred as it is added."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.errors import InternalError
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph, Node, Tensor
from accelsim.ir.weights import Array, SizesOnly, Weights
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import Attrs, OpSpec


class GraphBuilder:
    """Collects nodes in topological order.

    `prefix` goes before every name of a node; `module` is that of nodes which are given none.
    """

    def __init__(self, name: str, weights: Weights | None = None) -> None:
        self.name = name
        self.weights = weights if weights is not None else Weights()
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.inputs: list[str] = []
        self.parameters: dict[str, str] = {}
        self.prefix = ""
        self.module = ""
        self._names: set[str] = set()

    def add_input(self, name: str, tensor: Tensor) -> str:
        self.tensors[name] = tensor
        self.inputs.append(name)
        return name

    def add_parameter(self, name: str, array: Array, tensor: Tensor) -> str:
        """A constant under its name in the user's model."""
        self.tensors[name] = tensor
        self.parameters[name] = self.weights.add(array)
        return name

    def declare_parameter(self, name: str, tensor: Tensor) -> str:
        """A constant of which only the type is known; the builder's weights must be `SizesOnly`."""
        assert isinstance(self.weights, SizesOnly)
        self.tensors[name] = tensor
        self.parameters[name] = self.weights.declare(name, tensor.shape)
        return name

    def add(
        self,
        op: str,
        inputs: Sequence[str],
        attrs: Attrs | None = None,
        *,
        name: str = "",
        module: str | None = None,
        origins: tuple[str, ...] = (),
    ) -> tuple[str, ...]:
        """Append a node and return the names of its outputs. A name that is taken gets a number."""
        spec = op_spec(op)
        unique = self._unique(f"{self.prefix}{name or op}")
        bound = spec.bind(unique, attrs or {})
        types = tuple(self.tensors[i] if i else None for i in inputs)
        results = spec.infer(types, bound)
        outputs = (unique,) if len(results) == 1 else tuple(_output(unique, spec, i) for i in range(len(results)))
        for output, tensor in zip(outputs, results, strict=True):
            if output in self.tensors:
                raise InternalError(f"tensor '{output}' is made twice")
            self.tensors[output] = tensor
        where = self.module if module is None else module
        self.nodes.append(Node(unique, op, tuple(inputs), outputs, bound, where, origins=origins))
        return outputs

    def add1(self, op: str, inputs: Sequence[str], attrs: Attrs | None = None, *, name: str = "") -> str:
        """`add` for ops with one output."""
        return self.add(op, inputs, attrs, name=name)[0]

    def finish(self, outputs: Sequence[str], *, scope: str = "", meta: dict[str, str] | None = None) -> Graph:
        graph = Graph(
            name=self.name,
            nodes=(),
            tensors=FrozenMap(self.tensors),
            inputs=tuple(self.inputs),
            outputs=tuple(outputs),
            parameters=FrozenMap(self.parameters),
            scope=scope,
            meta=FrozenMap(meta or {}),
            weights=self.weights,
        )
        return graph.with_nodes(tuple(self.nodes))

    def _unique(self, name: str) -> str:
        candidate, number = name, 1
        while candidate in self._names or candidate in self.tensors:
            number += 1
            candidate = f"{name}_{number}"
        self._names.add(candidate)
        return candidate


def _output(node: str, spec: OpSpec, index: int) -> str:
    """`<node>.<output>`; outputs that repeat are numbered."""
    number = str(index - len(spec.outputs) + 1) if spec.outputs[-1].endswith("*") else ""
    return f"{node}.{spec.output_name(index)}{number}"

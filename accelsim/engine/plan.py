"""The plan of an execution: which kernel runs each node and where every tensor lies, once per graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.engine.kernel import NUMPY_TYPES, Array, Call, Kernel, Layout, Operands, Prepare, fits
from accelsim.engine.memory import Block, Slot, place_blocks
from accelsim.engine.team import Team
from accelsim.errors import InternalError, UnsupportedError
from accelsim.ir import Graph, Node, Tensor
from accelsim.ops.expand import expanded
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import OpSpec, types_of


@dataclass(frozen=True)
class Place:
    """A tensor as a window on the bytes of `block`: an offset into it in bytes, and strides."""

    block: str
    offset: int
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """One node that computes. `copies` are the inputs that are made contiguous before it: (input, block)."""

    index: int
    node: Node
    kernel: Kernel
    copies: tuple[tuple[int, str], ...]
    scratch: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Steps in order, and the places of tensors.

    `graph` is the graph that was given, in which ops that have an expansion and no kernel are written out. `written`
    tells after which node of it the bytes of a tensor are there, and -1 for inputs; an epilogue's lie over its host's.

    `arena_bytes` holds graph inputs, intermediates and the kernels' scratch, reused by liveness.
    `weight_bytes` are the constants, once each, and what was packed or folded from them. `scratch_bytes` is
    what lies beside the arena while the most demanding node without a kernel runs: its results (temporaries
    inside NumPy are not counted). `views` are nodes that only rename bytes, `folded` those that depend on
    constants alone, `fallbacks` those that run on their op's reference.
    """

    graph: Graph
    steps: tuple[Step, ...]
    places: Mapping[str, Place]
    written: Mapping[str, int]
    slots: Mapping[str, Slot]
    constants: Mapping[str, Array]
    arena_bytes: int
    weight_bytes: int
    scratch_bytes: int
    views: tuple[str, ...]
    folded: tuple[str, ...]
    fallbacks: tuple[str, ...]

    @property
    def peak_bytes(self) -> int:
        return self.arena_bytes + self.weight_bytes + self.scratch_bytes


def make_plan(graph: Graph, kernels: Mapping[str, Prepare], team: Team) -> Plan:
    """Plan `graph` with the given kernels. UnsupportedError for number formats that the engine lacks."""
    written = expanded(graph, lambda node: "" if node.op in kernels else op_spec(node.op).default_form)
    for name, tensor in written.tensors.items():
        _check_format(name, tensor)
    planner = _Planner(written, kernels, team)
    for name in written.inputs:
        planner.new_tensor(name, -1)
    for index, node in enumerate(written.nodes):
        planner.add(index, node)
    return planner.finish()


def _check_format(name: str, tensor: Tensor) -> None:
    if tensor.numerics is not None or tensor.dtype not in NUMPY_TYPES:
        quantised = " with its own scale" if tensor.numerics is not None else ""
        raise UnsupportedError(
            f"tensor '{name}' is {tensor.dtype}{quantised}; "
            f"the engine computes in {', '.join(str(d) for d in NUMPY_TYPES)}"
        )


class _Planner:
    """Collects places, lifetimes and steps while the nodes are walked in order."""

    def __init__(self, graph: Graph, kernels: Mapping[str, Prepare], team: Team) -> None:
        self.graph = graph
        self.kernels = kernels
        self.team = team
        stored = {digest: _plain(graph.weights[digest]) for digest in graph.parameters.values()}
        self.constants: dict[str, Array] = {}
        for name, digest in graph.parameters.items():
            _check_parameter(name, stored[digest], graph.tensors[name])
            self.constants[name] = stored[digest]
        self.owned: list[Array] = list(stored.values())
        self.places: dict[str, Place] = {}
        self.sizes: dict[str, int] = {}
        self.spans: dict[str, tuple[int, int]] = {}
        self.written: dict[str, int] = {}
        self.steps: list[Step] = []
        self.views: list[str] = []
        self.folded: list[str] = []
        self.fallbacks: list[str] = []
        self.scratch_bytes = 0

    def add(self, index: int, node: Node) -> None:
        spec = op_spec(node.op)
        names = [name for name in node.inputs if name]
        if names and not spec.routed and all(name in self.constants for name in names):
            self._fold(node, spec)
            return
        for name in names:
            self._touch(name, index)
        if not (spec.layout and len(node.inputs) == 1 and self._view(node, spec, index)):
            self._step(index, node, spec)

    def new_tensor(self, name: str, index: int) -> None:
        """A block of its own for a tensor made at step `index`."""
        tensor = self.graph.tensors[name]
        dtype = NUMPY_TYPES[tensor.dtype]
        self._block(name, tensor.elements * dtype.itemsize, index)
        self.places[name] = Place(name, 0, np.empty(tensor.shape, dtype).strides)
        self.written[name] = index

    def finish(self) -> Plan:
        for name in self.graph.outputs:
            self._touch(name, len(self.graph.nodes))
        blocks = [Block(name, size, *self.spans[name]) for name, size in self.sizes.items()]
        slots = place_blocks(blocks)
        return Plan(
            graph=self.graph,
            steps=tuple(self.steps),
            places=self.places,
            written=self.written,
            slots={slot.block.name: slot for slot in slots},
            constants=self.constants,
            arena_bytes=max((slot.end for slot in slots), default=0),
            weight_bytes=sum(array.nbytes for array in self.owned),
            scratch_bytes=self.scratch_bytes,
            views=tuple(self.views),
            folded=tuple(self.folded),
            fallbacks=tuple(self.fallbacks),
        )

    def _block(self, name: str, size_bytes: int, index: int) -> None:
        self.sizes[name] = max(size_bytes, 1)
        self.spans[name] = (index, index)

    def _touch(self, name: str, index: int) -> None:
        if name in self.places:
            block = self.places[name].block
            self.spans[block] = (self.spans[block][0], index)

    def _fold(self, node: Node, spec: OpSpec) -> None:
        with np.errstate(all="ignore"):  # as when it runs
            results = spec.reference([self.constants[name] if name else None for name in node.inputs], node.attrs)
        for name, result in zip(node.outputs, results, strict=True):
            array = np.ascontiguousarray(result).reshape(self.graph.tensors[name].shape)
            array.setflags(write=False)
            if not any(np.may_share_memory(array, self.constants[other]) for other in node.inputs if other):
                self.owned.append(array)
            self.constants[name] = array
        self.folded.append(node.name)

    def _view(self, node: Node, spec: OpSpec, index: int) -> bool:
        """Place the outputs in the bytes of the input if the op's own definition gives a view there."""
        place = self.places[node.inputs[0]]
        storage = np.empty(self.sizes[place.block], np.uint8)
        source = self._array(node.inputs[0], storage)
        results = spec.reference([source], node.attrs)
        if not all(result.size and np.may_share_memory(result, storage) for result in results):
            return False
        base = storage.__array_interface__["data"][0]
        for output, result in zip(node.outputs, results, strict=True):
            self.places[output] = Place(place.block, result.__array_interface__["data"][0] - base, result.strides)
            self.written[output] = self.written[node.inputs[0]]
            self._touch(output, index)
        self.views.append(node.name)
        return True

    def _over_its_host(self, node: Node, index: int) -> bool:
        """Place the result of an epilogue in the bytes of what it works on, which nobody else reads."""
        if not node.fused:
            return False
        made = [self.graph.producers.get(name) for name in node.inputs]
        own = (name for name, by in zip(node.inputs, made, strict=True) if by and node.fused in (by.name, by.fused))
        source = next(own)
        if source not in self.places or self.sizes[self.places[source].block] != self._size(source):
            return False
        self.places[node.outputs[0]] = self.places[source]
        self.written[node.outputs[0]] = index
        self._touch(node.outputs[0], index)
        return True

    def _size(self, name: str) -> int:
        return max(self.graph.tensors[name].elements * self._itemsize(name), 1)

    def _array(self, name: str, storage: Array) -> Array:
        place, tensor = self.places[name], self.graph.tensors[name]
        return np.ndarray(tensor.shape, NUMPY_TYPES[tensor.dtype], storage, place.offset, place.strides)

    def _step(self, index: int, node: Node, spec: OpSpec) -> None:
        operands = Operands(
            node,
            spec,
            types_of(self.graph, node),
            tuple(self.graph.tensors[name] for name in node.outputs),
            tuple(self.constants.get(name) if name else None for name in node.inputs),
            self.team,
        )
        prepare = self.kernels.get(node.op)
        empty = any(t is not None and not t.elements for t in (*operands.inputs, *operands.outputs))
        kernel = prepare(operands) if prepare and not empty else None
        if kernel is None:
            kernel = _reference_kernel(operands)
            self.fallbacks.append(node.name)
            results = sum(math.prod(t.shape) * NUMPY_TYPES[t.dtype].itemsize for t in operands.outputs)
            self.scratch_bytes = max(self.scratch_bytes, results)
        self.owned.extend(kernel.packed)
        if not (kernel.in_place and self._over_its_host(node, index)):
            for name in node.outputs:
                self.new_tensor(name, index)
        copies = []
        for position, name in enumerate(node.inputs):
            if name in self.places and not self._lies(name, kernel.layout):
                block = f"{node.name}#copy{position}"
                self._block(block, self.graph.tensors[name].elements * self._itemsize(name), index)
                copies.append((position, block))
        scratch = []
        for number, tensor in enumerate(kernel.scratch):
            block = f"{node.name}#scratch{number}"
            self._block(block, tensor.elements * NUMPY_TYPES[tensor.dtype].itemsize, index)
            scratch.append(block)
        self.steps.append(Step(index, node, kernel, tuple(copies), tuple(scratch)))

    def _lies(self, name: str, layout: Layout) -> bool:
        storage = np.empty(self.sizes[self.places[name].block], np.uint8)
        return fits(self._array(name, storage), layout)

    def _itemsize(self, name: str) -> int:
        return NUMPY_TYPES[self.graph.tensors[name].dtype].itemsize


def _plain(array: Array) -> Array:
    """A parameter as kernels take it: of the base class, aligned, contiguous (a mapped one stays mapped)."""
    return np.require(array, requirements=["C", "A"]).view(np.ndarray)


def _check_parameter(name: str, array: Array, tensor: Tensor) -> None:
    if array.shape != tensor.shape or array.dtype != NUMPY_TYPES[tensor.dtype]:
        raise InternalError(
            f"parameter '{name}' is {array.dtype} {array.shape}, the graph says {tensor.dtype} {tensor.shape}"
        )


def _reference_kernel(operands: Operands) -> Kernel:
    spec, node = operands.spec, operands.node

    def run(call: Call) -> None:
        results: Sequence[Array] = spec.reference(call.inputs, node.attrs)
        for name, output, result in zip(node.outputs, call.outputs, results, strict=True):
            if result.shape != output.shape or result.dtype != output.dtype:
                raise InternalError(
                    f"node '{node.name}': the reference of {node.op} gives {result.dtype} {result.shape} for "
                    f"'{name}', the graph says {output.dtype} {output.shape}"
                )
            np.copyto(output, result)

    return Kernel(run, layout=Layout.ANY)

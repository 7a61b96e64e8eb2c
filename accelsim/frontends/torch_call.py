"""One call of an exported program: its arguments by name, and the nodes that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch.fx import Node as FxNode

from accelsim.errors import InternalError
from accelsim.frontends.torch_semantic import Site
from accelsim.frontends.torch_sizes import has_numbers
from accelsim.frontends.torch_types import our_dtype, tensor_type, to_array, torch_dtype
from accelsim.ir.dtype import DType
from accelsim.ir.graph import AttrValue, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.ops.registry import op_spec

# What a value of the program became: tensors of the graph, a constant not yet in it, nothing (not supported).
Value: TypeAlias = "tuple[str, ...] | torch.Tensor | None"


def target_name(node: FxNode) -> str:
    """`aten.linear.default`, `getitem`, or the kind of a node that calls nothing."""
    if node.op != "call_function":
        return str(node.op)
    target = node.target
    return str(target) if isinstance(target, torch._ops.OpOverload) else str(target.__name__)


def module_path(node: FxNode) -> str:
    """The path of the innermost module that made the call."""
    stack = node.meta.get("nn_module_stack") or {}
    return str(list(stack.values())[-1][0]).split("@")[0] if stack else ""


def call_key(node: FxNode) -> str:
    """Distinguishes repeated calls of one module."""
    stack = node.meta.get("nn_module_stack") or {}
    return str(list(stack)[-1]) if stack else ""


def add_constant(builder: GraphBuilder, name: str, tensor: torch.Tensor) -> str:
    """A constant with its values, or with its type alone where it has no numbers."""
    if not has_numbers(tensor):
        return builder.declare_parameter(name, tensor_type(tensor))
    return builder.add_parameter(name, to_array(tensor), tensor_type(tensor))


class Call:
    """What the lowering of a call sees: `args` by the names of the aten schema, and `emit` for new nodes.

    `own` says that the call is all that its module does; its node is then named like the module.
    """

    def __init__(
        self,
        builder: GraphBuilder,
        node: FxNode,
        values: dict[FxNode, Value],
        sites: Mapping[int, Site],
        own: bool,
    ) -> None:
        self.path = module_path(node)
        self.origin = f"{node.name}:{target_name(node)}"
        self._builder = builder
        self._node = node
        self._values = values
        self._sites = sites
        self._own = own

    @property
    def args(self) -> Mapping[str, Any]:
        """Arguments in the order of the schema, with its defaults filled in."""
        assert isinstance(self._node.target, torch._ops.OpOverload)
        given = dict(self._node.kwargs)
        schema = self._node.target._schema.arguments
        for argument, value in zip(schema, self._node.args, strict=False):
            given[argument.name] = value
        return {argument.name: given.get(argument.name, argument.default_value) for argument in schema}

    @property
    def result(self) -> Tensor:
        """The type that torch gives to the result."""
        return tensor_type(self._node.meta["val"])

    @property
    def used_parts(self) -> frozenset[int]:
        """Which parts of a multiple result are read."""
        return frozenset(user.args[1] for user in self._node.users if isinstance(user.args[1], int))

    def value(self, argument: object) -> str:
        """The tensor that holds an argument; a constant enters the graph when it is first used."""
        if not isinstance(argument, FxNode):
            raise InternalError(f"{self.origin} in '{self.path}': {argument!r} is not a tensor")
        held = self._values[argument]
        if isinstance(held, torch.Tensor):
            held = self._values[argument] = (self._constant(module_path(argument), argument.name, held),)
        if held is None or len(held) != 1:
            raise InternalError(f"{self.origin} in '{self.path}': '{argument.name}' is not one tensor")
        return held[0]

    def optional(self, argument: object) -> tuple[str, ...]:
        return () if argument is None else (self.value(argument),)

    def type(self, argument: object) -> Tensor:
        return self._builder.tensors[self.value(argument)]

    def shape_of(self, tensor: str) -> tuple[int, ...]:
        """The shape of a tensor of the graph."""
        return self._builder.tensors[tensor].shape

    def common(self, *arguments: Any) -> DType:
        """The format to which torch promotes two arguments."""
        first, second = (a.meta["val"] if isinstance(a, FxNode) else a for a in arguments)
        return our_dtype(torch.result_type(first, second))

    def operand(self, argument: Any, dtype: DType) -> str:
        """A tensor or a number, in a format."""
        if isinstance(argument, FxNode):
            return self.cast(self.value(argument), dtype)
        return self.scalar(argument, Tensor((), dtype))

    def cast(self, tensor: str, dtype: DType) -> str:
        """`tensor` itself where it is of that format."""
        if self._builder.tensors[tensor].dtype == dtype:
            return tensor
        return self.emit("cast", [tensor], {"dtype": str(dtype)})

    def emit(self, op: str, inputs: Sequence[str], attrs: Mapping[str, AttrValue] | None = None) -> str:
        """Add a node with one output. Absent optional inputs may be left out at the end."""
        return self.emit_all(op, inputs, attrs)[0]

    def emit_all(self, op: str, inputs: Sequence[str], attrs: Mapping[str, AttrValue] | None = None) -> tuple[str, ...]:
        name = self.path if self._own else ".".join(part for part in (self.path, op) if part)
        self._own = False
        return self._builder.add(op, inputs, attrs, name=name, module=self.path, origins=(self.origin,))

    def scalar(self, value: float, like: Tensor) -> str:
        """A constant of shape () in the format of `like`."""
        tensor = torch.tensor(value, dtype=torch_dtype(like.dtype))
        return self._constant(self.path, f"{self._node.name}.scalar", tensor)

    def full(self, value: float, like: Tensor) -> str:
        """A constant of one value everywhere, of the shape and format of `like`."""
        tensor = torch.full(like.shape, value, dtype=torch_dtype(like.dtype))
        return self._constant(self.path, f"{self._node.name}.full", tensor)

    def semantic(self) -> tuple[str, ...]:
        """One node for a whole module, named by the module's path."""
        site = self._sites[self.args["handle"]]
        given = {name: self.value(a) for name, a in zip(site.inputs, self.args["inputs"], strict=True)}
        given |= {operand: self._parameter(name, tensor) for operand, name, tensor in site.parameters}
        inputs = [given.get(operand.rstrip("?"), "") for operand in op_spec(site.op).inputs]
        while not inputs[-1]:
            inputs.pop()
        return self._builder.add(
            site.op, inputs, site.attrs, name=site.path or site.op, module=site.path, origins=(self.origin,)
        )

    def _constant(self, path: str, name: str, tensor: torch.Tensor) -> str:
        """A constant without a name in the user's module; a name that is taken gets a number."""
        wanted = f"{path}.{name}" if path else name
        unique, number = wanted, 1
        while unique in self._builder.tensors:
            number += 1
            unique = f"{wanted}_{number}"
        return self._parameter(unique, tensor)

    def _parameter(self, name: str, tensor: torch.Tensor) -> str:
        if name in self._builder.parameters:
            return name
        return add_constant(self._builder, name, tensor)


Lowering: TypeAlias = "Callable[[Call], str | tuple[str, ...]]"
"""What makes the nodes of one kind of call; gives the tensor that holds its result, or each of its results."""

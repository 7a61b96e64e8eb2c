"""ONNX model -> Graph: a walk over the nodes in which constants fold, functions are inlined and branches chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from accelsim.errors import CoverageError, InputError, Missing, UnsupportedError
from accelsim.frontends.onnx_call import Call, Value
from accelsim.frontends.onnx_inputs import Sizes, input_types
from accelsim.frontends.onnx_load import MAX_NODES, MAX_RANK, MAX_TENSOR_BYTES, array_of, format_of
from accelsim.frontends.onnx_names import module_path, node_name
from accelsim.frontends.onnx_ops import OPERATORS
from accelsim.frontends.onnx_proto import (
    attribute_values,
    operator_name,
    opset_versions,
    plain_domain,
    resolved,
    without,
)
from accelsim.frontends.onnx_schema import operator_body
from accelsim.frontends.onnx_tidy import live_nodes, renamed_tensors
from accelsim.ir.dtype import BFLOAT16
from accelsim.ir.graph import Graph, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import Array, Attrs
from accelsim.ops.verified import verified

FOLD_BYTES = 2**26  # a constant that grows past this stays an op of the graph
OFFERED_ELEMENTS = 4096
_DEPTH = 64
_SHOWN = 3


@dataclass
class _Scope:
    """Names of one graph or function body. `outer` is the graph around a branch."""

    opsets: Mapping[str, int]
    outer: _Scope | None = None
    attributes: Mapping[str, onnx.AttributeProto] = field(default_factory=dict)
    prefix: str = ""
    module: str = ""
    depth: int = 0
    values: dict[str, Value | None] = field(default_factory=dict)

    def find(self, name: str) -> Value | None:
        """None for what hangs on an operator that is missing. Raises KeyError for an unknown name."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.outer
        raise KeyError(name)


def import_model(
    model: onnx.ModelProto,
    path: Path,
    *,
    sizes: Sizes | None = None,
    batch: int | None = None,
    given: Mapping[str, Array] | None = None,
    meta: Mapping[str, str] | None = None,
) -> Graph:
    """The graph of a checked model; its tensors keep the names they have there.

    `sizes` binds open dimensions by name, or whole inputs by theirs; `batch` the first dimension of inputs that
    leave it open. `given` are values of inputs: an operator that has to know one before the model runs takes it
    from here. Raises InputError for open dimensions and broken nodes, UnsupportedError with every operator that
    is missing.
    """
    walk = _Walk(model, path, given or {})
    walk.add_inputs(input_types(model, path, sizes or {}, batch))
    walk.visit(model.graph.node, walk.top)
    return walk.finish(dict(meta or {}))


class _Walk:
    def __init__(self, model: onnx.ModelProto, path: Path, given: Mapping[str, Array]) -> None:
        self.model = model
        self.path = path
        self.given = given
        self.builder = GraphBuilder(path.stem)
        self.top = _Scope(opset_versions(model.opset_import))
        self.functions = {(f.domain, f.name, f.overload): f for f in model.functions}
        self.missing: dict[str, list[str]] = {}
        self.problems: list[Missing] = []
        self.names: dict[str, str] = {}  # tensor of the builder -> name in the model
        self.parameters: dict[int, tuple[Array, str]] = {}
        self.visited = 0

    # what comes in

    def add_inputs(self, types: Mapping[str, Tensor]) -> None:
        """Initialisers and inputs, under their names."""
        graph = self.model.graph
        if graph.sparse_initializer:
            raise UnsupportedError(f"{self.path}: sparse initialisers are not supported")
        for proto in graph.initializer:
            array = array_of(proto, self.path)
            self.top.values[proto.name] = _constant(array, proto.name, str(self.path))
        for name, tensor in types.items():
            if name in self.top.values:
                raise InputError(f"{self.path}: '{name}' is an input twice")
            offered = self.given.get(name)
            if offered is not None and offered.shape != tensor.shape:
                raise InputError(f"{self.path}: input '{name}' is given as {list(offered.shape)}, not {tensor.shape}")
            self.builder.add_input(name, tensor)
            self.top.values[name] = Value(tensor, name, offered=_small(offered))

    # the walk

    def visit(self, nodes: Iterable[onnx.NodeProto], scope: _Scope) -> None:
        for node in nodes:
            self.visited += 1
            if self.visited > MAX_NODES:
                raise InputError(f"{self.path}: more than {MAX_NODES} nodes once functions are written out")
            name = node_name(node, scope.prefix, self.visited)
            where = f"{self.path}: node '{name}' ({operator_name(node)})"
            inputs, whole = self._inputs(node, scope, where)
            made = None
            if whole:
                made = self._made(node, scope, name, where, inputs)
            else:
                self._hanging(node, scope)
            if made is not None and len(made) < len([output for output in node.output if output]):
                raise InputError(f"{where}: has {len(node.output)} outputs, the operator makes {len(made)}")
            for index, output in enumerate(node.output):
                if output:
                    self._bind(scope, output, None if made is None else made[index], where)

    def _inputs(self, node: onnx.NodeProto, scope: _Scope, where: str) -> tuple[list[Value | None], bool]:
        """Values of the inputs, and whether all of them are there."""
        inputs: list[Value | None] = []
        whole = True
        for used in node.input:
            try:
                value = scope.find(used) if used else None
            except KeyError:
                raise InputError(f"{where}: reads '{used}', which nothing before it makes") from None
            whole = whole and (value is not None or not used)
            inputs.append(value)
        return inputs, whole

    def _bind(self, scope: _Scope, output: str, value: Value | None, where: str) -> None:
        if output in scope.values:
            raise InputError(f"{where}: '{output}' is made twice")
        scope.values[output] = value
        if scope is self.top and value is not None and value.name and value.name not in self.builder.inputs:
            self.names.setdefault(value.name, output)

    def _made(
        self, node: onnx.NodeProto, scope: _Scope, name: str, where: str, inputs: Sequence[Value | None]
    ) -> Sequence[Value | None] | None:
        """The outputs of a node; None after noting why there are none."""
        try:
            return self._translated(node, scope, name, where, inputs)
        except (_Missing, UnsupportedError) as error:
            if isinstance(error, _Missing):
                self.missing.setdefault(operator_name(node), []).append(name)
            else:
                self.problems.append(Missing(operator_name(node), name, str(error)))
            return None
        except InputError as error:
            text = str(error)
            raise InputError(text if text.startswith(str(self.path)) else f"{where}: {text}") from error
        except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{where}: not as the operator demands: {type(error).__name__}: {error}") from error

    def _translated(
        self, node: onnx.NodeProto, scope: _Scope, name: str, where: str, inputs: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        domain = plain_domain(node.domain)
        function = self.functions.get((node.domain, node.op_type, node.overload))
        module = module_path(node, scope.module)
        if function is not None:
            told = {proto.name: proto for proto in function.attribute_proto}
            return self._inlined(function, told, node, scope, inputs)
        if domain not in scope.opsets:
            raise InputError(f"{where}: the model does not say which version of '{node.domain}' it uses")
        opset = scope.opsets[domain]
        attributes = attribute_values(resolved(node, scope.attributes))
        if (domain, node.op_type) == ("", "If"):
            return self._branch(attributes, scope, name, module, inputs)
        translate = OPERATORS.get((domain, node.op_type))
        if translate is not None:
            call = Call(self, node, opset, tuple(inputs), attributes, name, module)
            made = translate(call)
            unread = call.unread()
            if made is not None and not unread:
                return made
        body = operator_body(resolved(node, scope.attributes), domain, opset, _types(inputs))
        if body is None and translate is not None:
            raise UnsupportedError(f"{', '.join(unread) or 'this form of the operator'} is not supported")
        if body is None:
            raise _Missing
        function, defaults = body
        return self._inlined(function, defaults, node, scope, inputs)

    def _hanging(self, node: onnx.NodeProto, scope: _Scope) -> None:
        """Note an operator that would be missing even if what it reads were there."""
        key = (plain_domain(node.domain), node.op_type)
        local = (node.domain, node.op_type, node.overload) in self.functions
        if not local and key != ("", "If") and key not in OPERATORS:
            opset = scope.opsets.get(key[0], 0)
            if operator_body(node, key[0], opset, None) is None:
                self.missing.setdefault(operator_name(node), []).append(node_name(node, scope.prefix, self.visited))

    def _branch(
        self, attributes: Mapping[str, Any], scope: _Scope, name: str, module: str, inputs: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        """The branch of an If that its constant condition takes."""
        condition = inputs[0] if inputs else None
        array = None if condition is None else condition.array if condition.array is not None else condition.offered
        if array is None or array.size != 1:
            raise UnsupportedError("its condition depends on data; only a constant one is supported")
        graph = attributes["then_branch" if bool(array.reshape(-1)[0]) else "else_branch"]
        inner = _Scope(
            scope.opsets, scope, scope.attributes, prefix=f"{name}/", module=module, depth=_deeper(scope.depth)
        )
        for proto in graph.initializer:
            inner.values[proto.name] = _constant(array_of(proto, self.path), f"{name}/{proto.name}", str(self.path))
        self.visit(graph.node, inner)
        return [inner.find(output.name) for output in graph.output]

    def _inlined(
        self,
        function: onnx.FunctionProto,
        defaults: Mapping[str, onnx.AttributeProto],
        node: onnx.NodeProto,
        scope: _Scope,
        inputs: Sequence[Value | None],
    ) -> Sequence[Value | None]:
        """The outputs of a function's body, written out in place of the node that calls it."""
        given = {proto.name: proto for proto in resolved(node, scope.attributes).attribute}
        opsets = {**scope.opsets, **opset_versions(function.opset_import)}
        inner = _Scope(
            opsets,
            None,
            {**defaults, **given},
            prefix=f"{node_name(node, scope.prefix, self.visited)}/",
            module=module_path(node, scope.module),
            depth=_deeper(scope.depth),
        )
        absent: dict[str, Value | None] = {}
        for index, formal in enumerate(function.input):
            actual = inputs[index] if index < len(inputs) else None
            if actual is None:
                absent[formal] = None
            else:
                inner.values[formal] = actual
        self.visit((without(body, absent) for body in function.node), inner)
        wanted = zip(function.output, node.output, strict=False)
        return [inner.find(formal) if actual and formal not in absent else None for formal, actual in wanted]

    # ops

    def emit(
        self, op: str, inputs: Sequence[Value | None], attrs: Attrs, *, name: str, module: str
    ) -> tuple[Value, ...]:
        """Fold an op of constants, add another one to the graph."""
        spec = op_spec(op)
        bound = spec.bind(name, attrs)
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
        results = spec.infer(_types(inputs), bound)
        size = 0
        for tensor in results:
            size += tensor.size_bytes
            if tensor.size_bytes > MAX_TENSOR_BYTES or len(tensor.shape) > MAX_RANK:
                raise InputError(f"makes a tensor {list(tensor.shape)} of {tensor.size_bytes} bytes; that is refused")
        constant = all(value is None or value.array is not None for value in inputs)
        held = sum(value.type.size_bytes for value in inputs if value is not None)
        if constant and size <= max(FOLD_BYTES, 2 * held):
            with np.errstate(all="ignore"):
                arrays = spec.reference([None if value is None else value.array for value in inputs], bound)
            return tuple(
                Value(tensor, array=np.asarray(array), label=name)
                for tensor, array in zip(results, arrays, strict=True)
            )
        offered = self._offered(inputs, results)
        names = [self._tensor(value) if value is not None else "" for value in inputs]
        outputs = self.builder.add(op, names, attrs, name=name, module=module)
        if offered is None:
            return tuple(Value(tensor, output) for tensor, output in zip(results, outputs, strict=True))
        with np.errstate(all="ignore"):
            arrays = spec.reference(offered, bound)
        return tuple(
            Value(tensor, output, offered=np.asarray(array))
            for tensor, output, array in zip(results, outputs, arrays, strict=True)
        )

    def _offered(self, inputs: Sequence[Value | None], results: Sequence[Tensor]) -> list[Array | None] | None:
        """What small inputs will be, where the user gave it."""
        if any(tensor.elements > OFFERED_ELEMENTS for tensor in results):
            return None
        arrays: list[Array | None] = []
        for value in inputs:
            known = None if value is None else value.array if value.array is not None else value.offered
            if value is not None and (known is None or known.size > OFFERED_ELEMENTS):
                return None
            arrays.append(known)
        return arrays

    def _tensor(self, value: Value) -> str:
        """The name of a value in the graph; a constant becomes a parameter once."""
        if value.array is None:
            return value.name
        key = id(value.array)
        if key not in self.parameters:
            name = self.builder_name(value.label or "constant")
            held = value.array.astype(np.float32) if value.type.dtype == BFLOAT16 else value.array
            self.builder.add_parameter(name, held, value.type)
            self.parameters[key] = (value.array, name)
        return self.parameters[key][1]

    def builder_name(self, wanted: str) -> str:
        """`wanted`, or with a number where a tensor has that name."""
        name, number = wanted, 1
        while name in self.builder.tensors:
            number += 1
            name = f"{wanted}_{number}"
        return name

    # the result

    def finish(self, meta: dict[str, str]) -> Graph:
        if self.missing or self.problems:
            raise CoverageError(
                f"{self._lacking()}\nsupported: {', '.join(_SUPPORTED)}",
                model=str(self.path),
                missing=[
                    *(Missing(op, names[0], count=len(names)) for op, names in sorted(self.missing.items())),
                    *self.problems,
                ],
                supported=_SUPPORTED,
            )
        outputs: list[str] = []
        for proto in self.model.graph.output:
            if proto.name not in self.top.values:
                raise InputError(f"{self.path}: output '{proto.name}' is made by nothing")
            value = self.top.values[proto.name]
            assert value is not None
            outputs.append(self._output(proto.name, value, outputs))
        if not outputs:
            raise InputError(f"{self.path}: the model has no outputs")
        live = live_nodes(self.builder.nodes, outputs)
        read = {name for node in live for name in node.inputs} | set(outputs)
        self.builder.nodes = live
        self.builder.inputs = [name for name in self.builder.inputs if name in read or name not in self.given]
        graph = self.builder.finish(outputs, meta=meta)
        return verified(renamed_tensors(graph, self.names), after=f"reading {self.path}")

    def _output(self, name: str, value: Value, before: list[str]) -> str:
        """The tensor of an output, which gets the output's name."""
        if not value.name or value.name in self.builder.inputs or value.name in before:
            held = self._tensor(value)
            (made,) = self.builder.add("reshape", [held], {"shape": value.type.shape}, name=name)
        else:
            made = value.name
        self.names[made] = name
        return made

    def _lacking(self) -> str:
        lines = []
        if self.missing:
            total = sum(len(names) for names in self.missing.values())
            lines.append(f"{self.path}: {len(self.missing)} operators ({total} nodes) are not supported:")
            for operator, names in sorted(self.missing.items()):
                more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
                lines.append(f"  {operator}: {', '.join(repr(name) for name in names[:_SHOWN])}{more}")
        if self.problems:
            lines.append(f"{self.path}: {len(self.problems)} nodes ask for what is not supported:")
            lines += [f"  node '{one.place}' ({one.operator}): {one.reason}" for one in self.problems]
        return "\n".join(lines)


_SUPPORTED = sorted(f"{domain}.{operator}".lstrip(".") for domain, operator in OPERATORS)


class _Missing(Exception):  # noqa: N818 - a signal inside this module, never seen outside
    """There is no translation for an operator."""


def _types(values: Sequence[Value | None]) -> list[Tensor | None]:
    return [None if value is None else value.type for value in values]


def _constant(array: Array, label: str, where: str) -> Value:
    return Value(Tensor(array.shape, format_of(array, where)), array=array, label=label)


def _small(array: Array | None) -> Array | None:
    return array if array is not None and array.size <= OFFERED_ELEMENTS else None


def _deeper(depth: int) -> int:
    if depth >= _DEPTH:
        raise InputError(f"functions and branches are nested more than {_DEPTH} deep")
    return depth + 1

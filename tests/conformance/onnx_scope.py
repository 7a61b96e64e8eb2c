"""Which of ONNX's node tests are about what accelsim says it reads, told from the models alone, not from what passes.

In scope is a test in an opset from 13 on whose tensors are of declared formats and whose operators the front end knows,
or ONNX defines by operators that it knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import onnx
from onnx import TensorProto

from accelsim.engine.kernel import NUMPY_TYPES
from accelsim.frontends.onnx_load import FORMATS, OLDEST_OPSET
from accelsim.frontends.onnx_ops import OPERATORS
from accelsim.frontends.onnx_proto import operator_name, opset_versions, plain_domain
from accelsim.frontends.onnx_schema import operator_body
from accelsim.ir.graph import Tensor

OPSET, FORMAT, OPERATOR = "opset before 13", "number format or type", "operator"
DECLARED = {kind for kind, dtype in FORMATS.items() if dtype in NUMPY_TYPES}
_FORMAT_ATTRIBUTES = ("to", "dtype", "output_dtype")


def out_of_scope(model: onnx.ModelProto) -> tuple[str, str]:
    """Why a model is out of scope: the kind of reason and what it is about; ("", "") for one that is in scope."""
    opsets = opset_versions(model.opset_import)
    if opsets.get("", OLDEST_OPSET) < OLDEST_OPSET:
        return OPSET, f"opset {opsets['']}"
    formats = sorted({told for told in _formats(model) if told})
    if formats:
        return FORMAT, ", ".join(formats)
    types = {info.name: _tensor(info) for info in (*model.graph.input, *model.graph.value_info)}
    unknown = sorted(set(_unknown(model.graph.node, opsets, types, {f.name for f in model.functions})))
    unknown += sorted(set(_unknown([node for f in model.functions for node in f.node], opsets, {}, set())))
    return (OPERATOR, ", ".join(unknown)) if unknown else ("", "")


def _formats(model: onnx.ModelProto) -> Iterator[str]:
    """Names of formats and types that are not declared."""
    graph = model.graph
    for info in (*graph.input, *graph.output, *graph.value_info):
        kind = info.type.WhichOneof("value")
        if kind != "tensor_type":
            yield str(kind).removesuffix("_type")
        else:
            yield _undeclared(info.type.tensor_type.elem_type)
    for tensor in graph.initializer:
        yield _undeclared(tensor.data_type)
    for node in (*graph.node, *(node for function in model.functions for node in function.node)):
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield _undeclared(attribute.t.data_type)
            if attribute.name in _FORMAT_ATTRIBUTES and not attribute.ref_attr_name:
                yield _undeclared(attribute.i)


def _undeclared(kind: int) -> str:
    return "" if kind in DECLARED or not kind else TensorProto.DataType.Name(kind).lower()


def _unknown(
    nodes: Iterable[onnx.NodeProto],
    opsets: Mapping[str, int],
    types: Mapping[str, Tensor | None],
    functions: set[str],
) -> Iterator[str]:
    """Operators that neither the front end nor ONNX's own definitions know."""
    for node in nodes:
        key = (plain_domain(node.domain), node.op_type)
        for attribute in node.attribute:
            for branch in (attribute.g, *attribute.graphs):
                yield from _unknown(branch.node, opsets, types, functions)
        if key in OPERATORS or key == ("", "If") or node.op_type in functions:
            continue
        inputs: Sequence[Tensor | None] = [types.get(name) for name in node.input]
        known = all(tensor is not None or not name for tensor, name in zip(inputs, node.input, strict=True))
        body = operator_body(node, key[0], opsets.get(key[0], 1), inputs if known else None)
        if body is None:
            yield operator_name(node)
        else:
            function, _ = body
            yield from _unknown(function.node, {**opsets, **opset_versions(function.opset_import)}, {}, functions)


def _tensor(info: onnx.ValueInfoProto) -> Tensor | None:
    tensor = info.type.tensor_type
    if info.type.WhichOneof("value") != "tensor_type" or tensor.elem_type not in FORMATS:
        return None
    return Tensor(tuple(dim.dim_value for dim in tensor.shape.dim), FORMATS[tensor.elem_type])

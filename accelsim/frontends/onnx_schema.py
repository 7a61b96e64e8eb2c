"""Operators that ONNX itself defines by others: their definition serves where accelsim has none of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
from onnx import defs, helper

from accelsim.frontends.onnx_load import FORMATS
from accelsim.ir.graph import Tensor

Body = tuple[onnx.FunctionProto, Mapping[str, onnx.AttributeProto]]
_KINDS = {ours: kind for kind, ours in FORMATS.items()}


def operator_body(node: onnx.NodeProto, domain: str, opset: int, inputs: Sequence[Tensor | None] | None) -> Body | None:
    """The body of an operator for this node, and defaults of its attributes; None where ONNX gives none.

    Without `inputs` it only tells whether there is one: the body may then be that for other types.
    """
    try:
        schema = defs.get_schema(node.op_type, opset, domain)
    except defs.SchemaError:
        return None
    defaults = {
        name: attribute.default_value for name, attribute in schema.attributes.items() if attribute.default_value.name
    }
    function = onnx.FunctionProto()
    version = _newest(schema.function_opset_versions, opset)
    if version is not None:
        function.ParseFromString(schema.get_function_with_opset_version(version))
        return function, defaults
    version = _newest(schema.context_dependent_function_opset_versions, opset)
    if version is None:
        return None
    if inputs is None:
        return function, defaults
    types = [_type(tensor).SerializeToString() for tensor in inputs]
    text = schema.get_context_dependent_function_with_opset_version(version, node.SerializeToString(), types)
    if not text:
        return None
    function.ParseFromString(text)
    return function, defaults


def _newest(versions: Sequence[int], opset: int) -> int | None:
    fitting = [version for version in versions if version <= opset]
    return max(fitting, default=None)


def _type(tensor: Tensor | None) -> onnx.TypeProto:
    if tensor is None:
        return onnx.TypeProto()
    return helper.make_tensor_type_proto(_KINDS[tensor.dtype], list(tensor.shape))

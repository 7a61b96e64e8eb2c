"""Reading ONNX nodes: operators, versions, and attributes that functions pass on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import onnx
from onnx import helper


def plain_domain(domain: str) -> str:
    """The default domain has two names."""
    return "" if domain == "ai.onnx" else domain


def operator_name(node: onnx.NodeProto) -> str:
    """What messages call an operator."""
    return f"{node.domain}.{node.op_type}" if plain_domain(node.domain) else node.op_type


def opset_versions(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """The version of each domain."""
    return {plain_domain(entry.domain): entry.version for entry in imports}


def resolved(node: onnx.NodeProto, outer: Mapping[str, onnx.AttributeProto]) -> onnx.NodeProto:
    """The node with references to a function's attributes replaced by what they are."""
    if not any(attribute.ref_attr_name for attribute in node.attribute):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        found = outer.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
        if found is not None:
            added = copy.attribute.add()
            added.CopyFrom(found)
            added.name = attribute.name
    return copy


def attribute_values(node: onnx.NodeProto) -> dict[str, Any]:
    """Attributes as plain values, by name."""
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def without(node: onnx.NodeProto, absent: Mapping[str, object]) -> onnx.NodeProto:
    """A node of a function's body, without the inputs that the caller left out."""
    if not absent or not any(name in absent for name in node.input):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for index, name in enumerate(node.input):
        if name in absent:
            copy.input[index] = ""
    return copy

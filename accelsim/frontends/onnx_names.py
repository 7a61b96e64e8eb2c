"""Names of ONNX nodes and the module paths that exporters leave in them."""

from __future__ import annotations

import ast

import onnx

_SCOPES = "pkg.torch.onnx.name_scopes"
_MAX_TEXT = 10_000


def node_name(node: onnx.NodeProto, prefix: str, number: int) -> str:
    """The node's own name, else that of its first output."""
    outputs = [name for name in node.output if name]
    return prefix + (node.name or (outputs[0] if outputs else f"{node.op_type}_{number}"))


def module_path(node: onnx.NodeProto, around: str) -> str:
    """The module that owns a node: told by torch's exporter, or what stands before the last '/' of its name."""
    for entry in node.metadata_props:
        if entry.key == _SCOPES:
            scopes = _scopes(entry.value)
            if len(scopes) > 1:
                return scopes[-2]
    own = ".".join(part for part in node.name.split("/")[:-1] if part)
    return ".".join(part for part in (around, own) if part)


def _scopes(text: str) -> list[str]:
    """A list of texts as Python writes it."""
    if len(text) > _MAX_TEXT:
        return []
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    return found if isinstance(found, list) and all(isinstance(scope, str) for scope in found) else []

"""Ops without an ONNX operator as ONNX functions: expansions into primitive ops, written once for all equal calls."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from accelsim.errors import UnsupportedError
from accelsim.frontends.onnx_forms import ONNX_FORMS
from accelsim.frontends.onnx_nodes import OnnxNodes, stored
from accelsim.ir.graph import Graph, Node, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.ops.expand import expanded
from accelsim.ops.registry import op_spec

DOMAIN = "accelsim"
_Key = tuple[str, object, tuple[tuple[str, Tensor], ...]]


class OnnxFunctions:
    """The functions that the nodes of a model call, each for one op, its attributes, and the types of its inputs."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.protos: list[onnx.FunctionProto] = []
        self._names: dict[_Key, str] = {}

    def call(self, graph: Graph, node: Node) -> onnx.NodeProto:
        """A call of the function for `node`, which is made if there is none yet.

        Raises UnsupportedError where an op has neither an ONNX form nor an expansion.
        """
        given = [(f"{op_spec(node.op).input_name(i)}.{i}", name) for i, name in enumerate(node.inputs) if name]
        key = (node.op, node.attrs, tuple((formal, graph.tensors[name]) for formal, name in given))
        if key not in self._names:
            count = sum(known[0] == node.op for known in self._names)
            self._names[key] = f"{node.op}_{count + 1}" if count else node.op
            self.protos.append(self._function(self._names[key], node, key[2]))
        return helper.make_node(
            self._names[key], [name for _, name in given], list(node.outputs), name=node.name, domain=DOMAIN
        )

    def _function(self, name: str, node: Node, inputs: tuple[tuple[str, Tensor], ...]) -> onnx.FunctionProto:
        build = GraphBuilder(name)
        formals = iter([build.add_input(formal, tensor) for formal, tensor in inputs])
        outputs = build.add(node.op, [next(formals) if used else "" for used in node.inputs], node.attrs, name=name)
        body = build.finish(outputs)
        while any(inner.op not in ONNX_FORMS for inner in body.nodes):
            body = expanded(body, _form_of)
        to = OnnxNodes(body)
        for inner in body.nodes:
            ONNX_FORMS[inner.op](to, inner)
        held = [stored(body, tensor) for tensor in body.parameters]
        return helper.make_function(
            DOMAIN,
            name,
            list(body.inputs),
            list(outputs),
            [*(_constant(tensor) for tensor in (*held, *to.constants.values())), *to.nodes],
            [helper.make_opsetid("", self.opset)],
            doc_string=f"{node.op} {dict(node.attrs)}",
        )


def _form_of(node: Node) -> str:
    """The expansion that stands for an op; none for one that ONNX has."""
    if node.op in ONNX_FORMS:
        return ""
    form = op_spec(node.op).default_form
    if not form:
        raise UnsupportedError(f"node '{node.name}': {node.op} has neither an ONNX form nor an expansion")
    return form


def _constant(tensor: TensorProto) -> onnx.NodeProto:
    """A function has no initialisers: its constants are nodes."""
    return helper.make_node("Constant", [], [tensor.name], name=tensor.name, value=tensor)

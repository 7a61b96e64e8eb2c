"""The part of an ONNX file that a graph was read from, for an engine that runs ONNX itself."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import onnx
from onnx import helper

from accelsim.frontends.onnx_nodes import element_type
from accelsim.ir.graph import Graph


def part_of_file(path: Path, graph: Graph, tensors: Collection[str] | None = None) -> onnx.ModelProto | None:
    """The model of `path` from the graph's inputs on, with its outputs and `tensors` (None: every tensor that both
    have) as outputs.

    Weights outside of the file stay there. None where the graph begins or ends inside of an operator or a
    function of the file: then the file has no tensor of that name.
    """
    model = onnx.load(path, load_external_data=False)
    file = model.graph
    made = {name for node in file.node for name in node.output}
    given = {info.name for info in file.input}
    outputs = {output.name: output for output in file.output}
    if not made.issuperset(set(graph.inputs) - given) or not (made | given | _held(file)).issuperset(graph.outputs):
        return None
    asked = [name for node in graph.nodes for name in node.outputs] if tensors is None else tensors
    shown = [name for name in asked if name in made]
    wanted = dict.fromkeys([*graph.outputs, *shown])
    nodes = _needed(file, wanted, graph.inputs)
    read = {name for node in nodes for name in _names_read(node)}
    for node in nodes:  # a node may also make a tensor that is an input now
        node.output[:] = [f"{name}:before the cut" if name in graph.inputs else name for name in node.output]
    infos = [info for info in file.input if info.name in read]
    infos += [_info(graph, name) for name in graph.inputs if name not in given]
    del file.node[:], file.input[:], file.output[:]
    file.node.extend(nodes)
    file.input.extend(infos)
    file.output.extend(outputs.get(name) or onnx.ValueInfoProto(name=name) for name in wanted)
    return model


def _needed(file: onnx.GraphProto, wanted: Collection[str], inputs: Collection[str]) -> list[onnx.NodeProto]:
    """The nodes that make what is wanted from the inputs."""
    missing = set(wanted)
    kept = []
    for node in reversed(file.node):
        if missing.difference(inputs).intersection(node.output):
            kept.append(node)
            missing.update(_names_read(node))
    return kept[::-1]


def _names_read(node: onnx.NodeProto) -> set[str]:
    """What a node reads, in its branches too."""
    names = set(node.input)
    for attribute in node.attribute:
        for branch in (attribute.g, *attribute.graphs):
            for inner in branch.node:
                names |= _names_read(inner)
            names.update(output.name for output in branch.output)
    return names


def _held(file: onnx.GraphProto) -> set[str]:
    return {tensor.name for tensor in file.initializer}


def _info(graph: Graph, name: str) -> onnx.ValueInfoProto:
    tensor = graph.tensors[name]
    return helper.make_tensor_value_info(name, element_type(tensor, name), list(tensor.shape))

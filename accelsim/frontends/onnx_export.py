"""Graph -> ONNX file, for engines that read ONNX."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnx import checker, helper, shape_inference

from accelsim.errors import InputError, InternalError, did_you_mean
from accelsim.frontends.onnx_forms import ONNX_FORMS
from accelsim.frontends.onnx_functions import DOMAIN, OnnxFunctions
from accelsim.frontends.onnx_nodes import OnnxNodes, element_type, stored
from accelsim.ir.graph import Graph

OPSET = 19
_IR_VERSION = 9
EXTERNAL_BYTES = 1_900_000_000  # a protobuf message ends at 2 GiB


def export_onnx(graph: Graph, path: Path, *, outputs: Collection[str] | str | None = None) -> Path:
    """Write the graph as ONNX (opset 19) and check it; tensors keep their names.

    `outputs` adds tensors to the graph's outputs, 'all' every tensor that a node makes. Ops without an ONNX
    operator, such as moe, become functions of the domain `accelsim` made of primitive operators. Constants of
    1.9 GB and more go into `<path>.data` beside the file. Raises InputError for a tensor that no node makes,
    UnsupportedError for a number format that ONNX lacks.
    """
    wanted = _outputs(graph, outputs)
    to, functions = OnnxNodes(graph), OnnxFunctions(OPSET)
    for node in graph.nodes:
        if node.op in ONNX_FORMS:
            ONNX_FORMS[node.op](to, node)
        else:
            to.nodes.append(functions.call(graph, node))
    weights = [stored(graph, name) for name in graph.parameters]
    model = helper.make_model(
        helper.make_graph(
            to.nodes,
            graph.name,
            [_value(graph, name) for name in graph.inputs],
            [_value(graph, name) for name in wanted],
            initializer=[*weights, *to.constants.values()],
        ),
        producer_name="accelsim",
        opset_imports=[helper.make_opsetid("", OPSET), *([helper.make_opsetid(DOMAIN, 1)] if functions.protos else [])],
        functions=functions.protos,
    )
    model.ir_version = _IR_VERSION
    _write(model, path)
    return path


def _outputs(graph: Graph, outputs: Collection[str] | str | None) -> tuple[str, ...]:
    made = [name for node in graph.nodes for name in node.outputs]
    extra = made if outputs == "all" else [outputs] if isinstance(outputs, str) else list(outputs or ())
    known = set(made)
    for name in extra:
        if name not in known:
            raise InputError(f"cannot export '{name}' as an output: no node makes it{did_you_mean(name, made)}")
    return tuple(dict.fromkeys([*graph.outputs, *extra]))


def _value(graph: Graph, name: str) -> onnx.ValueInfoProto:
    tensor = graph.tensors[name]
    return helper.make_tensor_value_info(name, element_type(tensor, name), list(tensor.shape))


def _write(model: onnx.ModelProto, path: Path) -> None:
    """Into a folder of its own first: a model that the checker rejects leaves no file."""
    path = path.absolute()
    try:
        with TemporaryDirectory(prefix=".accelsim-", dir=path.parent) as folder:
            partial = Path(folder) / path.name
            size = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
            onnx.save_model(
                model,
                partial,
                save_as_external_data=size >= EXTERNAL_BYTES,
                all_tensors_to_one_file=True,
                location=f"{path.name}.data",
            )
            checker.check_model(partial, full_check=True)
            for file in sorted(Path(folder).iterdir(), reverse=True):  # the model's own file last
                file.replace(path.parent / file.name)
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        raise InternalError(f"{path}: the exported model is not valid ONNX: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}") from error

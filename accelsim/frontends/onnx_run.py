"""Run a model in ONNX Runtime, in a process of its own: `python -m accelsim.frontends.onnx_run JOB.json`.

A model that came from an ONNX file runs from that file; another one from its exported graph.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime

from accelsim.errors import UnsupportedError
from accelsim.frontends.job import Job, run_as_program, write_result
from accelsim.frontends.onnx_export import export_onnx
from accelsim.ir.graph import Graph
from accelsim.ir.store import load_graph
from accelsim.ir.tensorfile import read_tensors
from accelsim.ir.weights import Array


def run(job: Job) -> None:
    """Run the file or the graph with every tensor as an output, on each input, and write the results."""
    graph = load_graph(Path(job.graph))
    with TemporaryDirectory(prefix="accelsim-onnx-") as folder:
        path = Path(folder) / "model.onnx"
        if job.file.endswith(".onnx"):
            session = open_session(with_outputs(Path(job.file), graph, path), threads=job.threads)
        else:
            session = open_session(export_onnx(graph, path, outputs="all"), threads=job.threads)
        for source, result in zip(job.inputs, job.results, strict=True):
            made = run_session(session, read_tensors(Path(source)))
            write_result(result, {name: made[name] for name in graph.outputs}, made)


def with_outputs(source: Path, graph: Graph, path: Path) -> Path:
    """The model of `source`, written to `path` with all tensors that the graph has too as outputs.

    A model with weights outside of its file stays where it is, with the outputs it has.
    """
    model = onnx.load(source, load_external_data=False)
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        return source
    wanted = {name for node in graph.nodes for name in node.outputs} - {output.name for output in model.graph.output}
    for node in model.graph.node:
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output if name in wanted)
    onnx.save_model(model, path)
    return path


def open_session(path: Path, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """An ONNX file, ready to run on the CPU. Raises UnsupportedError where ONNX Runtime cannot take it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the classes it raises have no public name
        raise UnsupportedError(f"{path}: ONNX Runtime cannot load it: {error}") from error


def run_session(session: onnxruntime.InferenceSession, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """All outputs by name."""
    names = [output.name for output in session.get_outputs()]
    given = {entry.name: inputs[entry.name] for entry in session.get_inputs()}
    return dict(zip(names, session.run(names, given), strict=True))


if __name__ == "__main__":
    sys.exit(run_as_program(run, sys.argv))

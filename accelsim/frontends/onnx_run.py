"""Run a graph in ONNX Runtime, in a process of its own: `python -m accelsim.frontends.onnx_run JOB.json`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime

from accelsim.errors import UnsupportedError
from accelsim.frontends.job import Job, run_as_program, write_result
from accelsim.frontends.onnx_export import export_onnx
from accelsim.ir.store import load_graph
from accelsim.ir.tensorfile import read_tensors
from accelsim.ir.weights import Array


def run(job: Job) -> None:
    """Export the saved graph with every tensor as an output, run it on each input, write the results."""
    graph = load_graph(Path(job.graph))
    with TemporaryDirectory(prefix="accelsim-onnx-") as folder:
        path = export_onnx(graph, Path(folder) / "model.onnx", outputs="all")
        session = open_session(path, threads=job.threads)
        for source, result in zip(job.inputs, job.results, strict=True):
            made = run_session(session, read_tensors(Path(source)))
            write_result(result, {name: made[name] for name in graph.outputs}, made)


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

"""Run a model in ONNX Runtime, in a process of its own: `python -m accelsim.frontends.onnx_run JOB.json`.

A model that came from an ONNX file runs from that file; another one from its exported graph.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime

from accelsim.errors import UnsupportedError
from accelsim.frontends.job import Job, run_as_program, write_result
from accelsim.frontends.onnx_export import export_onnx
from accelsim.frontends.onnx_part import part_of_file
from accelsim.ir.graph import Graph
from accelsim.ir.store import load_graph
from accelsim.ir.tensorfile import read_tensors
from accelsim.ir.weights import Array

_FOLDER = "session.model_external_initializers_file_folder_path"  # onnxruntime_session_options_config_keys.h


def run(job: Job) -> None:
    """Run the file or the graph with what the job asks for as outputs, on each input, and write the results."""
    graph = load_graph(Path(job.graph))
    session = _session(Path(job.file), graph, job)
    for source, result in zip(job.inputs, job.results, strict=True):
        made = run_session(session, read_tensors(Path(source)))
        write_result(result, {name: made[name] for name in graph.outputs}, made)


def _session(file: Path, graph: Graph, job: Job) -> onnxruntime.InferenceSession:
    part = part_of_file(file, graph, job.tensors) if file.suffix == ".onnx" else None
    if part is not None:
        return open_session(part.SerializeToString(), folder=file.parent, threads=job.threads)
    shown = "all" if job.tensors is None else job.tensors
    with TemporaryDirectory(prefix="accelsim-onnx-") as folder:
        return open_session(export_onnx(graph, Path(folder) / "model.onnx", outputs=shown), threads=job.threads)


def open_session(model: Path | bytes, *, folder: Path | None = None, threads: int = 1) -> onnxruntime.InferenceSession:
    """An ONNX file, or its content with weights in `folder`, ready to run on the CPU.

    Raises UnsupportedError where ONNX Runtime cannot take it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if folder is not None:
        options.add_session_config_entry(_FOLDER, str(folder))
    try:
        source = model if isinstance(model, bytes) else str(model)
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the classes it raises have no public name
        where = "the model" if isinstance(model, bytes) else model
        raise UnsupportedError(f"{where}: ONNX Runtime cannot load it: {error}") from error


def run_session(session: onnxruntime.InferenceSession, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """All outputs by name."""
    names = [output.name for output in session.get_outputs()]
    given = {entry.name: inputs[entry.name] for entry in session.get_inputs()}
    return dict(zip(names, session.run(names, given), strict=True))


if __name__ == "__main__":
    sys.exit(run_as_program(run, sys.argv))

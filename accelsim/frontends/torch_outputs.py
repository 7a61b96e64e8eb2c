"""The outputs of a user's plain module, nothing else: `python -m accelsim.frontends.torch_outputs JOB.json`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from accelsim.frontends.job import Job, run_as_program, write_result
from accelsim.frontends.torch_build import build_model
from accelsim.frontends.torch_types import to_array
from accelsim.ir.store import load_graph
from accelsim.ir.tensorfile import read_tensors


def run(job: Job) -> None:
    """Build the module and run it on each input; outputs have the names of those of the graph."""
    torch.set_num_threads(job.threads)
    module, example, _ = build_model(job.model_spec(), job.task)
    graph = load_graph(Path(job.graph))
    for source, result in zip(job.inputs, job.results, strict=True):
        arrays = read_tensors(Path(source))
        inputs = [torch.tensor(arrays[name]).to(like.dtype) for name, like in zip(graph.inputs, example, strict=True)]
        with torch.inference_mode():
            made = torch.utils._pytree.tree_leaves(module(*inputs))
        write_result(result, {n: to_array(value) for n, value in zip(graph.outputs, made, strict=True)}, {})


if __name__ == "__main__":
    sys.exit(run_as_program(run, sys.argv))

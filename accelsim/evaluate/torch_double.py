"""Run the user's plain module in double precision: `python -m accelsim.evaluate.torch_double JOB.json`.

What PyTorch itself gives in single precision lies so far from this as rounding puts it, and no engine can be asked to
be nearer to it than that.
"""

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
    """Build the module, run it on each input, write its outputs by the names that they have in the graph."""
    torch.set_num_threads(job.threads)
    module, _, _ = build_model(job.model_spec(), job.task)
    module = module.double()
    graph = load_graph(Path(job.graph))
    for source, result in zip(job.inputs, job.results, strict=True):
        arrays = read_tensors(Path(source))
        given = [torch.tensor(arrays[name]) for name in graph.inputs]
        with torch.inference_mode():
            made = module(*(value.double() if value.is_floating_point() else value for value in given))
        leaves = torch.utils._pytree.tree_leaves(made)
        write_result(result, {name: to_array(value) for name, value in zip(graph.outputs, leaves, strict=True)}, {})


if __name__ == "__main__":
    sys.exit(run_as_program(run, sys.argv))

"""Run the user's plain module in a process of its own: `python -m accelsim.frontends.torch_run JOB.json`.

The outputs are those of the module itself. What lies on the way comes from replaying its exported program.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from accelsim.errors import InputError
from accelsim.frontends.job import Job, run_as_program, write_result
from accelsim.frontends.torch_build import build_model, trace_built
from accelsim.frontends.torch_program import Program, save_program
from accelsim.frontends.torch_types import to_array
from accelsim.ir.tensorfile import read_tensors


def run(job: Job) -> None:
    """Build the module, run it on each input, replay its program, write the results."""
    torch.set_num_threads(job.threads)
    module, example, _ = build_model(job.model_spec(), job.task)
    program = _program(job, module, example)
    for source, result in zip(job.inputs, job.results, strict=True):
        arrays = read_tensors(Path(source))
        if len(arrays) != len(example):
            raise InputError(f"{job.model}: takes {len(example)} inputs, got {len(arrays)}")
        inputs = [torch.tensor(arrays[name]) for name in program.inputs]
        with torch.inference_mode():
            made = module(*inputs)
            tensors = program.run(inputs)
        results = torch.utils._pytree.tree_leaves(made)
        outputs = {name: to_array(value) for name, value in zip(program.outputs, results, strict=True)}
        write_result(result, outputs, {name: to_array(value) for name, value in tensors.items()})


def _program(job: Job, module: torch.nn.Module, example: Sequence[torch.Tensor]) -> Program:
    """The program saved with the graph; made anew where that is absent or damaged."""
    folder = Path(job.graph)
    try:
        return Program(folder, module)
    except InputError:
        save_program(trace_built(job.model_spec(), job.task, module, example), folder)
        return Program(folder, module)


if __name__ == "__main__":
    sys.exit(run_as_program(run, sys.argv))

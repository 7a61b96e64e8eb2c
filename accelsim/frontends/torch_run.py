"""Run the user's plain module in a process of its own: `python -m accelsim.frontends.torch_run JOB.json`.

The outputs are those of the module itself. What lies on the way comes from replaying its exported program, as far as
something of it is asked for.
"""

from __future__ import annotations

import json
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
from accelsim.ir.weights import content_digest


def run(job: Job) -> None:
    """Build the module, run it on each input, replay its program, write the results."""
    torch.set_num_threads(job.threads)
    module, example, _ = build_model(job.model_spec(), job.task)
    _check_seeded(job, module)
    program = _program(job, module, example)
    for source, result in zip(job.inputs, job.results, strict=True):
        arrays = read_tensors(Path(source))
        if len(arrays) != len(example):
            raise InputError(f"{job.model}: takes {len(example)} inputs, got {len(arrays)}")
        inputs = [torch.tensor(arrays[name]).to(like.dtype) for name, like in zip(program.inputs, example, strict=True)]
        with torch.inference_mode():
            made = module(*inputs)
            tensors = program.run(inputs, only=job.tensors)
        results = torch.utils._pytree.tree_leaves(made)
        outputs = {name: to_array(value) for name, value in zip(program.outputs, results, strict=True)}
        write_result(result, outputs, {name: to_array(value) for name, value in tensors.items()})


def _check_seeded(job: Job, module: torch.nn.Module) -> None:
    """Raises InputError for a builder that gives other weights with each call; then no two runs can be compared.

    It is called again only where its weights are not those of the graph, which a pass may have changed too.
    """
    record = json.loads((Path(job.graph) / "graph.json").read_text(encoding="utf-8"))
    first = _weights(module)
    if all(content_digest(to_array(first[n])) == digest for n, digest in record["parameters"].items() if n in first):
        return
    second = _weights(build_model(job.model_spec(), job.task)[0])
    other = [name for name, value in first.items() if name in second and not torch.equal(value, second[name])]
    if other:
        raise InputError(
            f"{job.file}: {job.builder} gives other weights each time it is called ('{other[0]}' differs), so its "
            "numbers cannot be compared; seed it, such as by torch.manual_seed(0) in its first line"
        )


def _weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers())}


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

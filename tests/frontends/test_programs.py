"""The exported program as data, and the processes that run other engines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from accelsim.errors import InputError, UnsupportedError
from accelsim.frontends import onnx_run, torch_run
from accelsim.frontends.job import Job, read_job, read_result, run_as_program
from accelsim.frontends.torch import Traced, trace_program
from accelsim.frontends.torch_program import PROGRAM_FILE, Program, save_program
from accelsim.ir.store import save_graph
from accelsim.ir.tensorfile import write_tensors
from tests.frontends.conftest import TINY
from tests.frontends.reference import every_tensor
from tests.frontends.tiny_model import build


@pytest.fixture
def job(traced: Traced, tmp_path: Path) -> Job:
    """A job for the small model with one input."""
    save_graph(traced.graph, tmp_path / "graph")
    save_program(traced, tmp_path / "graph")
    write_tensors(tmp_path / "in.safetensors", {"image": build()[1][0].numpy()})
    return Job(
        graph=str(tmp_path / "graph"),
        inputs=(str(tmp_path / "in.safetensors"),),
        results=(str(tmp_path / "out.safetensors"),),
        threads=torch.get_num_threads(),
        model="tiny",
        file=str(TINY),
        builder="build",
        scope="encoder",
    )


def test_a_replayed_program_tells_the_graphs_tensors(traced: Traced, job: Job) -> None:
    module, inputs = build()
    made = Program(Path(job.graph), module).run(inputs)
    expected = every_tensor(traced.graph, {"image": inputs[0].numpy()})
    assert set(made) >= {node.outputs[0] for node in traced.graph.nodes if node.op not in ("slice", "reshape")}
    for name, tensor in made.items():
        assert np.abs(tensor.detach().numpy() - expected[name]).max() <= 1e-5 * np.abs(expected[name]).max()
    assert made["encoder.blocks.1.ffn.ids"].tolist() == expected["encoder.blocks.1.ffn.ids"].tolist()


def test_a_replay_takes_the_parameters_of_the_module_it_is_given(job: Job) -> None:
    module, inputs = build()
    before = Program(Path(job.graph), module).run(inputs)["decoder.resize"].clone()
    with torch.no_grad():
        module.encoder.patch.bias.add_(1.0)
    assert not torch.equal(Program(Path(job.graph), module).run(inputs)["decoder.resize"], before)


@pytest.mark.parametrize("target", ["os.system.default", "prim.device.default", "accelsim.other.default"])
def test_a_program_that_calls_anything_else_is_refused(target: str, job: Job) -> None:
    path = Path(job.graph) / PROGRAM_FILE
    record = json.loads(path.read_text())
    record["calls"][0]["target"] = target
    path.write_text(json.dumps(record))
    module, inputs = build()
    with pytest.raises(UnsupportedError, match=f"cannot call '{target}'"):
        Program(Path(job.graph), module).run(inputs)


@pytest.mark.parametrize("runner", [torch_run, onnx_run])
def test_a_runner_writes_outputs_and_what_lies_on_the_way(runner: object, traced: Traced, job: Job) -> None:
    runner.run(job)  # type: ignore[attr-defined]
    outputs, tensors = read_result(Path(job.results[0]))
    module, inputs = build()
    with torch.no_grad():
        expected = module(*inputs).numpy()
    (name,) = traced.graph.outputs
    assert np.abs(outputs[name] - expected).max() <= 1e-5 * np.abs(expected).max()
    assert tensors["encoder.blocks.1.ffn.ids"].shape == (1, 16, 2)
    assert tensors["encoder.blocks.0.norm1"].shape == (1, 16, 16)


def test_the_torch_runner_makes_a_program_that_is_damaged_anew(job: Job) -> None:
    path = Path(job.graph) / PROGRAM_FILE
    good = path.read_text()
    path.write_text(good[:100])
    torch_run.run(job)
    assert path.read_text() == good


UNSEEDED = """
import torch

def build():
    return torch.nn.Sequential(torch.nn.Linear(4, 2)).eval(), (torch.ones(1, 4),)
"""


def test_a_builder_without_a_seed_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "unseeded.py").write_text(UNSEEDED)
    module, inputs = torch.nn.Sequential(torch.nn.Linear(4, 2)).eval(), (torch.ones(1, 4),)
    traced = trace_program(module, inputs, name="unseeded")
    save_graph(traced.graph, tmp_path / "graph")
    save_program(traced, tmp_path / "graph")
    write_tensors(tmp_path / "in.safetensors", {"input": inputs[0].numpy()})
    job = Job(
        graph=str(tmp_path / "graph"),
        inputs=(str(tmp_path / "in.safetensors"),),
        results=(str(tmp_path / "out.safetensors"),),
        model="unseeded",
        file=str(tmp_path / "unseeded.py"),
        builder="build",
    )
    with pytest.raises(InputError, match=r"build gives other weights each time it is called \('0\.weight' differs\)"):
        torch_run.run(job)


def test_the_torch_runner_refuses_another_number_of_inputs(job: Job, tmp_path: Path) -> None:
    write_tensors(tmp_path / "two.safetensors", {"image": np.zeros(1), "mask": np.zeros(1)})
    with pytest.raises(InputError, match="takes 1 inputs, got 2"):
        torch_run.run(replace(job, inputs=(str(tmp_path / "two.safetensors"),)))


def test_a_job_survives_the_trip_through_its_file(job: Job, tmp_path: Path) -> None:
    job.save(tmp_path / "job.json")
    assert read_job(tmp_path / "job.json") == job


def test_a_known_error_becomes_one_line_and_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "job.json"
    path.write_text("{}")
    assert run_as_program(torch_run.run, ["runner", str(path)]) == 2
    assert capsys.readouterr().err == f"{path}: not a job: KeyError: 'inputs'\n"
    assert run_as_program(torch_run.run, ["runner"]) == 2
    assert "usage" in capsys.readouterr().err

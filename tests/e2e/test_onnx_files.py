"""ONNX files on hardware that none of them was made for: loaded, compared, timed, each node accounted for."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from tests.e2e.test_main_job import accelsim
from tests.frontends.onnx_models import bert, mobilenet, resnet

pytestmark = pytest.mark.slow

MODELS = {
    "resnet": (resnet, ("--batch", "1")),
    "mobilenet": (mobilenet, ("--batch", "2")),
    "bert": (bert, ("--batch", "1", "--shape", "tokens=16")),
}


@pytest.mark.parametrize("name", MODELS)
def test_an_onnx_file_is_timed_and_equal_to_onnx_runtime(tmp_path: Path, name: str) -> None:
    make, bound = MODELS[name]
    file = tmp_path / f"{name}.onnx"
    onnx.save(make(), file)
    timed = accelsim("simulate", file, "systolic-32", "--format", "json", *bound)
    assert timed.returncode == 0, timed.stderr
    result = json.loads(timed.stdout)
    assert result["macs"] > 0
    assert sum(node["cycles"] for node in result["nodes"]) == result["cycles"] > 0
    verified = accelsim("verify", file, *bound)
    assert verified.returncode == 0, verified.stderr
    assert "equal to onnxruntime" in verified.stdout


def test_an_open_dimension_is_named_with_the_option_that_binds_it(tmp_path: Path) -> None:
    file = tmp_path / "bert.onnx"
    onnx.save(bert(), file)
    done = accelsim("simulate", file, "systolic-32", "--quiet")
    assert done.returncode == 2
    assert "'tokens' (input 'input_ids', axis 1)" in done.stderr
    assert "--shape" in done.stderr


def test_an_op_without_a_unit_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "resnet.onnx"
    onnx.save(resnet(), file)
    done = accelsim("simulate", file, "edge-moe-zcu102", "--batch", "1", "--quiet")
    assert done.returncode == 3
    assert "no unit runs" in done.stderr


def test_a_part_of_a_file_is_timed_and_equal_to_onnx_runtime(tmp_path: Path) -> None:
    file = tmp_path / "bert.onnx"
    onnx.save(bert(), file)
    part = ("--batch", "1", "--shape", "tokens=16", "--from", "layer.1", "--to", "/layer.1/up/Mul_71")
    timed = {
        bound: json.loads(accelsim("simulate", file, "systolic-32", "--format", "json", *options).stdout)
        for bound, options in (("part", part), ("whole", part[:4]))
    }
    assert timed["part"]["model"] == "bert[layer.1../layer.1/up/Mul_71]"
    assert 0 < timed["part"]["macs"] < timed["whole"]["macs"]
    unknown = accelsim("simulate", file, "systolic-32", "--quiet", *part[:-1], "/layer.1/up/Mul_7")
    assert unknown.returncode == 2
    assert "--to '/layer.1/up/Mul_7'" in unknown.stderr
    assert "did you mean '/layer.1/up/Mul_7" in unknown.stderr
    verified = accelsim("verify", file, *part)
    assert verified.returncode == 0, verified.stderr
    assert "equal to onnxruntime" in verified.stdout

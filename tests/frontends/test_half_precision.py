"""Modules in float16 and bfloat16: declared as such in the graph, computed by the engine, compared with torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from accelsim.engine import compile
from accelsim.errors import InputError
from accelsim.evaluate.peers import peers_of
from accelsim.evaluate.verify import tolerance_of, verify_model
from accelsim.frontends.catalogue import load_model
from accelsim.frontends.torch import trace
from accelsim.ops.select import to_bfloat16
from tests.frontends.tiny_model import build

pytestmark = pytest.mark.slow

FORMATS = {"float16": torch.float16, "bfloat16": torch.bfloat16}
BUILDER = """
import torch
from torch import nn

def build(dtype="bfloat16"):
    torch.manual_seed(0)
    layers = nn.Linear(16, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 8)
    dtype = getattr(torch, dtype)
    return nn.Sequential(*layers).to(dtype).eval(), (torch.randn(2, 16, dtype=dtype),)
"""


@pytest.mark.parametrize("name", FORMATS)
def test_a_module_in_half_precision_keeps_its_format_and_its_values(name: str) -> None:
    module, inputs = build()
    dtype = FORMATS[name]
    module, inputs = module.to(dtype), tuple(value.to(dtype) for value in inputs)
    graph = trace(module, inputs, name=name)
    assert {str(tensor.dtype) for tensor in graph.tensors.values()} == {name, "int64"}
    assert graph.tensors["encoder.patch.weight"].size_bytes == 2 * module.encoder.patch.weight.numel()
    assert np.array_equal(graph.parameter("encoder.patch.weight"), module.encoder.patch.weight.detach().float().numpy())
    run = compile(graph)({"image": inputs[0].float().numpy().astype("float16" if name == "float16" else "float32")})
    with torch.no_grad():
        expected = module(*inputs).float().numpy()
    error = np.abs(run.outputs[graph.outputs[0]].astype(np.float32) - expected).max() / np.abs(expected).max()
    assert 0 < error < tolerance_of(graph)


def test_tolerance_follows_the_coarsest_format() -> None:
    module, (image,) = build()
    formats = (torch.float32, *FORMATS.values())
    found = [tolerance_of(trace(module.to(dtype), (image.to(dtype),), name="x")) for dtype in formats]
    assert found == [1e-4, 8 * 2.0**-11, 8 * 2.0**-8]


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "half.py").write_text(BUILDER)
    return f"{tmp_path}/half.py:build"


@pytest.mark.parametrize("name", FORMATS)
def test_a_model_in_half_precision_is_cached_and_equals_the_engines_that_can_run_it(name: str, spec: str) -> None:
    loaded = load_model(spec, arguments={"dtype": name})
    again = load_model(spec, arguments={"dtype": name})
    assert again.graph.digest == loaded.graph.digest
    found = verify_model(again)
    engines = {"float16": ["torch", "onnxruntime"], "bfloat16": ["torch"]}[name]
    assert [(entry.engine, entry.ok) for entry in found.entries] == [(engine, True) for engine in engines]
    assert found.inputs_differ


def test_onnx_runtime_is_refused_for_bfloat16(spec: str) -> None:
    with pytest.raises(InputError, match="ONNX Runtime does not compute in bfloat16"):
        peers_of(load_model(spec), ["onnxruntime"])


def test_a_cast_to_bfloat16_rounds_as_torch_does() -> None:
    rng = np.random.Generator(np.random.Philox(0))
    values = rng.integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    values = np.concatenate([values, np.float32([0.0, -0.0, np.inf, -np.inf, 3.4e38, 1.00390625, 1.01171875])])
    expected = torch.from_numpy(values).bfloat16().float().numpy()
    with np.errstate(all="ignore"):
        assert np.array_equal(to_bfloat16(values), expected, equal_nan=True)

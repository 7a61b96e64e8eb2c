"""Models on the meta device: the same graph without touching a weight, and what then cannot be done."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from accelsim.engine import compile
from accelsim.errors import UnsupportedError
from accelsim.frontends.catalogue import load_model
from accelsim.frontends.torch import trace
from accelsim.ir import Graph
from accelsim.ir.store import load_graph, save_graph
from accelsim.ir.weights import SizesOnly
from tests.frontends import tiny_model

pytestmark = pytest.mark.slow


class Tied(nn.Module):
    """Tied weights, a buffer, a plain attribute, and constants that forward makes."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("shift", torch.ones(10))
        self.scale = torch.full((10,), 2.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.embed(x)) * self.scale + self.shift + torch.arange(10) * torch.tensor(0.5)


def on(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    with torch.device(device):
        return Tied().eval(), (torch.zeros(3, dtype=torch.int64),)


def test_the_graph_of_the_meta_device_is_that_of_the_weights() -> None:
    module, inputs = on("meta")
    graph = trace(module, inputs, name="tied")
    assert graph.structure_digest == trace(*on("cpu"), name="tied").structure_digest
    assert isinstance(graph.weights, SizesOnly)
    assert graph.digest != trace(*on("cpu"), name="tied").digest
    assert all(value.is_meta for value in (*module.parameters(), *module.buffers(), module.scale))
    assert module.head.weight is module.embed.weight


def test_a_semantic_model_has_the_same_graph_on_the_meta_device() -> None:
    with torch.device("meta"):
        module, inputs = tiny_model.build()
    by_sizes = trace(module.to("meta"), [value.to("meta") for value in inputs], name="tiny")
    assert by_sizes.structure_digest == trace(*tiny_model.build(), name="tiny").structure_digest


def test_what_needs_numbers_says_why_there_are_none() -> None:
    graph = trace(*on("meta"), name="tied")
    with pytest.raises(UnsupportedError, match=r"tied: traced on the meta device.*build it with its weights"):
        compile(graph)


def test_such_a_graph_survives_the_trip_through_its_folder(tmp_path: Path) -> None:
    graph = trace(*on("meta"), name="tied")
    save_graph(graph, tmp_path)
    again: Graph = load_graph(tmp_path)
    assert (again, again.digest) == (graph, graph.digest)
    with pytest.raises(UnsupportedError, match="traced on the meta device"):
        again.parameter("head.weight")


LARGE = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        return x + self.down(nn.functional.gelu(self.up(self.norm(x))))

def build(width: int = 32768):
    return nn.Sequential(*(Block(width) for _ in range(10))).eval(), (torch.zeros(1, 16, width),)

def build_from_numbers():
    model = nn.Sequential(Block(8)).eval()
    if model[0].up.weight.sum().item() > 1e9:
        raise RuntimeError("no such luck")
    return model, (torch.zeros(1, 8),)
"""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    (tmp_path / "large.py").write_text(LARGE)
    return tmp_path / "large.py"


def test_a_model_larger_than_memory_is_loaded_at_once(large: Path) -> None:
    """86 thousand million parameters, 320 GiB."""
    started = time.process_time()
    loaded = load_model(f"{large}:build", weights=False)
    assert time.process_time() - started < 3.0
    sizes = [loaded.graph.tensors[name].elements for name in loaded.graph.parameters]
    assert sum(sizes) == 10 * (2 * 4 * 32768**2 + (4 + 1 + 2) * 32768)
    assert (loaded.inputs, loaded.note) == ({}, "")


def test_with_and_without_weights_are_kept_apart(large: Path) -> None:
    spec, arguments = f"{large}:build", {"width": 8}
    by_sizes, full = (load_model(spec, arguments=arguments, weights=weights) for weights in (False, True))
    again = load_model(spec, arguments=arguments, weights=False)
    assert by_sizes.graph.digest == again.graph.digest != full.graph.digest
    assert by_sizes.graph.structure_digest == full.graph.structure_digest
    assert set(full.inputs) == set(full.graph.inputs)


def test_a_builder_that_needs_numbers_gets_them_and_the_user_is_told(large: Path) -> None:
    loaded = load_model(f"{large}:build_from_numbers", weights=False)
    assert not isinstance(loaded.graph.weights, SizesOnly)
    assert "built with its weights, because on the meta device" in loaded.note
    assert "large.py:" in loaded.note

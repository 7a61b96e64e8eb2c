"""Tracing a user's module: names, constants, what is removed, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from accelsim.engine import compile
from accelsim.errors import CoverageError, InputError, UnsupportedError
from accelsim.frontends.semantic import semantic
from accelsim.frontends.torch import Traced, trace
from accelsim.ir import Graph
from tests.frontends.reference import every_tensor
from tests.frontends.tiny_model import Experts, build

pytestmark = pytest.mark.slow


def node_names(graph: Graph, op: str) -> list[str]:
    return [node.name for node in graph.nodes if node.op == op]


def test_a_node_is_named_by_its_place_in_the_module(traced: Traced) -> None:
    graph = traced.graph
    assert node_names(graph, "layer_norm")[:2] == ["encoder.blocks.0.norm1", "encoder.blocks.0.norm2"]
    assert node_names(graph, "attention") == [f"encoder.blocks.{i}.attn.attention" for i in (0, 1)]
    assert node_names(graph, "add")[:2] == ["encoder.blocks.0.add", "encoder.blocks.0.add_2"]
    assert node_names(graph, "gelu") == ["encoder.blocks.0.ffn.1"]
    assert node_names(graph, "resize") == ["decoder.resize"]


def test_attention_norms_and_products_stay_whole(traced: Traced) -> None:
    ops = {node.op for node in traced.graph.nodes}
    assert {"linear", "layer_norm", "attention", "gelu", "conv2d", "batch_norm", "relu", "resize", "moe"} <= ops
    assert not ops & {"softmax", "matmul", "top_k"}


def test_a_semantic_module_becomes_one_node_with_the_parameters_of_the_user(traced: Traced) -> None:
    (moe,) = [node for node in traced.graph.nodes if node.op == "moe"]
    assert moe.name == moe.module == "encoder.blocks.1.ffn"
    assert moe.inputs[1:] == tuple(f"encoder.blocks.1.ffn.{name}" for name in ("gate.weight", "w1", "b1", "w2", "b2"))
    assert moe.attrs["top_k"] == 2


def test_parameters_keep_names_and_values_and_unused_ones_are_left_out(traced: Traced) -> None:
    module, _ = build()
    state = module.state_dict()
    assert set(traced.graph.parameters) == set(state) - {"decoder.norm.num_batches_tracked"}
    for name in traced.graph.parameters:
        assert np.array_equal(traced.graph.parameter(name), state[name].numpy())


def test_a_removed_dropout_is_an_origin_of_the_node_before_it(traced: Traced) -> None:
    assert "dropout" not in {node.op for node in traced.graph.nodes}
    (node,) = [node for node in traced.graph.nodes if node.name == "encoder.blocks.0.attn.proj"]
    assert any(origin.startswith("linear") for origin in node.origins)
    assert any(origin.endswith("aten.clone.default") for origin in node.origins)


def test_the_graph_computes_what_the_module_computes(traced: Traced) -> None:
    module, inputs = build()
    with torch.no_grad():
        expected = module(*inputs).numpy()
    made = every_tensor(traced.graph, {"image": inputs[0].numpy()})[traced.graph.outputs[0]]
    assert np.abs(made - expected).max() <= 1e-5 * np.abs(expected).max()


def test_scope_and_modules_tell_what_the_hardware_runs(traced: Traced) -> None:
    graph = traced.graph
    assert [n.module.split(".")[0] == "encoder" for n in graph.nodes] == [graph.in_scope(n) for n in graph.nodes]
    with pytest.raises(InputError, match="no module 'encodr'"):
        trace(*build(), name="tiny", scope="encodr")


def test_the_module_is_restored_after_tracing_and_after_a_failure() -> None:
    module, inputs = build()
    trace(module, inputs, name="tiny")
    assert all("forward" not in part.__dict__ for part in module.modules())
    with pytest.raises(UnsupportedError):
        trace(module, (torch.randn(1, 5, 16, 16),), name="wrong channels")
    assert all("forward" not in part.__dict__ for part in module.modules())
    assert module(*inputs).shape == (1, 8, 8, 8)


def test_all_unsupported_calls_are_told_at_once_with_their_modules() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.erfinv(x)

    class Turn(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.atan2(x, x)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.turn = Turn()
            self.odd = Odd()

        def forward(self, x: Tensor) -> Tensor:
            return self.odd(self.turn(x) + 1.0) + torch.cumprod(x, 0).sum(dim=0)[0, 0, 0]

    with pytest.raises(CoverageError) as caught:
        trace(Outer().eval(), (torch.rand(1, 2, 4, 4),), name="outer")
    text = str(caught.value)
    assert "aten.atan2.default in 'turn'" in text
    assert "aten.erfinv.default in 'odd'" in text  # though it hangs on atan2
    assert [missing.operator for missing in caught.value.missing] == [
        "aten.atan2.default",
        "aten.erfinv.default",
        "aten.cumprod.default",
    ]
    assert "cumprod" in text
    assert "supported: " in text
    assert "aten.linear.default" in text


def test_attention_with_dropout_is_refused_by_name() -> None:
    class Dropping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(x, x, x, dropout_p=0.1)

    with pytest.raises(UnsupportedError, match=r"scaled_dot_product_attention.*dropout"):
        trace(Dropping().eval(), (torch.rand(1, 2, 4, 4),), name="dropping")


def test_training_mode_is_refused() -> None:
    module, inputs = build()
    module.decoder.train()
    with pytest.raises(InputError, match=r"decoder is in training mode; call model\.eval"):
        trace(module, inputs, name="tiny")


class Unmarked(nn.Module):
    """Data-dependent and not marked."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = Experts()
        self.experts.semantic_op = None  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        return self.experts(x)


def test_a_data_dependent_module_fails_with_the_way_to_mark_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnsupportedError) as caught:
        trace(Unmarked().eval(), (torch.randn(1, 4, 16),), name="unmarked")
    assert "module 'experts' (Experts)" in str(caught.value)
    assert "ac.semantic(Experts, op='moe'" in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_class_of_the_user_can_be_marked_from_outside() -> None:
    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Experts()

        def forward(self, x: Tensor) -> Tensor:
            return Unmarked.forward(self.inner, x) if x.sum() > 1e9 else x  # cannot be exported

    semantic(Foreign, op="moe", extract=lambda m: m.inner.semantic_parameters())
    graph = trace(nn.Sequential(Foreign()).eval(), (torch.randn(1, 4, 16),), name="foreign")
    assert [(node.name, node.op) for node in graph.nodes] == [("0", "moe")]
    assert "0.inner.gate.weight" in graph.parameters
    with pytest.raises(InputError, match="already marked"):
        semantic(Foreign, op="gelu", extract=lambda m: ({}, {}))
    with pytest.raises(UnsupportedError, match="unknown op 'mo'"):
        semantic(Experts, op="mo", extract=lambda m: ({}, {}))


def test_a_module_without_semantic_parameters_is_told_what_it_lacks() -> None:
    class Half(nn.Module):
        semantic_op = "moe"

        def forward(self, x: Tensor) -> Tensor:
            return x

    with pytest.raises(InputError, match="semantic_parameters"):
        trace(nn.Sequential(Half()).eval(), (torch.randn(1, 4, 16),), name="half")


def test_a_module_that_is_called_twice_gives_two_nodes() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(self.layer(x))

    graph = trace(Twice().eval(), (torch.randn(2, 4),), name="twice")
    assert [node.name for node in graph.nodes] == ["layer", "layer_2"]
    assert set(graph.parameters) == {"layer.weight", "layer.bias"}


def test_an_output_that_is_not_a_tensor_is_refused() -> None:
    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, int]:
            return F.relu(x), 3

    with pytest.raises(UnsupportedError, match="output 1 of the model is 3, not a tensor"):
        trace(Pair().eval(), (torch.zeros(2),), name="pair")


class Mixed(nn.Module):
    """Whole numbers and truths go in, two outputs come out; tied weights, a buffer of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(12, 8)
        self.head = nn.Linear(8, 12, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("order", torch.tensor([3, 1, 2, 0]))
        self.register_buffer("scale", torch.linspace(0.5, 1.5, 8), persistent=False)

    def forward(self, ids: Tensor, keep: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        x = self.embed(ids)[:, self.order] * self.scale
        x = torch.where(keep.unsqueeze(-1), x, torch.zeros(()))
        return self.head(x), {"best": self.head(x).argmax(-1), "any": keep.any(-1)}


def test_whole_numbers_truths_tied_weights_and_buffers_come_in_whole() -> None:
    torch.manual_seed(0)
    module = Mixed().eval()
    ids, keep = torch.randint(12, (3, 4)), torch.rand(3, 4) > 0.3
    graph = trace(module, (ids, keep), name="mixed")
    assert [str(graph.tensors[name].dtype) for name in (*graph.inputs, *graph.outputs)] == [
        *("int64", "bool"),
        *("float32", "int64", "bool"),
    ]
    assert sum(name.endswith("weight") for name in graph.parameters) == 1
    assert graph.meta["buffers"].split("\n")[:2] == ["order", "scale"]
    run = compile(graph)({"ids": ids.numpy(), "keep": keep.numpy()})
    with torch.no_grad():
        scores, others = module(ids, keep)
    for name, expected in zip(graph.outputs, (scores, others["best"], others["any"]), strict=True):
        assert np.allclose(run.outputs[name], expected.numpy(), atol=1e-6)


def test_an_input_that_is_not_a_tensor_is_refused() -> None:
    with pytest.raises(InputError, match="input 0 is a list"):
        trace(nn.ReLU().eval(), ([1.0],), name="list")  # type: ignore[arg-type]


def test_an_unknown_number_format_is_refused_by_input_name() -> None:
    with pytest.raises(UnsupportedError, match=r"input 'input'.*complex64"):
        trace(nn.ReLU().eval(), (torch.zeros(2, dtype=torch.complex64),), name="complex")


def test_an_input_of_open_size_is_refused_by_name() -> None:
    value = torch.randn(4, 3)
    torch._dynamo.mark_dynamic(value, 0)
    with pytest.raises(UnsupportedError, match=r"open: input 'input': dimension 0 of shape \(s\d+, 3\) is open"):
        trace(nn.ReLU().eval(), (value,), name="open")


def test_a_size_that_depends_on_data_is_refused_by_module() -> None:
    class Picks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[x > 0]

    with pytest.raises(UnsupportedError, match=r"'0'"):
        trace(nn.Sequential(Picks()).eval(), (torch.randn(4, 3),), name="open")


DIGEST = """
from accelsim.frontends.torch import trace
from tests.frontends.tiny_model import build
graph = trace(*build(), name="tiny", scope="encoder")
print(graph.structure_digest, graph.weights_digest)
"""


def test_the_digests_are_the_same_under_another_hash_seed(traced: Traced) -> None:
    """This process has a seed of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", DIGEST],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == [traced.graph.structure_digest, traced.graph.weights_digest]

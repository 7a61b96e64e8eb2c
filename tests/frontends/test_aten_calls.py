"""Every supported aten call computes in the graph what torch computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from accelsim.errors import UnsupportedError
from accelsim.frontends.torch import Traced, trace, trace_program
from accelsim.frontends.torch_aten import LOWERINGS
from tests.frontends.reference import every_tensor

aten = torch.ops.aten
IMAGE = torch.randn(2, 4, 6, 5, generator=torch.Generator().manual_seed(3))
KERNEL = torch.randn(6, 2, 3, 2, generator=torch.Generator().manual_seed(4))

# x is IMAGE [2, 4, 6, 5], w is KERNEL [6, 2, 3, 2]; both are inputs of the model, so that nothing is folded.
CALLS: dict[str, Callable[[Tensor, Tensor], Tensor | tuple[Tensor, ...]]] = {
    "view": lambda x, w: x.view(8, -1),
    "flatten": lambda x, w: x.flatten(1, 2),
    "unsqueeze and squeeze": lambda x, w: x.unsqueeze(1).transpose(0, 1).squeeze(0),
    "squeeze of all": lambda x, w: x[:1, :, :1].squeeze() + x[:1].squeeze(dim=(0, 1)).sum(),
    "transpose with negative axes": lambda x, w: x.transpose(-1, -3),
    "matrix transpose": lambda x, w: x[0, 0].t() @ x[0, 1].T.T,
    "permute": lambda x, w: x.permute(3, -4, 2, 1),
    "slice with a step and negative bounds": lambda x, w: x[:, 1:-1, ::2],
    "select of the last": lambda x, w: x[:, -1],
    "unbind": lambda x, w: x.unbind(2)[1] + x.unbind(2)[5],
    "split": lambda x, w: x.split(4, dim=2)[1] * x.split([2, 4], dim=2)[0],
    "chunk with a short end": lambda x, w: x.chunk(4, dim=3)[2],
    "stack on a negative axis": lambda x, w: torch.stack([x, x + 1], dim=-1),
    "cat": lambda x, w: torch.cat([x, x], dim=-2),
    "calls of other exporters": lambda x, w: aten._unsafe_view(
        aten.sub.Scalar(aten.div.Scalar(aten.mul.Scalar(aten.add.Scalar(x, 1), 2), 3), 4), [48, 5]
    ),
    "softmax of other exporters": lambda x, w: aten._softmax(x, 2, False),
    "convolution of other exporters": lambda x, w: aten.convolution(
        x, w, None, [1, 1], [1, 0], [1, 1], False, [0, 0], 2
    ),
    "expand": lambda x, w: x[:1, :, :1].expand(3, -1, 6, 5),
    "numbers on both sides": lambda x, w: (2.0 - x) * 3 - 1.5 / 2 + (-x) / 4.0,
    "constants in the model": lambda x, w: x + torch.arange(5).float() * torch.full((6, 1), 0.5),
    "matmul with broadcast": lambda x, w: x @ x[0, 0].transpose(0, 1),
    "bmm": lambda x, w: torch.bmm(x[0], x[1].transpose(1, 2)),
    "mm": lambda x, w: torch.mm(x[0, 0], x[0, 1].T),
    "addmm": lambda x, w: torch.addmm(x[0, 0, :, 0], x[0, 0], x[0, 1].T),
    "linear without bias": lambda x, w: F.linear(x, x[0, 0]),
    "conv2d with groups, strides, dilation": lambda x, w: F.conv2d(
        x, w, None, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2
    ),
    "conv2d that keeps the size": lambda x, w: F.conv2d(x, w[..., :1], padding="same", groups=2),
    "layer_norm over two axes": lambda x, w: F.layer_norm(x, (6, 5), eps=1e-3),
    "layer_norm with a shift only": lambda x, w: F.layer_norm(x, (5,), None, x[0, 0, 0]),
    "softmax over channels": lambda x, w: torch.softmax(x, dim=1),
    "gelu by tanh": lambda x, w: F.gelu(x, approximate="tanh"),
    "relu in place of a slice": lambda x, w: F.relu(x[:, :2]),
    "attention with a scale": lambda x, w: F.scaled_dot_product_attention(x, x, x, scale=0.7),
    "sum of some axes": lambda x, w: x.sum(dim=(1, -1), keepdim=True),
    "mean": lambda x, w: x.mean(dim=2) + x.mean(),
    "bilinear to a size": lambda x, w: F.interpolate(x, size=(9, 4), mode="bilinear"),
    "bilinear with aligned corners": lambda x, w: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
    "nearest": lambda x, w: F.interpolate(x, size=(11, 3), mode="nearest"),
    "topk": lambda x, w: tuple(torch.topk(x, 3, dim=2)),
    "argsort": lambda x, w: torch.argsort(x, dim=-1, stable=True),
    "index_select": lambda x, w: torch.index_select(x, 2, torch.argsort(x[0, 0, :3, 0], stable=True)),
    "embedding": lambda x, w: F.embedding(torch.argsort(x[0, 0], dim=0, stable=True), x[0, 0]),
}


class Calls(nn.Module):
    def forward(self, x: Tensor, w: Tensor) -> dict[str, tuple[Tensor, ...]]:
        results = {name: call(x, w) for name, call in CALLS.items()}
        return {name: made if isinstance(made, tuple) else (made,) for name, made in results.items()}


@pytest.fixture(scope="module")
def traced() -> Traced:
    """One trace for all calls."""
    return trace_program(Calls().eval(), (IMAGE, KERNEL), name="calls")


@pytest.fixture(scope="module")
def results(traced: Traced) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """For each call (graph's value, torch's value) of all its results."""
    expected = Calls()(IMAGE, KERNEL)
    graph = traced.graph
    values = every_tensor(graph, {"x": IMAGE.numpy(), "w": KERNEL.numpy()})
    names = iter(graph.outputs)
    return {call: [(values[next(names)], part.numpy()) for part in parts] for call, parts in expected.items()}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_keeps_its_meaning(call: str, results: dict[str, list[tuple[np.ndarray, np.ndarray]]]) -> None:
    for ours, theirs in results[call]:
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        assert np.abs(ours - theirs).max() <= 2e-6 * max(np.abs(theirs).max(), 1.0)


REFUSED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "alpha": (lambda x: torch.add(x, x, alpha=2), "alpha=2"),
    "rounded division": (lambda x: torch.div(x, 2.0, rounding_mode="floor"), "div"),
    "smallest": (lambda x: torch.topk(x, 2, largest=False).values, "topk of the smallest"),
    "unstable order": (torch.argsort, "stable=True"),
    "another format": (lambda x: x.double(), "conversion of float32 to float64"),
    "whole numbers made real": (lambda x: torch.argsort(x, stable=True) * 0.5, "int64 made to float32"),
    "odd factors": (lambda x: F.interpolate(x, scale_factor=1.3, mode="bilinear"), "give size= instead"),
    "one-dimensional convolution": (lambda x: F.conv1d(x[0], x[0, :, :, :3]), "1-dimensional|conv1d"),
}


@pytest.mark.parametrize("call", REFUSED)
def test_what_the_graph_cannot_say_is_refused(call: str) -> None:
    function, message = REFUSED[call]

    class Refused(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)

    with pytest.raises(UnsupportedError, match=message):
        trace(Refused().eval(), (IMAGE,), name="refused")


def test_the_sample_calls_cover_the_table(traced: Traced) -> None:
    reached = {str(node.target) for node in traced.program.graph.nodes if node.op == "call_function"}
    in_other_tests = {
        "accelsim.semantic.default",
        "aten._native_batch_norm_legit_no_training.default",
        "aten.argsort.default",
    }
    assert set(LOWERINGS) - reached == in_other_tests

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
from tests.frontends.aten_calls import CALLS
from tests.frontends.reference import every_tensor

pytestmark = pytest.mark.slow

IMAGE = torch.randn(2, 4, 6, 5, generator=torch.Generator().manual_seed(3))
KERNEL = torch.randn(6, 2, 3, 2, generator=torch.Generator().manual_seed(4))


class EveryCall(nn.Module):
    def forward(self, x: Tensor, w: Tensor) -> dict[str, tuple[Tensor, ...]]:
        results = {name: call(x, w) for name, call in CALLS.items()}
        return {name: made if isinstance(made, tuple) else (made,) for name, made in results.items()}


@pytest.fixture(scope="module")
def traced() -> Traced:
    """One trace for all calls."""
    return trace_program(EveryCall().eval(), (IMAGE, KERNEL), name="calls")


@pytest.fixture(scope="module")
def results(traced: Traced) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """For each call (graph's value, torch's value) of all its results."""
    expected = EveryCall()(IMAGE, KERNEL)
    graph = traced.graph
    values = every_tensor(graph, {"x": IMAGE.numpy(), "w": KERNEL.numpy()})
    names = iter(graph.outputs)
    return {call: [(values[next(names)], part.numpy()) for part in parts] for call, parts in expected.items()}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_keeps_its_meaning(call: str, results: dict[str, list[tuple[np.ndarray, np.ndarray]]]) -> None:
    for ours, theirs in results[call]:
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        a, b = ours.astype(np.float64), theirs.astype(np.float64)
        assert np.abs(a - b).max() <= 2e-6 * max(np.abs(b).max(), 1.0)


REFUSED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "unstable order": (torch.argsort, "stable=True"),
    "complex numbers": (lambda x: torch.complex(x, x).abs(), "complex"),
    "odd factors": (lambda x: F.interpolate(x, scale_factor=1.3, mode="bilinear"), "give size= instead"),
    "three-dimensional convolution": (lambda x: F.conv3d(x[None], x[None, :, :, :3, :3]), "3-dimensional|conv3d"),
    "uneven adaptive pooling": (lambda x: F.adaptive_avg_pool2d(x, (4, 5)), "windows of one size"),
    "a bool index": (lambda x: x[x > 0], "data"),
    "an infinite norm": (lambda x: torch.linalg.vector_norm(x, torch.inf), "norm of order inf"),
    "indices of pooling": (lambda x: F.max_pool2d(x, 2, return_indices=True)[1].float(), "indices of a max_pool2d"),
}


@pytest.mark.parametrize("call", REFUSED)
def test_what_the_graph_cannot_say_is_refused(call: str) -> None:
    function, message = REFUSED[call]

    class Refused(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)

    with pytest.raises(UnsupportedError, match=message):
        trace(Refused().eval(), (IMAGE,), name="refused")


BEFORE_DECOMPOSITION = {
    "aten.batch_norm.default",
    "aten.chunk.default",
    "aten.diff.default",
    "aten.flatten.using_ints",
    "aten.reshape.default",
}


class Functional(nn.Module):
    """Calls that torch would take apart, and, if asked for, one in place, so that it must."""

    def __init__(self, *, in_place: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4)
        self.norm.running_mean.uniform_(-1, 1)
        self.in_place = in_place

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x).to(torch.float64)
        y = y.add_(1.0) if self.in_place else y + 1.0
        first, second, _ = y.transpose(1, 2).reshape(2, 6, 20).flatten(1).chunk(3, dim=-1)
        steps = F.dropout(first[0].diff(), training=self.training, inplace=True)
        return torch.outer(steps, second[1])


def test_a_model_of_plain_calls_is_not_traced_a_second_time() -> None:
    for in_place in (False, True):
        module = Functional(in_place=in_place).eval()
        traced = trace_program(module, (IMAGE,), name="plain")
        reached = {str(node.target) for node in traced.program.graph.nodes}
        assert (reached >= BEFORE_DECOMPOSITION) is not in_place
        made = every_tensor(traced.graph, {"x": IMAGE.numpy()})[traced.graph.outputs[0]]
        assert np.allclose(made, module(IMAGE.clone()).detach().numpy(), atol=1e-6)


def test_batch_norm_of_its_own_statistics_is_refused() -> None:
    module = nn.BatchNorm2d(4, track_running_stats=False).eval()
    with pytest.raises(UnsupportedError, match="batch norm in training mode or without running statistics"):
        trace(module, (IMAGE,), name="batch statistics")


def test_the_sample_calls_cover_the_table(traced: Traced) -> None:
    reached = {str(node.target) for node in traced.program.graph.nodes if node.op == "call_function"}
    in_other_tests = {
        "accelsim.semantic.default",
        "aten.argsort.default",
        *BEFORE_DECOMPOSITION,
    }
    assert set(LOWERINGS) - reached == in_other_tests

"""The mixture-of-experts layer by itself, against its definition written token by token."""

from __future__ import annotations

import pytest
import torch
from m3vit_parts import MoE
from seeded_weights import fill
from torch.nn import functional as F

WIDTH, HIDDEN, EXPERTS = 8, 12, 6


@pytest.fixture
def layer() -> MoE:
    moe = MoE(WIDTH, HIDDEN, experts=EXPERTS, top_k=2, tasks=("left", "right"), task="left")
    fill(moe, seed=3, prefix="block.moe")
    return moe.double()


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randn(2, 9, WIDTH, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def test_output_is_the_sum_of_the_likeliest_experts_without_renormalising(layer: MoE, tokens: torch.Tensor) -> None:
    expected = torch.zeros_like(tokens)
    for place in [(b, t) for b in range(2) for t in range(9)]:
        x = tokens[place]
        likely = torch.softmax(layer.gates["left"].weight @ x, dim=0)
        for e in sorted(range(EXPERTS), key=lambda e: (-likely[e].item(), e))[:2]:
            answer = layer.w2[e] @ F.gelu(layer.w1[e] @ x + layer.b1[e]) + layer.b2[e]
            expected[place] += likely[e] * answer
    torch.testing.assert_close(layer(tokens), expected)


def test_kept_weights_sum_to_less_than_one(layer: MoE, tokens: torch.Tensor) -> None:
    _, weights = layer.route(tokens.reshape(-1, WIDTH))
    assert (weights.sum(-1) < 1).all()


def test_a_tie_between_all_experts_goes_to_the_lowest(layer: MoE, tokens: torch.Tensor) -> None:
    torch.nn.init.zeros_(layer.gates["left"].weight)
    ids, weights = layer.route(tokens.reshape(-1, WIDTH))
    assert ids.tolist() == [[0, 1]] * 18
    assert (weights == 1 / EXPERTS).all()


def test_a_tie_for_the_last_place_goes_to_the_lower_expert(layer: MoE) -> None:
    gate = torch.zeros(EXPERTS, WIDTH, dtype=torch.float64)
    gate[:, 0] = torch.tensor([0.0, 2.0, 1.0, 2.0, 3.0, 2.0])
    with torch.no_grad():
        layer.gates["left"].weight.copy_(gate)
    x = torch.ones(40, WIDTH, dtype=torch.float64)
    assert layer.route(x)[0].tolist() == [[4, 1]] * 40


def test_the_task_selects_the_gate_and_the_experts_are_shared(layer: MoE, tokens: torch.Tensor) -> None:
    rows = tokens.reshape(-1, WIDTH)
    attributes, left = layer.semantic_parameters()
    ids_left, _ = layer.route(rows)
    layer.task = "right"
    _, right = layer.semantic_parameters()
    ids_right, _ = layer.route(rows)
    assert attributes == {"top_k": 2}
    assert list(left) == ["gate_w", "w1", "b1", "w2", "b2"]
    assert left["gate_w"] is layer.gates["left"].weight
    assert right["gate_w"] is layer.gates["right"].weight
    assert all(left[name] is right[name] for name in ("w1", "b1", "w2", "b2"))
    assert not torch.equal(ids_left, ids_right)


def test_gradients_reach_the_experts_taken_and_the_gate_but_not_the_idle_gate(layer: MoE, tokens: torch.Tensor) -> None:
    layer(tokens).square().sum().backward()
    taken = set(layer.route(tokens.reshape(-1, WIDTH))[0].flatten().tolist())
    for parameter in (layer.w1, layer.b1, layer.w2, layer.b2):
        moved = {e for e in range(EXPERTS) if parameter.grad[e].abs().sum() > 0}
        assert moved == taken
    assert layer.gates["left"].weight.grad.abs().min() > 0
    assert layer.gates["right"].weight.grad is None


def test_gradients_are_those_of_finite_differences(layer: MoE, tokens: torch.Tensor) -> None:
    x = tokens[:1, :3].clone().requires_grad_()
    assert torch.autograd.gradcheck(layer, (x,))

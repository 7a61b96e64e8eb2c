"""Iterative Mode Partition: it keeps dynamic what changes the loss most, over all layers, at the ratio asked for."""

from __future__ import annotations

import padnet_parts
import pytest
import torch
from padnet_parts import DynamicConv2d, deploy, make_dynamic, partition
from torch import Tensor, nn


class Two(nn.Module):
    """Two dynamic convolutions of which the second matters a hundred times less."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 3, 3, padding=1, bias=False)
        self.second = nn.Conv2d(2, 3, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x).tanh() + 0.01 * self.second(x).tanh()


def network(seed: int = 0) -> Two:
    torch.manual_seed(seed)
    model = Two()
    for path in ("first", "second"):
        whole = model.get_submodule(path).weight.numel()
        make_dynamic(model, path, ratio=1 - 1 / whole, deployed=False, reduction=1)
        layer = model.get_submodule(path)
        nn.init.normal_(layer.kernels)
        nn.init.normal_(layer.static)
    return model.double()


def batches(count: int = 2) -> list[Tensor]:
    return [
        torch.randn(3, 2, 5, 5, generator=torch.Generator().manual_seed(s), dtype=torch.float64) for s in range(count)
    ]


def layers(model: nn.Module) -> list[DynamicConv2d]:
    return [part for part in model.modules() if isinstance(part, DynamicConv2d)]


def total(model: nn.Module) -> Tensor:
    with torch.no_grad():
        return sum(model(x).square().mean() for x in batches())


@pytest.mark.slow
def test_the_elements_kept_dynamic_are_those_whose_change_moves_the_loss_most() -> None:
    model = network()
    moved = []
    for layer in layers(model):
        for place in range(layer.elements):
            ends = []
            for step in (1e-5, -1e-5):
                modes = torch.ones(layer.elements, dtype=torch.float64)
                modes[place] += step
                layer.mask = modes.reshape(layer.shape)
                ends.append(total(model))
            layer.mask = torch.ones(layer.shape, dtype=torch.bool)
            moved.append(abs(ends[0] - ends[1]))
    wanted = torch.stack(moved).argsort(descending=True)[:12]
    partition(model, lambda x: model(x).square().mean(), batches(), ratio=12 / 60, rounds=1)
    chosen = torch.cat([layer.mask.flatten() for layer in layers(model)])
    assert set(torch.nonzero(chosen).flatten().tolist()) == set(wanted.tolist())
    first, second = layers(model)
    assert first.mask.float().mean() > second.mask.float().mean()


@pytest.mark.parametrize("rounds", [1, 2, 3])
@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.5])
def test_the_ratio_is_that_of_all_elements_whatever_the_rounds(ratio: float, rounds: int) -> None:
    model = network()
    partition(model, lambda x: model(x).square().mean(), batches(), ratio=ratio, rounds=rounds)
    masks = [layer.mask for layer in layers(model)]
    assert all(mask.dtype == torch.bool for mask in masks)
    assert sum(int(mask.sum()) for mask in masks) == round(60 * ratio)


def test_it_scores_in_evaluation_mode_and_leaves_the_network_as_it_was() -> None:
    model = network().train()
    before = {name: value.clone() for name, value in model.state_dict().items() if "mask" not in name}
    seen: list[bool] = []

    def loss(x: Tensor) -> Tensor:
        seen.append(model.training)
        return model(x).square().mean()

    partition(model, loss, batches(), ratio=0.5)
    assert seen == [False] * 6
    assert model.training
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_partitioned_network_computes_the_same_once_deployed() -> None:
    model = network().eval()
    partition(model, lambda x: model(x).square().mean(), batches(), ratio=0.3)
    with torch.no_grad():
        wanted = model(batches()[0])
        torch.testing.assert_close(deploy(model)(batches()[0]), wanted)
    assert sum(layer.dynamic for layer in layers(model)) == 18


@pytest.mark.parametrize(("share", "kind"), [(0.0, nn.Conv2d), (1.0, DynamicConv2d)])
def test_a_layer_of_one_mode_deploys_as_what_it_is(share: float, kind: type[nn.Module]) -> None:
    model = network().eval()
    model.first.mask = torch.full(model.first.shape, bool(share))
    model.first.phi.data.fill_(0.4)
    with torch.no_grad():
        wanted = model(batches()[0])
        small = deploy(model)
        torch.testing.assert_close(small(batches()[0]), wanted)
    assert type(small.first) is kind


def test_a_ratio_that_is_none_is_refused() -> None:
    model = network()
    with pytest.raises(ValueError, match="dynamic ratio must be above 0"):
        partition(model, lambda x: model(x).mean(), batches(), ratio=0.0)


def test_the_reduction_of_the_attention_is_that_of_the_paper_unless_said() -> None:
    assert padnet_parts.DynamicConv2d(32, 4, 1).attention.fc1.out_features == 2
    assert padnet_parts.DynamicConv2d(32, 4, 1, reduction=4).attention.fc1.out_features == 8

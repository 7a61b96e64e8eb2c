"""Which heads matter to a task: what scaling them does to the loss; adapters with a scale; the small encoder."""

from __future__ import annotations

import pruning_adapter_mini as mini
import pytest
import torch
from pruning_adapter_mini import TextClassifier, adapt
from pruning_adapter_parts import AdaptedLinear, head_importance, merge
from torch import Tensor, nn

from models.train.pruning_adapter import kept_heads


class Heads(nn.Module):
    """[B, N, 4] as it is: two heads of two channels."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_importance_is_the_magnitude_of_what_scaling_a_head_does_sample_by_sample() -> None:
    torch.manual_seed(0)
    first, second = Heads(), Heads()
    x, weight = torch.randn(3, 5, 4), torch.randn(4)

    def outputs(scales: Tensor) -> Tensor:
        """The loss of each sample, with scales [2, 2] of the heads of both layers."""
        wide = scales.repeat_interleave(2, dim=1)
        return (((x * wide[0]).tanh() * wide[1]) @ weight).square().sum(1)

    found = head_importance([first, second], 2, lambda: ((second(first(x).tanh())) @ weight).square().sum(), samples=3)
    slopes = torch.func.jacrev(outputs)(torch.ones(2, 2)).abs().sum(0)
    torch.testing.assert_close(found, nn.functional.normalize(slopes, dim=1))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))


def test_the_hooks_of_the_scales_are_gone_afterwards() -> None:
    part = Heads()
    with pytest.raises(RuntimeError, match="no loss"):
        head_importance([part], 2, _fail, samples=1)
    assert not part._forward_hooks


def _fail() -> Tensor:
    raise RuntimeError("no loss")


def test_kept_heads_are_the_most_important_and_every_layer_has_one() -> None:
    importance = torch.zeros(mini.DEPTH, mini.HEADS)
    importance[0] = torch.arange(8.0) + 10
    importance[1:, 3] = 1
    assert kept_heads(importance, 8) == [[3, 4, 5, 6, 7], [3], [3], [3]]
    assert [len(heads) for heads in kept_heads(importance, 1)] == [1, 1, 1, 1]
    assert kept_heads(torch.rand(4, 8), 32) == [list(range(8))] * 4


def test_the_scale_of_an_adapter_is_alpha_over_its_rank() -> None:
    layer = AdaptedLinear(3, 4, block=1, rank=2, alpha=8.0)
    nn.init.ones_(layer.lora_a)
    nn.init.ones_(layer.lora_b)
    x = torch.ones(1, 3)
    torch.testing.assert_close(layer(x) - layer.base(x), torch.full((1, 4), 8.0 / 2 * 2 * 3))
    assert layer.semantic_parameters()[0]["scale"] == 4.0
    assert AdaptedLinear(3, 4, block=1, rank=2).semantic_parameters()[0]["scale"] == 0.5


def test_the_small_encoder_has_the_sizes_of_its_sheet_and_merging_changes_nothing() -> None:
    torch.manual_seed(0)
    model = TextClassifier(20).eval()
    assert sum(parameter.numel() for parameter in model.parameters()) == 398_644
    adapt(model, kept=[3, 2, 8, 1], ranks=[8, 4, 4, 8])
    for part in (part for part in model.modules() if isinstance(part, AdaptedLinear)):
        if part.rank:
            nn.init.normal_(part.lora_a)
            nn.init.normal_(part.lora_b)
        part.kept = torch.arange(mini.HEADS)[-len(part.kept) :]
    inputs = mini.example(0, batch=2)
    with torch.no_grad():
        wanted = model(*inputs)
        merge(model)
        torch.testing.assert_close(model(*inputs), wanted)
    widths = [layer.attention.self.query.out_features for layer in model.encoder.layer]
    assert widths == [36, 24, 96, 12]


def test_an_unknown_form_is_told() -> None:
    with pytest.raises(ValueError, match="'pruned' is not a form; there are whole, adapted, merged"):
        mini.build(form="pruned")

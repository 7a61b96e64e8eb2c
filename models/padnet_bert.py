"""PAD-Net on BERT-base: partially dynamic mixtures of experts in the place of both layers of every feed-forward part.

After arXiv 2211.05528 and the masked expert of its code Shwai-He/PAD-Net, which is that of its figure 1 (the class that
is in use there adds static and expert weights without a mask). Each layer has a gate of its own; a token takes 2 of 8
experts. Weights are seeded, not trained, and so are the positions of the dynamic elements: the paper chooses them by
their effect on the loss. The noise of the gates and the balancing loss of training are left out.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from bert import FORMS, Bert, example
from padnet_experts import PartialExperts
from seeded_layers import Rules, fill_layers
from seeded_weights import Draw, Values, normal, product
from torch import Tensor, nn

LABELS = 2
EXPERTS, TOP_K = 8, 2


class Classifier(nn.Module):
    """Token ids, mask and segments, int64 [B, N] -> logits [B, labels]."""

    def __init__(self, bert: Bert, width: int) -> None:
        super().__init__()
        self.bert = bert
        self.classifier = nn.Linear(width, LABELS)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        return self.classifier(self.bert(input_ids, attention_mask, token_type_ids)[1])


def build(
    *,
    ratio: float = 0.5,
    experts: int = EXPERTS,
    top_k: int = TOP_K,
    depth: int = 12,
    tokens: int = 128,
    batch: int = 1,
    seed: int = 0,
) -> tuple[Classifier, tuple[Tensor, Tensor, Tensor]]:
    """The network in eval mode with seeded weights, and seeded token sequences.

    `ratio` is the share of elements that each expert has of its own, above 0; 1 is a plain mixture. Raises ValueError
    for a ratio or a number of experts that is none.
    """
    with torch.device("meta"):
        model = assemble(ratio=ratio, experts=experts, top_k=top_k, depth=depth)
    fill_layers(model, seed=seed, prefix="padnet_bert", rules=_rules())
    if torch.get_default_device().type != "meta":
        for layer in _layers(model):
            layer.clear_holes()
    return model.eval(), example(seed, tokens=tokens, batch=batch)


def assemble(*, ratio: float, experts: int = EXPERTS, top_k: int = TOP_K, depth: int = 12) -> Classifier:
    """The network on the current device, its parameters not yet filled."""
    if not 1 <= top_k <= experts:
        raise ValueError(f"top_k must be in 1..{experts}, the number of experts, not {top_k}")
    _, width, heads = FORMS["base"]
    model = Classifier(Bert(depth, width, heads), width)
    for layer in model.bert.encoder.layer:
        for part in (layer.intermediate, layer.output):
            inputs, outputs = part.dense.in_features, part.dense.out_features
            part.dense = PartialExperts(inputs, outputs, ratio=ratio, experts=experts, top_k=top_k)
    return model


def stored_parameters(model: nn.Module) -> int:
    """Parameters that must be stored: holes of shared matrices count for nothing, positions neither."""
    return sum(p.numel() for p in model.parameters()) - sum(layer.holes for layer in _layers(model))


def _layers(model: nn.Module) -> list[PartialExperts]:
    return [part for part in model.modules() if isinstance(part, PartialExperts)]


def _rules() -> Rules:
    """A mean of two answers is weaker than each: gates squared sum to about 0.55."""
    _, width, _ = FORMS["base"]
    inner, gain = 4 * width, 0.55**-0.5
    return (
        ("*.query.weight", product(1.5)),
        ("*.key.weight", product(1.5)),
        ("*.mixture.positions", _positions(inner * width)),
        ("*.intermediate.dense.mixture.w1", normal(std=gain / math.sqrt(width))),
        ("*.output.dense.mixture.w1", normal(std=gain / math.sqrt(inner))),
        ("*.mixture.b1", normal(std=0.1)),
    )


def _positions(elements: int) -> Draw:
    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
        return np.sort(generator.choice(elements, shape[0], replace=False, shuffle=False)).astype(np.int64)

    return draw

"""Pruning-Adapter small enough to train in minutes: the parts of `pruning_adapter_parts` in a text encoder.

Four post-norm blocks of BERT with 8 heads of 12 channels and MLPs twice as wide, words of 32 channels projected to 96,
a mean over words before the classifier. One base is trained on news groups and frozen; what a task adds to it (which
heads it keeps, adapters, norms, classifier) is a small file. Trained by models/train/pruning_adapter.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from bert import Added, Encoder, Widened
from example_inputs import token_ids
from mini_weights import read_weights
from pruning_adapter_parts import AdaptedLinear, AdaptedSelfAttention, merge
from torch import Tensor, nn

VOCABULARY, WORD_WIDTH, POSITIONS, EPSILON = 2800, 32, 48, 1e-12
DEPTH, WIDTH, HEADS, HEAD_WIDTH, HIDDEN = 4, 96, 8, 12, 192
ALPHA = 8.0
"""Scale of adapters times their rank. The paper's 1 would need longer training than minutes."""
BASE = "pruning-adapter-mini-base"
FORMS = ("whole", "adapted", "merged")


class Words(nn.Module):
    """Words and positions, added and normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(VOCABULARY, WORD_WIDTH)
        self.project = nn.Linear(WORD_WIDTH, WIDTH)
        self.position_embeddings = nn.Embedding(POSITIONS, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=EPSILON)

    def forward(self, input_ids: Tensor) -> Tensor:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        return self.LayerNorm(self.project(self.word_embeddings(input_ids)) + self.position_embeddings(places))


class TextClassifier(nn.Module):
    """Token ids and mask (1: a token), int64 [B, N] -> logits [B, labels]."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.embeddings = Words()
        self.encoder = Encoder(DEPTH, WIDTH, HEADS)
        for layer in self.encoder.layer:
            layer.intermediate, layer.output = Widened(WIDTH, HIDDEN), Added(HIDDEN, WIDTH)
        self.classifier = nn.Linear(WIDTH, labels)

    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """What the encoder makes of each token, [B, N, 96]."""
        return self.encoder(self.embeddings(input_ids), (attention_mask != 0)[:, None, None, :])

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        present = attention_mask.to(torch.float32)[:, :, None]
        states = self.states(input_ids, attention_mask)
        return self.classifier((states * present).sum(1) / present.sum(1))

    @property
    def attentions(self) -> list[nn.Module]:
        """What gives the outputs of all heads, layer by layer."""
        return [layer.attention.self for layer in self.encoder.layer]


def build(
    *, form: str = "merged", weights: str = BASE, tokens: int = POSITIONS, batch: int = 1, seed: int = 0
) -> tuple[TextClassifier, tuple[Tensor, Tensor]]:
    """The network in eval mode with the trained weights of that name, and seeded token sequences.

    `form`: 'whole' for weights that need no base; else the base with what the weights add to it, 'adapted' beside it or
    'merged' into dense matrices. Raises ValueError for an unknown form.
    """
    if form not in FORMS:
        raise ValueError(f"{form!r} is not a form; there are {', '.join(FORMS)}")
    added = read_weights(weights)
    labels = len(added["classifier.weight"])
    with torch.device("meta"):
        model = TextClassifier(labels)
        if form != "whole":
            adapt(model, kept=_sizes(added, "kept"), ranks=_sizes(added, "lora_a"))
    if torch.get_default_device().type != "meta":
        model.load_state_dict(added if form == "whole" else over_base(added), strict=True, assign=True)
    if form == "merged":
        merge(model)
    return model.eval(), example(seed, tokens=tokens, batch=batch)


def _sizes(added: Mapping[str, Tensor], name: str) -> list[int | None]:
    """The first size of that tensor of each layer's queries, None where there is none."""
    found = (added.get(f"encoder.layer.{index}.attention.self.query.{name}") for index in range(DEPTH))
    return [None if tensor is None else len(tensor) for tensor in found]


def adapt(model: TextClassifier, *, kept: Sequence[int | None], ranks: Sequence[int | None]) -> None:
    """Give each layer room for as many heads as it keeps (None: all, as they are) and for adapters of its rank."""
    for layer, heads, rank in zip(model.encoder.layer, kept, ranks, strict=True):
        layer.attention.self = AdaptedSelfAttention(WIDTH, block=HEAD_WIDTH, kept=heads, rank=rank or 0, alpha=ALPHA)
        layer.attention.output.dense = AdaptedLinear(WIDTH, WIDTH, block=HEAD_WIDTH, kept=heads, columns=True)


def over_base(added: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of an adapted network: the base under its new names, and what a task adds or has changed."""
    renamed = ("query", "key", "value", "attention.output.dense")
    base = {
        _inside(name) if any(f"{part}." in name for part in renamed) else name: value
        for name, value in read_weights(BASE).items()
    }
    return {**base, **added}


def _inside(name: str) -> str:
    path, _, own = name.rpartition(".")
    return f"{path}.base.{own}"


def example(seed: int, /, *, tokens: int = POSITIONS, batch: int = 1, **_others: object) -> tuple[Tensor, Tensor]:
    """Seeded token ids and a mask that ends in padding (an eighth of the tokens). Takes the arguments of `build`."""
    places = torch.arange(tokens, device="cpu").expand(batch, tokens)
    return token_ids(seed, batch=batch, tokens=tokens, vocabulary=VOCABULARY), (places < tokens - tokens // 8).long()

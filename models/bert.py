"""BERT: an encoder of token sequences, with its pooler.

Devlin et al., NAACL 2019, arXiv 1810.04805; parameters are named as in `BertModel` of Hugging Face transformers, so
that its checkpoints load.
"""

from __future__ import annotations

import torch
from example_inputs import token_ids
from seeded_layers import fill_layers
from seeded_weights import product
from torch import Tensor, nn
from torch.nn import functional as F

VOCABULARY = 30522
POSITIONS = 512
SEGMENTS = 2
EPSILON = 1e-12
# Blocks, width, heads.
FORMS = {"base": (12, 768, 12), "large": (24, 1024, 16)}
# A token looks at some tokens and not at the mean of all.
_RULES = (("*.query.weight", product(1.5)), ("*.key.weight", product(1.5)))


class Embeddings(nn.Module):
    """Words, positions and segments, added and normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(VOCABULARY, width)
        self.position_embeddings = nn.Embedding(POSITIONS, width)
        self.token_type_embeddings = nn.Embedding(SEGMENTS, width)
        self.LayerNorm = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        words = self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
        return self.LayerNorm(words + self.position_embeddings(places))


class SelfAttention(nn.Module):
    """Multi-head attention; tokens whose mask is false are not looked at."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (self._heads(part(x)) for part in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return mixed.transpose(1, 2).reshape(x.shape)

    def _heads(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        return x.reshape(batch, tokens, self.heads, width // self.heads).transpose(1, 2)


class Added(nn.Module):
    """A projection added to what it bypasses, then normalised."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, width)
        self.LayerNorm = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, x: Tensor, bypassed: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x) + bypassed)


class Attention(nn.Module):
    """Self-attention and its projection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self = SelfAttention(width, heads)
        self.output = Added(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.output(self.self(x, mask), x)


class Widened(nn.Module):
    """A layer with an activation."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.dense(x))


class Layer(nn.Module):
    """A post-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.intermediate = Widened(width, 4 * width)
        self.output = Added(4 * width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.attention(x, mask)
        return self.output(self.intermediate(x), x)


class Encoder(nn.Module):
    """The stack of blocks."""

    def __init__(self, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(width, heads) for _ in range(depth))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for layer in self.layer:
            x = layer(x, mask)
        return x


class Pooler(nn.Module):
    """The first token through a layer and tanh."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.dense(x[:, 0]))


class Bert(nn.Module):
    """Token ids, mask (1: a token, 0: padding) and segments, all int64 [B, N] -> states [B, N, D], pooled [B, D]."""

    def __init__(self, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.embeddings = Embeddings(width)
        self.encoder = Encoder(depth, width, heads)
        self.pooler = Pooler(width)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        mask = (attention_mask != 0)[:, None, None, :]
        states = self.encoder(self.embeddings(input_ids, token_type_ids), mask)
        return states, self.pooler(states)


def build(
    *, form: str = "base", tokens: int = 128, batch: int = 1, seed: int = 0
) -> tuple[Bert, tuple[Tensor, Tensor, Tensor]]:
    """The network in eval mode with seeded weights, and seeded sequences. Raises ValueError for an unknown form."""
    if form not in FORMS:
        raise ValueError(f"{form!r} is not a form; there are {', '.join(FORMS)}")
    if not 1 <= tokens <= POSITIONS:
        raise ValueError(f"tokens must be in 1..{POSITIONS}, not {tokens}")
    with torch.device("meta"):
        model = Bert(*FORMS[form])
    fill_layers(model, seed=seed, prefix="bert", rules=_RULES)
    return model.eval(), example(seed, tokens=tokens, batch=batch)


def example(seed: int, /, *, tokens: int = 128, batch: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Seeded token ids, a mask that ends in padding (an eighth of the tokens), and two segments of equal length."""
    ids = token_ids(seed, batch=batch, tokens=tokens, vocabulary=VOCABULARY)
    place = torch.arange(tokens, device="cpu").expand(batch, tokens)
    return ids, (place < tokens - tokens // 8).long(), (place >= tokens // 2).long()

"""Pruning-Adapter on BERT-base: heads removed per task, low-rank adapters on what is left of one frozen base.

After "Task-oriented Memory-efficient Pruning-Adapter" (Wang, Yang, Sun, arXiv 2303.14704) and its code CaffreyR/TMP: 43
of the 144 heads are removed for every task, queries, keys and values get adapters of rank 8 in four layers and 4 in the
others, with scale 1/rank. How many heads a layer keeps, and which layers have rank 8, is what the released importance
files give; which heads they are is seeded here, as are all weights, which are not trained. The classifier is random and
frozen in the code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from bert import FORMS, Bert, example
from pruning_adapter_parts import AdaptedLinear, AdaptedSelfAttention, merge, sparsify
from seeded_layers import Rules, fill_layers
from seeded_weights import constant_zero, generator, product
from torch import Tensor, nn

HEADS, HEAD_WIDTH = 12, 64
LOW_RANK, HIGH_RANK = 4, 8
# A token looks at some tokens and not at the mean of all. Adapters are away from the zero that they start from.
_RULES: Rules = (
    ("*.query.base.weight", product(1.5)),
    ("*.key.base.weight", product(1.5)),
    ("*.lora_a", product(1.0)),
    ("*.lora_b", product(1.0)),
    ("*.kept", constant_zero),
)
FORMS_OF_TASK = ("base", "adapter", "pruned", "adapted", "merged")


@dataclass(frozen=True)
class Task:
    """Heads kept by layer, layers of rank 8 as the paper means them and as the released code picks them, labels.

    The code looks for "layer.1" in the names of modules, which layers 10 and 11 contain too.
    """

    kept: tuple[int, ...]
    intended: tuple[int, ...]
    labels: int = 2

    @property
    def released(self) -> tuple[int, ...]:
        return tuple(sorted({*self.intended, *((10, 11) if 1 in self.intended else ())}))


TASKS = {
    "cola": Task((5, 8, 6, 10, 6, 9, 10, 12, 11, 10, 10, 4), (7, 5, 6, 8)),
    "mnli": Task((8, 11, 9, 9, 11, 6, 7, 9, 5, 6, 11, 9), (4, 1, 10, 2), labels=3),
    "mrpc": Task((6, 9, 8, 10, 8, 10, 5, 7, 10, 9, 10, 9), (3, 5, 8, 10)),
    "qnli": Task((7, 10, 8, 10, 9, 9, 8, 8, 9, 6, 9, 8), (5, 8, 3, 4)),
    "qqp": Task((10, 11, 11, 8, 7, 10, 8, 10, 9, 4, 6, 7), (1, 2, 0, 5)),
    "rte": Task((7, 10, 11, 10, 8, 8, 8, 8, 5, 10, 7, 9), (2, 11, 3, 1)),
    "sst2": Task((9, 10, 8, 10, 10, 8, 6, 10, 6, 7, 8, 9), (1, 7, 3, 4)),
    "stsb": Task((9, 10, 10, 11, 6, 9, 9, 8, 9, 5, 9, 6), (3, 1, 2, 5), labels=1),
    "wnli": Task((10, 9, 10, 11, 4, 9, 6, 10, 8, 6, 10, 8), (3, 10, 7, 8)),
}


class Classifier(nn.Module):
    """Token ids, mask and segments, int64 [B, N] -> logits [B, labels]."""

    def __init__(self, bert: Bert, width: int, labels: int) -> None:
        super().__init__()
        self.bert = bert
        self.classifier = nn.Linear(width, labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        return self.classifier(self.bert(input_ids, attention_mask, token_type_ids)[1])


def build(
    task: str = "cola",
    *,
    form: str = "merged",
    ranks: str = "released",
    heads: int | None = None,
    sparsity: str = "none",
    tokens: int = 128,
    batch: int = 1,
    seed: int = 0,
) -> tuple[Classifier, tuple[Tensor, Tensor, Tensor]]:
    """The network for `task` in eval mode with seeded weights, and seeded token sequences.

    `form`: 'base' is plain BERT, 'adapter' has the adapters alone, 'pruned' the heads removed and no adapters,
    'adapted' both, beside the frozen base, and 'merged' both in dense matrices. `ranks`: 'released' or 'intended'.
    `heads` are kept by every layer; None for as many as published.
    `sparsity` also zeroes weights of all encoder matrices of a dense form: 'unstructured:0.9' (that share, the
    smallest), '2:4' (2 of 4 along the input are left) or 'block4x4:0.5' (that share of blocks). Base weights are the
    same for all tasks. Raises ValueError for a name that is unknown.
    """
    on_meta = torch.get_default_device().type == "meta"
    with torch.device("meta"):
        model = assemble(task, form="adapted" if form == "merged" and not on_meta else form, ranks=ranks, heads=heads)
    fill_layers(model, seed=seed, prefix="pruning_adapter", rules=_RULES)
    if not on_meta:
        for index, layer in enumerate(model.bert.encoder.layer):
            for part in layer.modules():
                if isinstance(part, AdaptedLinear) and part.kept is not None:
                    part.kept = torch.tensor(kept_heads(task, index, heads))
        if form == "merged":
            merge(model)
        if sparsity != "none":
            sparsify(model.bert.encoder, sparsity)
    return model.eval(), example(seed, tokens=tokens, batch=batch)


def assemble(task: str, *, form: str, ranks: str, heads: int | None = None) -> Classifier:
    """The network on the current device, its parameters not yet filled; 'merged' has the shapes of its dense form."""
    if form not in FORMS_OF_TASK or ranks not in ("released", "intended"):
        known = f"form {', '.join(FORMS_OF_TASK)}; ranks released, intended"
        raise ValueError(f"form {form!r} with ranks {ranks!r} is unknown; there are {known}")
    if heads is not None and not 1 <= heads <= HEADS:
        raise ValueError(f"heads={heads}: a layer keeps 1 to {HEADS}")
    chosen, (depth, width, all_heads) = task_of(task), FORMS["base"]
    model = Classifier(Bert(depth, width, all_heads), width, chosen.labels)
    for index, layer in enumerate(model.bert.encoder.layer):
        kept = (heads or chosen.kept[index]) if form in ("pruned", "adapted", "merged") else None
        rank = (HIGH_RANK if index in getattr(chosen, ranks) else LOW_RANK) if form in ("adapter", "adapted") else 0
        if kept is None and not rank:
            continue
        attention = AdaptedSelfAttention(width, block=HEAD_WIDTH, kept=kept, rank=rank)
        output = AdaptedLinear(width, width, block=HEAD_WIDTH, kept=kept, columns=True)
        if form == "merged":
            left = HEAD_WIDTH * (heads or chosen.kept[index])
            attention.query, attention.key, attention.value = (nn.Linear(width, left) for _ in range(3))
            layer.attention.output.dense = nn.Linear(left, width)
        elif kept is not None:
            layer.attention.output.dense = output
        layer.attention.self = attention
    return model


def task_of(name: str) -> Task:
    """The task of that name. Raises ValueError."""
    if name not in TASKS:
        raise ValueError(f"{name!r} is not a task; there are {', '.join(TASKS)}")
    return TASKS[name]


def kept_heads(task: str, layer: int, heads: int | None = None) -> list[int]:
    """The heads that a layer keeps, `heads` or as many as published, drawn by a seed of the task and the layer."""
    count = heads or task_of(task).kept[layer]
    drawn = generator(f"pruning_adapter.{task}.{layer}", seed=0).permutation(HEADS)[:count]
    return sorted(drawn.tolist())

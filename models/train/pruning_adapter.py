"""Pruning-Adapter-mini: one frozen encoder of news groups, adapted to news wires and to tweets at several budgets.

As in the paper heads are ranked by what scaling them does to the loss of the task before any training, the last of the
ranking are removed, and adapters of rank 8 (the half of the layers that matter most) and 4 are trained with the norms.
Other than there, the classifier is trained too, and 64 documents rank the heads instead of 3.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from mini_weights import read_weights
from pruning_adapter_mini import BASE, DEPTH, HEADS, VOCABULARY, WIDTH, WORD_WIDTH, TextClassifier, adapt, over_base
from pruning_adapter_parts import head_importance, merge
from torch import Tensor, nn
from torch.nn import functional as F

from accelsim.evaluate.data import Data
from models.train.counting import count_gmac
from models.train.loop import Batch, Job, Outcome, Recipe
from models.train.text import MASK, PADDING

INPUTS = ("input_ids", "attention_mask")
PRETRAINING = Recipe(steps=900, batch=48, rate=2e-3, weight_decay=0.05, warmup=0.12)
ADAPTING = Recipe(steps=480, batch=32, rate=5e-3, weight_decay=0.01, warmup=0.05)
TUNING = Recipe(steps=480, batch=32, rate=1e-3, weight_decay=0.01, warmup=0.05)
MASKED, WORDS_SHARE, WIRE_COPIES = 0.12, 0.3, 3
NO_LABEL = -100
RANKING_DOCUMENTS = 64
HIGH_RANK, LOW_RANK = 8, 4
TASKS = {"r8": ("topic", 48), "tweets": ("author", 24)}


class Pretraining(nn.Module):
    """The classifier with a head that guesses masked words, tied to their embeddings; only this training needs it."""

    def __init__(self, network: TextClassifier) -> None:
        super().__init__()
        self.network = network
        self.narrow = nn.Linear(WIDTH, WORD_WIDTH)
        self.bias = nn.Parameter(torch.zeros(VOCABULARY))

    def loss(self, batch: Batch) -> Tensor:
        """Topics of documents whose words are masked here and there, and the masked words."""
        ids, mask, labels = batch["input_ids"], batch["attention_mask"], batch["label.topic"]
        hidden = (torch.rand(ids.shape) < MASKED) & (ids > MASK + 1)
        seen = torch.where(hidden, MASK, ids)
        states = self.network.states(seen, mask)
        present = mask.float()[:, :, None]
        topics = self.network.classifier((states * present).sum(1) / present.sum(1))
        words = self.narrow(states[hidden]) @ self.network.embeddings.word_embeddings.weight.T + self.bias
        guessed = F.cross_entropy(words, ids[hidden])
        return F.cross_entropy(topics, labels, ignore_index=NO_LABEL) + WORDS_SHARE * guessed


def _pretrain(job: Job) -> Outcome:
    """News groups with their topics, and the training documents of the wires without."""
    data = job.data("newsgroups")
    groups = job.arrays(data, "train", (*INPUTS, "label.topic"))
    wires = job.arrays(job.data("r8"), "train", (*INPUTS, "label.topic"))
    wires["label.topic"] = np.full_like(wires["label.topic"], NO_LABEL)
    arrays = {name: np.concatenate([groups[name], *[wires[name]] * WIRE_COPIES]) for name in groups}
    network = TextClassifier(data.task("topic").classes)
    nn.init.normal_(network.embeddings.word_embeddings.weight, std=0.5)
    nn.init.normal_(network.embeddings.position_embeddings.weight, std=0.1)
    whole = Pretraining(network)
    losses = job.fit(whole, whole.loss, arrays, PRETRAINING)
    metrics = job.score(data, INPUTS, lambda batch: {"topic": network(*(batch[name] for name in INPUTS))})
    return Outcome(metrics, network, _example(48), steps=PRETRAINING.steps, details={"losses": losses})


def _tune(job: Job, *, data: str) -> Outcome:
    """Every weight of the base, and a new classifier."""
    found, (task, tokens) = job.data(data), TASKS[data]
    network = TextClassifier(found.task(task).classes)
    network.load_state_dict(_without_classifier(read_weights(BASE)), strict=False)
    losses = job.fit(network, _loss(network, task), job.arrays(found, "train", (*INPUTS, f"label.{task}")), TUNING)
    details = {"losses": losses, "trained": sum(p.numel() for p in network.parameters())}
    return Outcome(_scores(job, found, network, task), network, _example(tokens), steps=TUNING.steps, details=details)


def _adapt(job: Job, *, data: str, keep: float, adapters: bool = True, ranked: bool = True) -> Outcome:
    """Heads removed down to the share `keep`; norms and classifier trained, and adapters where wanted."""
    found, (task, tokens) = job.data(data), TASKS[data]
    arrays = job.arrays(found, "train", (*INPUTS, f"label.{task}"))
    importance = _importance(job, found, task, arrays) if ranked else torch.rand(DEPTH, HEADS)
    heads = kept_heads(importance, round(DEPTH * HEADS * keep))
    high = importance.sum(1).topk(DEPTH // 2).indices.tolist()
    ranks = [(HIGH_RANK if index in high else LOW_RANK) if adapters else 0 for index in range(DEPTH)]
    network = TextClassifier(found.task(task).classes)
    adapt(network, kept=[len(one) for one in heads], ranks=ranks)
    _fill(network, heads)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(_is_tasks(name))
    losses = job.fit(network, _loss(network, task), arrays, ADAPTING)
    metrics = _scores(job, found, network, task)
    added = Added(network)
    details = {
        "losses": losses,
        "kept_heads": [len(one) for one in heads],
        "ranks": ranks,
        "trained": sum(p.numel() for p in network.parameters() if p.requires_grad),
    }
    merge(network)
    parameters = sum(p.numel() for p in network.parameters())
    return Outcome(
        metrics,
        added,
        steps=ADAPTING.steps,
        parameters=parameters,
        gmac=count_gmac(network, _example(tokens)),
        details=details,
    )


class Added(nn.Module):
    """What a task adds to the base, as it is stored: adapters, norms, the classifier, and which heads it keeps."""

    def __init__(self, network: TextClassifier) -> None:
        super().__init__()
        self._state = {name: value.clone() for name, value in network.state_dict().items() if _is_tasks(name)}

    def state_dict(self, *_arguments: object, **_named: object) -> dict[str, Tensor]:  # type: ignore[override]
        return self._state


def _is_tasks(name: str) -> bool:
    return "LayerNorm" in name or "lora_" in name or name.startswith("classifier.") or name.endswith(".kept")


def kept_heads(importance: Tensor, count: int) -> list[list[int]]:
    """The `count` most important heads over all layers, of each layer at least its first."""
    order = importance.flatten().argsort(descending=True, stable=True).tolist()
    best = [layer * HEADS + int(importance[layer].argmax()) for layer in range(DEPTH)]
    chosen = [*best, *(place for place in order if place not in best)][: max(count, DEPTH)]
    return [sorted(place % HEADS for place in chosen if place // HEADS == layer) for layer in range(DEPTH)]


def _importance(job: Job, data: Data, task: str, arrays: dict[str, np.ndarray]) -> Tensor:
    """Of the frozen base with a fresh classifier."""
    network = TextClassifier(data.task(task).classes).eval()
    network.load_state_dict(_without_classifier(read_weights(BASE)), strict=False)
    rng = np.random.Generator(np.random.Philox(key=[job.seed, 300]))
    index = rng.permutation(len(arrays["input_ids"]))[:RANKING_DOCUMENTS]
    batch = {name: torch.from_numpy(array[index]) for name, array in arrays.items()}
    loss = _loss(network, task, reduction="sum")
    return head_importance(network.attentions, HEADS, lambda: loss(batch), RANKING_DOCUMENTS)


def _fill(network: TextClassifier, heads: list[list[int]]) -> None:
    """The base, adapters that change nothing yet, the heads that are kept; the classifier stays as it was drawn."""
    network.load_state_dict(_without_classifier(over_base({})), strict=False)
    for name, value in network.state_dict().items():
        if name.endswith("lora_a"):
            nn.init.normal_(value, std=0.01)
        elif name.endswith("lora_b"):
            nn.init.zeros_(value)
        elif name.endswith(".kept"):
            value.copy_(torch.tensor(heads[int(name.split(".")[2])]))


def _without_classifier(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith("classifier.")}


def _loss(network: TextClassifier, task: str, *, reduction: str = "mean"):  # type: ignore[no-untyped-def]
    def loss(batch: Batch) -> Tensor:
        return F.cross_entropy(network(*(batch[name] for name in INPUTS)), batch[f"label.{task}"], reduction=reduction)

    return loss


def _scores(job: Job, data: Data, network: TextClassifier, task: str) -> dict[str, dict[str, float]]:
    return job.score(data, INPUTS, lambda batch: {task: network(*(batch[name] for name in INPUTS))})


def _example(tokens: int) -> tuple[Tensor, Tensor]:
    ids = torch.full((1, tokens), MASK)
    return ids, (ids != PADDING).long()


def _rows_of(data: str) -> dict[str, partial[Outcome]]:
    name, adapted = f"pruning-adapter-mini-{data}", partial(_adapt, data=data)
    return {
        f"{name}-full": partial(_tune, data=data),
        f"{name}-k100": partial(adapted, keep=1.0),
        f"{name}-k70": partial(adapted, keep=0.7),
        f"{name}-k50": partial(adapted, keep=0.5),
        f"{name}-k30": partial(adapted, keep=0.3),
        f"{name}-k30-pruned": partial(adapted, keep=0.3, adapters=False),
        f"{name}-k30-random": partial(adapted, keep=0.3, ranked=False),
    }


ROWS = {"pruning-adapter-mini-base": _pretrain, **_rows_of("r8"), **_rows_of("tweets")}
COMPARED = tuple(
    (f"{data}: {claim}", f"pruning-adapter-mini-{data}-{one}", other.format(data=data))
    for data in TASKS
    for claim, one, other in (
        ("70 % of the heads with adapters, against all", "k70", "pruning-adapter-mini-{data}-k100"),
        ("30 % of the heads with adapters, against all", "k30", "pruning-adapter-mini-{data}-k100"),
        ("adapters with all heads, against full fine-tuning", "k100", "pruning-adapter-mini-{data}-full"),
        ("adapters, against pruning alone (30 % of the heads)", "k30", "pruning-adapter-mini-{data}-k30-pruned"),
        ("ranked heads, against drawn ones (30 %)", "k30", "pruning-adapter-mini-{data}-k30-random"),
        ("full fine-tuning, against a bag of words", "full", "{data}-bag-of-words"),
    )
)

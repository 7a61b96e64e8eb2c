"""M3ViT-mini on `digit-scenes`: a gate for each task, one gate for both, and the dense twin.

Where every task has a gate, the encoder runs once for each task from its first expert layer on; otherwise once. Gates
of the tasks start equal, as in the released code, which copies one. The balancing loss is that of the paper's sources:
squared coefficients of variation of importance and of load (Shazeer et al., arXiv 1701.06538, without its noise).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import m3vit_mini
import torch
from m3vit import M3ViT
from m3vit_parts import MoE
from torch import Tensor, nn
from torch.nn import functional as F

from models.train.counting import count_gmac
from models.train.loop import Batch, Job, Outcome, Recipe

TASKS = tuple(m3vit_mini.CHANNELS)
RECIPE = Recipe(steps=1600, batch=16, rate=3e-3)
BALANCE = 0.01
DEPTH_CENTRE, DEPTH_SPREAD = 0.65, 0.3


class BothTasks(nn.Module):
    """The encoder with all its gates, and a decoder for each task."""

    def __init__(self, gating: str) -> None:
        super().__init__()
        self.encoder = m3vit_mini.encoder(TASKS[0], gating=gating)
        self.decoders = nn.ModuleDict({task: m3vit_mini.decoder(task) for task in TASKS})
        self.per_task = gating == "multi"
        self._start()

    def _start(self) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith(("class_token", "position")):
                nn.init.normal_(parameter, std=0.1)
            elif name.endswith((".w1", ".w2")):
                nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
            elif name.endswith((".b1", ".b2")):
                nn.init.zeros_(parameter)
        for mixture in self.mixtures():
            first, *others = mixture.gates.values()
            for gate in others:
                gate.load_state_dict(first.state_dict())
        nn.init.constant_(self.decoders["depth"].head.bias, DEPTH_CENTRE)

    def mixtures(self) -> list[MoE]:
        return [part for part in self.encoder.modules() if isinstance(part, MoE)]

    def choose(self, task: str) -> None:
        """Use the gates of `task` where tasks have gates of their own."""
        for mixture in self.mixtures():
            if self.per_task:
                mixture.task = task

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        if not self.per_task:
            tokens = self.encoder(image)
            return {task: decoder(tokens) for task, decoder in self.decoders.items()}
        blocks = list(self.encoder.blocks)
        first = next(index for index, block in enumerate(blocks) if block.sparse)
        shared = nn.Sequential(*blocks[:first])(self.encoder.embed(image))
        maps = {}
        for task, decoder in self.decoders.items():
            self.choose(task)
            maps[task] = decoder(nn.Sequential(*blocks[first:])(shared))
        return maps


def _train(job: Job, *, gating: str) -> Outcome:
    data, network = job.data("digit-scenes"), BothTasks(gating)
    arrays = job.arrays(data, "train", ("image", *(f"label.{task}" for task in TASKS)))
    with _balance(network) as balance:

        def loss(batch: Batch) -> Tensor:
            maps = network(batch["image"])
            classes = F.cross_entropy(maps["semseg"], batch["label.semseg"].long())
            depth = F.l1_loss(maps["depth"][:, 0], batch["label.depth"]) / DEPTH_SPREAD
            return classes + depth + BALANCE * balance()

        losses = job.fit(network, loss, arrays, RECIPE)
    metrics = job.score(data, ("image",), lambda batch: network(batch["image"]))
    routing = _routing(network, torch.from_numpy(job.arrays(data, "validation", ("image",))["image"]))
    network.choose(TASKS[0])
    alone = M3ViT(network.encoder, network.decoders[TASKS[0]])
    gmac = count_gmac(alone, (torch.zeros(1, 3, m3vit_mini.SIDE, m3vit_mini.SIDE),))
    details = {"losses": losses, "gmac_is_of": f"one pass, {TASKS[0]}"} | ({"routing": routing} if routing else {})
    return Outcome(metrics, network, steps=RECIPE.steps, gmac=gmac, details=details)


@contextmanager
def _balance(network: BothTasks) -> Iterator[Callable[[], Tensor]]:
    """Hands out the function that gives the balancing loss of all expert layers since it was last called."""
    seen: list[Tensor] = []

    def watch(mixture: MoE, inputs: tuple[Tensor]) -> None:
        if mixture.training:
            tokens = inputs[0].reshape(-1, inputs[0].shape[-1])
            seen.append(_imbalance(F.softmax(mixture.gates[mixture.task](tokens), dim=-1), mixture.top_k))

    def collect() -> Tensor:
        total = torch.stack(seen).sum() if seen else torch.zeros(())
        seen.clear()
        return total

    hooks = [mixture.register_forward_pre_hook(watch) for mixture in network.mixtures()]
    try:
        yield collect
    finally:
        for hook in hooks:
            hook.remove()


def _imbalance(likely: Tensor, top_k: int) -> Tensor:
    """Squared variation of what the experts are given, by weight and by a smooth count of tokens [T, E]."""
    kept = torch.zeros_like(likely).scatter(1, likely.topk(top_k).indices, 1.0)
    importance, load = (likely * kept).sum(0), likely.mean(0) * kept.mean(0)
    return _variation(importance) + _variation(load)


def _variation(values: Tensor) -> Tensor:
    return values.var(unbiased=False) / (values.mean() ** 2 + 1e-10)


def _routing(network: BothTasks, images: Tensor) -> dict[str, Mapping[str, object]]:
    """By expert layer: how many experts each task uses (more than 1 % of the picks), its largest share, and how much
    of a token's experts two tasks have in common."""
    chosen: dict[str, list[Tensor]] = {}

    def watch(path: str, mixture: MoE, inputs: tuple[Tensor]) -> None:
        chosen.setdefault(path, []).append(mixture.route(inputs[0].reshape(-1, inputs[0].shape[-1]))[0])

    layers = [(path, part) for path, part in network.named_modules() if isinstance(part, MoE)]
    hooks = [part.register_forward_pre_hook(partial(watch, path)) for path, part in layers]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return {path: _usage(ids) for path, ids in chosen.items()}


def _usage(ids: list[Tensor]) -> dict[str, object]:
    shares = [torch.bincount(one.flatten(), minlength=m3vit_mini.EXPERTS) / one.numel() for one in ids]
    usage: dict[str, object] = {
        "experts_used": [int((share > 0.01).sum()) for share in shares],
        "largest_share": [round(float(share.max()), 4) for share in shares],
    }
    if len(ids) == 2:
        first, second = ids
        common = (first.unsqueeze(2) == second.unsqueeze(1)).any(2).float().mean()
        usage["experts_in_common"] = round(float(common), 4)
    return usage


ROWS = {
    "m3vit-mini": partial(_train, gating="multi"),
    "m3vit-mini-single": partial(_train, gating="single"),
    "m3vit-mini-dense": partial(_train, gating="none"),
}
COMPARED = (
    ("experts with a gate for each task, against the dense twin", "m3vit-mini", "m3vit-mini-dense"),
    ("a gate for each task, against one gate", "m3vit-mini", "m3vit-mini-single"),
)

"""Weights from a seed: every tensor is drawn by its own generator, keyed by seed and name.

So a tensor does not depend on the order in which a model is built, nor on which other tensors it has.
Nothing is degenerate: biases are not zero, norms are not the identity, running statistics are not 0 and 1.
Products are scaled by the variance rule std = gain / sqrt(fan-in): a signal of second moment 1 leaves with
variance gain^2. These weights are not trained: they give costs and numerical checks, never accuracy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from fnmatch import fnmatchcase

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Values = NDArray[np.float32] | NDArray[np.int64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Values]


def constant_zero(_: np.random.Generator, shape: tuple[int, ...]) -> Values:
    return np.zeros(shape, np.int64)


def normal(*, mean: float = 0.0, std: float) -> Draw:
    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
        values = generator.standard_normal(shape, dtype=np.float32)
        values *= np.float32(std)
        values += np.float32(mean)
        return values

    return draw


def uniform(low: float, high: float) -> Draw:
    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
        values = generator.random(shape, dtype=np.float32)
        values *= np.float32(high - low)
        values += np.float32(low)
        return values

    return draw


def product(gain: float, *, stacked: bool = False) -> Draw:
    """A weight [outputs, inputs...], or `stacked` [experts, outputs, inputs]; fan-in is all after outputs."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
        fan_in = math.prod(shape[2:] if stacked else shape[1:])
        return normal(std=gain / math.sqrt(fan_in))(generator, shape)

    return draw


# The first pattern that fits a name decides. Why these gains:
# - the score of a query and a key is a product of two projections: 1.5 gives it a deviation near 2.25, so
#   that a token looks at some tokens and not at the mean of all;
# - patches and positions are strong and `attn.proj` is weak, or else the mean over tokens that attention
#   adds drowns what makes tokens differ, and in deep layers all of them take the same experts;
# - gates: 1.0 makes the kept weights sum to about 0.4 at K = 2; in the released Edge-MoE gates 0.35-0.46;
# - `moe.w2` makes up for gate weights well below 1, and the stages of the decoder for what a ReLU takes away.
RULES: tuple[tuple[str, Draw], ...] = (
    ("*.gates.*.weight", product(1.0)),
    ("*.attn.qkv.weight", product(1.5)),
    ("*.attn.proj.weight", product(0.5)),
    ("*.patch_embed.weight", product(2.0)),
    ("*.moe.w1", product(1.0, stacked=True)),
    ("*.moe.w2", product(2.0, stacked=True)),
    ("*.moe.b[12]", normal(std=0.1)),
    ("*.stages.*.conv.weight", product(math.sqrt(2.0))),
    ("*.norm.running_mean", normal(std=0.2)),
    ("*.norm.running_var", uniform(0.6, 1.4)),
    ("*.norm.num_batches_tracked", constant_zero),
    ("*.norm.weight", uniform(0.7, 1.3)),
    ("*.norm.bias", normal(std=0.25)),
    ("*.norm[12].weight", uniform(0.7, 1.3)),
    ("*.norm[12].bias", normal(std=0.25)),
    ("*.class_token", normal(std=0.5)),
    ("*.position", normal(std=1.0)),
    ("*.weight", product(1.0)),
    ("*.bias", normal(std=0.1)),
)


def fill(module: nn.Module, *, seed: int, prefix: str) -> None:
    """Give `module`, which may be on the meta device, its weights; keys are `prefix`, a dot and the names.

    Under `torch.device("meta")` nothing is drawn. Raises ValueError for a parameter whose name no rule fits.
    """
    if torch.get_default_device().type == "meta":
        return
    state = {name: draw(f"{prefix}.{name}", value.shape, seed=seed) for name, value in module.state_dict().items()}
    module.load_state_dict(state, strict=True, assign=True)


def draw(name: str, shape: tuple[int, ...], *, seed: int) -> Tensor:
    """The tensor of that name and shape under that seed."""
    for pattern, rule in RULES:
        if fnmatchcase(name, pattern):
            return draw_with(rule, name, shape, seed=seed)
    raise ValueError(f"no rule of {__name__} draws a parameter named '{name}'; add one to RULES")


def draw_with(rule: Draw, name: str, shape: tuple[int, ...], *, seed: int) -> Tensor:
    """What `rule` draws for that name under that seed."""
    return torch.from_numpy(rule(generator(name, seed=seed), tuple(shape)))


def generator(name: str, *, seed: int) -> np.random.Generator:
    """The generator of a name: Philox under the first 128 bits of SHA-256 of '<seed>:<name>'."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))

"""Seeded weights by kind of layer, for networks whose parameters have the names of their published checkpoints.

The numbers are those of `seeded_weights`: each tensor from its own generator, keyed by seed and name. Products keep
the variance. Behind a ReLU every channel has a positive mean, which in deep networks drowns what differs between two
inputs; there filters sum to zero and have gain sqrt(2 / (1 - 1/pi)), as in scaled weight standardisation (Brock et
al., arXiv 2101.08692); depthwise ones, which have nothing to sum over, have sqrt(2) (He et al., arXiv 1502.01852).
Norms have the statistics that such products make, spread around them. A branch that is added to its own input is
scaled down by its last norm, or else variances double with every block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import torch
from seeded_weights import Draw, Values, constant_zero, draw_with, normal, product, uniform
from torch import nn

BRANCH = uniform(0.2, 0.4)
"""The scale of the last norm of a residual branch."""

Rules = Sequence[tuple[str, Draw]]

_NORM: Mapping[str, Draw] = {
    "weight": uniform(0.7, 1.3),
    "bias": normal(std=0.25),
    "running_mean": normal(std=0.2),
    "running_var": uniform(0.6, 1.4),
    "num_batches_tracked": constant_zero,
}


def fill_layers(module: nn.Module, *, seed: int, prefix: str, relu: bool = False, rules: Rules = ()) -> None:
    """Give `module`, which may be on the meta device, its weights; keys are `prefix`, a dot and the names.

    The first of `rules` (pattern of a name, how to draw) that fits decides, then the kind of layer; `relu` says what
    comes before linear layers and convolutions. Under `torch.device("meta")` nothing is drawn. Raises ValueError for a
    parameter that neither draws.
    """
    if torch.get_default_device().type == "meta":
        return
    weight = _after_relu if relu else product(1.0)
    kinds: dict[type[nn.Module], Mapping[str, Draw]] = {
        nn.Linear: {"weight": weight, "bias": normal(std=0.1)},
        nn.Conv2d: {"weight": weight, "bias": normal(std=0.1)},
        nn.ConvTranspose2d: {"weight": _transposed, "bias": normal(std=0.1)},
        nn.Embedding: {"weight": normal(std=1.0)},
        nn.BatchNorm2d: _NORM,
        nn.LayerNorm: _NORM,
    }
    state = {}
    for name, value in module.state_dict().items():
        path, _, own = name.rpartition(".")
        by_name = [rule for pattern, rule in rules if fnmatchcase(name, pattern)]
        rule = by_name[0] if by_name else kinds.get(type(module.get_submodule(path)), {}).get(own)
        if rule is None:
            raise ValueError(f"no rule of {__name__} draws a parameter named '{name}'; give one in `rules`")
        state[name] = draw_with(rule, f"{prefix}.{name}", value.shape, seed=seed)
    module.load_state_dict(state, strict=True, assign=True)


def _after_relu(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """A weight [outputs, inputs...]; all of one output sum to zero, unless its only input is one channel."""
    if shape[1] == 1:
        return product(math.sqrt(2.0))(generator, shape)
    values = product(math.sqrt(2.0 / (1.0 - 1.0 / math.pi)))(generator, shape)
    return values - values.mean(axis=tuple(range(1, len(shape))), keepdims=True)


def _transposed(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """A weight [inputs, outputs, kernel...] whose windows do not overlap: fan-in is the inputs."""
    return normal(std=1.0 / math.sqrt(shape[0]))(generator, shape)

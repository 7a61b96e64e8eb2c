"""Seeded inputs of the baselines: images as after normalisation, and token ids."""

from __future__ import annotations

import numpy as np
import torch
from seeded_weights import generator
from torch import Tensor


def images(seed: int, *, batch: int, height: int, width: int) -> Tensor:
    """Images [B, 3, Y, X] with mean near 0 and deviation 1: noise at four scales, so that there are areas and edges."""
    rng = generator(f"images.{batch}.{height}.{width}", seed=seed)
    made = np.zeros((batch, 3, height, width), np.float32)
    for cell in (64, 32, 8, 1):
        coarse = rng.standard_normal((batch, 3, -(-height // cell), -(-width // cell)), dtype=np.float32)
        made += coarse.repeat(cell, axis=2).repeat(cell, axis=3)[:, :, :height, :width]
    return torch.from_numpy(made / made.std())


def token_ids(seed: int, *, batch: int, tokens: int, vocabulary: int) -> Tensor:
    """Token ids [B, N], int64, each as likely as another."""
    rng = generator(f"tokens.{batch}.{tokens}.{vocabulary}", seed=seed)
    return torch.from_numpy(rng.integers(vocabulary, size=(batch, tokens)))

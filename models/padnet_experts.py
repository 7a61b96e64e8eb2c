"""Partially dynamic mixtures of linear layers, of PAD-Net: experts that share what they do not have of their own.

After arXiv 2211.05528, code Shwai-He/PAD-Net. D inputs, O outputs, N = O x D, E experts, K of them a token, T tokens.
"""

from __future__ import annotations

import torch
from padnet_parts import dynamic_count
from torch import Tensor, nn
from torch.nn import functional as F


class LinearExperts(nn.Module):
    """E linear layers of which a token takes the K that its gate likes best; their weights sum to one.

    Where P of the N places of a matrix are not zero, `w1` [E, P] holds these and `positions` [P] says where they
    stand, the same in every expert; else `w1` is [E, O, D]. Of equal experts the lower wins.
    """

    semantic_op = "moe"

    def __init__(self, inputs: int, outputs: int, *, places: int, experts: int, top_k: int) -> None:
        super().__init__()
        self.shape = (outputs, inputs)
        self.top_k = top_k
        self.gate = nn.Linear(inputs, experts, bias=False)
        self.packed = places < inputs * outputs
        self.w1 = nn.Parameter(torch.empty(experts, *((places,) if self.packed else self.shape)))
        self.b1 = nn.Parameter(torch.empty(experts, outputs))
        if self.packed:
            self.register_buffer("positions", torch.empty(places, dtype=torch.int64))

    def matrix(self, values: Tensor) -> Tensor:
        """The matrix [O, D] of an expert from what `w1` holds of it."""
        if not self.packed:
            return values
        empty = torch.zeros(self.shape[0] * self.shape[1], dtype=values.dtype)
        return empty.index_copy(0, self.positions, values).reshape(self.shape)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.reshape(-1, x.shape[-1])
        weights, ids = torch.sort(F.softmax(self.gate(tokens), dim=-1), dim=-1, descending=True, stable=True)
        weights, ids = weights[:, : self.top_k], ids[:, : self.top_k]
        weights = weights / weights.sum(dim=-1, keepdim=True)
        total = tokens.new_zeros(len(tokens), self.shape[0])
        for expert, (values, bias) in enumerate(zip(self.w1.unbind(), self.b1.unbind(), strict=True)):
            rows, place = torch.where(ids == expert)
            answer = F.linear(tokens[rows], self.matrix(values), bias)
            total = total.index_add(0, rows, answer * weights[rows, place].unsqueeze(-1))
        return total.reshape(*x.shape[:-1], self.shape[0])

    def semantic_parameters(self) -> tuple[dict[str, object], dict[str, Tensor]]:
        """The layer as one operation: its attributes, and its parameters by operand name."""
        tensors = {"gate_w": self.gate.weight, "w1": self.w1, "b1": self.b1}
        if self.packed:
            tensors["positions"] = self.positions
        return {"top_k": self.top_k, "renormalise": True}, tensors


class PartialExperts(nn.Module):
    """x [..., D] -> S x + sum over the chosen experts of g_e (D_e x + b_e), [..., O].

    S is what all experts share, computed once for each token; D_e is zero wherever S is not. As the gates sum to one
    this is the mixture of the experts S + D_e. The scales of training are constants and belong into S and D_e. At
    ratio 1 there is no S.
    """

    def __init__(self, inputs: int, outputs: int, *, ratio: float, experts: int, top_k: int) -> None:
        super().__init__()
        places = dynamic_count(inputs * outputs, ratio)
        self.mixture = LinearExperts(inputs, outputs, places=places, experts=experts, top_k=top_k)
        self.static = nn.Linear(inputs, outputs, bias=False) if self.mixture.packed else None

    @property
    def holes(self) -> int:
        """Places of S that are zero because experts have them for themselves."""
        return 0 if self.static is None else len(self.mixture.positions)

    def clear_holes(self) -> None:
        """Set S to zero where experts have elements of their own."""
        if self.static is not None:
            with torch.no_grad():
                self.static.weight.view(-1)[self.mixture.positions] = 0

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.mixture(x)
        return mixed if self.static is None else self.static(x) + mixed

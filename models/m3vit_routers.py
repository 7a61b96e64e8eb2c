"""The task-conditioned router of M3ViT: one gate for all tasks, which also sees a vector of the task.

The paper puts a ReLU on that vector; here it is as in the code VITA-Group/M3ViT: linear, GELU, linear, layer norm. The
width inside is assumed to be that of the vector.
"""

from __future__ import annotations

import torch
from m3vit_parts import EPSILON
from torch import Tensor, nn
from torch.nn import functional as F

CONDITION = 64


class TaskVector(nn.Module):
    """Index of a task -> its vector [64]; one for the whole network."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(tasks, CONDITION)
        self.fc2 = nn.Linear(CONDITION, CONDITION)
        self.norm = nn.LayerNorm(CONDITION, eps=EPSILON)

    def forward(self, task: int) -> Tensor:
        one_hot = torch.zeros(self.fc1.in_features, device=self.fc1.weight.device)
        one_hot[task] = 1
        return self.norm(self.fc2(F.gelu(self.fc1(one_hot))))


class ConditionedGate(nn.Module):
    """Tokens [T, D] -> logits [T, E] of one linear layer over token and vector of the task.

    For a given task the vector is constant, so that its part of the logits is a bias.
    """

    def __init__(self, width: int, experts: int, vector: TaskVector, task: int) -> None:
        super().__init__()
        self.width = width
        self.joint = nn.Linear(width + CONDITION, experts, bias=False)
        self._vector = (vector, task)  # a tuple, because the vector belongs to the network and not to each gate

    @property
    def weight(self) -> Tensor:
        return self.joint.weight[:, : self.width]

    @property
    def bias(self) -> Tensor:
        vector, task = self._vector
        return F.linear(vector(task), self.joint.weight[:, self.width :])

    def forward(self, tokens: Tensor) -> Tensor:
        return F.linear(tokens, self.weight, self.bias)

"""Modules of users that stand for one semantic op each, in plain torch, and a model that uses them all."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Parameters = tuple[dict[str, object], dict[str, Tensor]]


class DynamicConv(nn.Module):
    """Partially dynamic: K kernels where the mask is true, one static kernel elsewhere, with PAD-Net's scales.

    Trained with whole kernels, deployed with the values at the mask's positions.
    """

    semantic_op = "dynamic_conv2d"

    def __init__(self, inputs: int, outputs: int, *, kernels: int = 4, deployed: bool) -> None:
        super().__init__()
        hidden = max(1, inputs // 16)
        self.deployed = deployed
        self.temperature = 2.0
        self.fc1 = nn.Linear(inputs, hidden, bias=False)
        self.fc2 = nn.Linear(hidden, kernels)
        self.kernels = nn.Parameter(torch.randn(kernels, outputs, inputs, 3, 3) / (3 * inputs**0.5))
        self.static = nn.Parameter(torch.randn(outputs, inputs, 3, 3) / (3 * inputs**0.5))
        self.phi = nn.Parameter(torch.tensor(0.3))
        self.register_buffer("mask", torch.rand(outputs, inputs, 3, 3) < 0.3)

    def scaled(self) -> tuple[Tensor, Tensor]:
        dynamic = 2 * torch.sigmoid(self.phi)
        return dynamic * self.kernels, (2 - dynamic) * self.static

    def forward(self, x: Tensor) -> Tensor:
        logits = self.fc2(F.relu(self.fc1(x.mean(dim=(2, 3))))) / self.temperature
        kernels, static = self.scaled()
        mixed = torch.einsum("nk,koihw->noihw", torch.softmax(logits, dim=-1), kernels)
        weights = torch.where(self.mask, mixed, static)
        batch, outputs = weights.shape[:2]
        images = x.reshape(1, -1, *x.shape[2:])
        y = F.conv2d(images, weights.reshape(-1, *weights.shape[2:]), padding=1, groups=batch)
        return y.reshape(batch, outputs, *y.shape[2:])

    def semantic_parameters(self) -> Parameters:
        kernels, static = self.scaled()
        tensors = {"fc1_w": self.fc1.weight, "fc2_w": self.fc2.weight, "fc2_b": self.fc2.bias, "static_w": static}
        if self.deployed:
            positions = torch.nonzero(self.mask.flatten()).flatten()
            tensors |= {"kernels": kernels.flatten(1)[:, positions], "positions": positions}
        else:
            tensors |= {"kernels": kernels, "mask": self.mask}
        return {"padding": (1, 1, 1, 1), "temperature": self.temperature}, tensors


class PixelDifferenceConv(nn.Conv2d):
    semantic_op = "pixel_difference_conv2d"
    theta = 0.7

    def forward(self, x: Tensor) -> Tensor:
        centre = F.conv2d(x, self.weight.sum(dim=(2, 3), keepdim=True), stride=self.stride)
        return super().forward(x) - self.theta * centre

    def semantic_parameters(self) -> Parameters:
        attrs = {"theta": self.theta, "padding": (1, 1, 1, 1), "stride": self.stride}
        return attrs, {"w": self.weight, "b": self.bias}


class Exchange(nn.Module):
    """What the source task's features tell the target's; batch norms after the 1x1 convolutions."""

    semantic_op = "cross_task_attention"

    def __init__(self, channels: int, step: int) -> None:
        super().__init__()
        self.step = step
        self.extract = nn.Conv2d(channels, channels, 3, padding=1)
        self.own = nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False)
        self.gate = nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False)
        self.q, self.k, self.v = (_normed(channels, channels) for _ in range(3))
        self.project = _normed(channels + channels // 2, channels)
        self.alpha = nn.Parameter(torch.randn(1, channels, 1, 1))

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        features = F.relu(self.extract(source))
        own = self.own(features) * torch.sigmoid(self.gate(features))
        q = F.relu(self.q(target[:, :, :: self.step, :: self.step]))
        tiles = F.max_pool2d(features, self.step)
        k, v = F.relu(self.k(tiles)), F.relu(self.v(tiles))
        scores = q.flatten(2).transpose(1, 2) @ k.flatten(2) / q.shape[1] ** 0.5
        context = (v.flatten(2) @ torch.softmax(scores, dim=-1).transpose(1, 2)).reshape(v.shape)
        x = F.interpolate(context, scale_factor=self.step, mode="nearest") * self.alpha
        return F.relu(self.project(torch.cat([own, x], dim=1)))

    def semantic_parameters(self) -> Parameters:
        tensors = {
            **{"extract_w": self.extract.weight, "extract_b": self.extract.bias, "alpha": self.alpha.flatten()},
            **{"self_w": self.own.weight, "self_gate_w": self.gate.weight},
        }
        for name in ("q", "k", "v", "project"):
            tensors[f"{name}_w"], tensors[f"{name}_b"] = _folded(getattr(self, name))
        return {"downsample": self.step}, tensors


def _normed(inputs: int, outputs: int) -> nn.Sequential:
    norm = nn.BatchNorm2d(outputs)
    for values in (norm.weight, norm.running_var):
        nn.init.uniform_(values, 0.5, 1.5)
    for values in (norm.bias, norm.running_mean):
        nn.init.normal_(values)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), norm)


def _folded(layer: nn.Sequential) -> tuple[Tensor, Tensor]:
    """Weights and bias of the convolution that computes what convolution and batch norm do."""
    conv, norm = layer
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


class AdaptedLinear(nn.Module):
    """A frozen layer of which a task keeps some heads, with a low-rank adapter of scale 1/r."""

    semantic_op = "adapted_linear"

    def __init__(self, inputs: int, *, heads: int, width: int, kept: tuple[int, ...], rank: int = 2) -> None:
        super().__init__()
        self.width = width
        self.base = nn.Linear(inputs, heads * width)
        self.a = nn.Parameter(torch.randn(rank, inputs))
        self.b = nn.Parameter(torch.randn(len(kept) * width, rank))
        self.register_buffer("kept", torch.tensor(kept))

    def forward(self, x: Tensor) -> Tensor:
        rows = (self.kept[:, None] * self.width + torch.arange(self.width)).flatten()
        adapted = self.base.weight[rows] + self.b @ self.a / len(self.a)
        return F.linear(x, adapted, self.base.bias[rows])

    def semantic_parameters(self) -> Parameters:
        adapter = {"lora_a": self.a, "lora_b": self.b, "kept_rows": self.kept}
        attrs = {"scale": 1 / len(self.a), "block": self.width}
        return attrs, {"w": self.base.weight, "b": self.base.bias, **adapter}


class Everything(nn.Module):
    """Image [B, 3, 8, 8] -> two tasks' features by mixed kernels and pixel differences, exchanged, pooled, adapted."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = DynamicConv(3, 8, deployed=False)
        self.first = DynamicConv(8, 8, deployed=True)
        self.second = PixelDifferenceConv(8, 8, 3, padding=1)
        self.exchange = Exchange(8, 2)
        self.head = AdaptedLinear(8, heads=4, width=3, kept=(3, 0))

    def forward(self, image: Tensor) -> Tensor:
        features = F.relu(self.stem(image))
        target, source = F.relu(self.first(features)), F.relu(self.second(features))
        return self.head((target + self.exchange(target, source)).mean(dim=(2, 3)))


def build() -> tuple[nn.Module, tuple[Tensor, ...]]:
    torch.manual_seed(7)
    return Everything().eval(), (torch.randn(3, 3, 8, 8),)

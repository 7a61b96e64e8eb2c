"""Convolutions of PAD-Net: K kernels mixed for every sample where a mask says so, one static kernel elsewhere.

After "PAD-Net: An Efficient Framework for Dynamic Networks" (He et al., ACL 2023, arXiv 2211.05528), code
Shwai-He/PAD-Net, and dynamic convolution (arXiv 1912.03458). N is the number of elements of a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNELS = 4
REDUCTION = 16
Batch = TypeVar("Batch")


class KernelAttention(nn.Module):
    """Image [B, C, Y, X] -> shares of the kernels [B, K]: mean, two layers, softmax with a temperature."""

    def __init__(self, inputs: int, kernels: int, *, reduction: int = REDUCTION) -> None:
        super().__init__()
        hidden = max(1, inputs // reduction)
        self.temperature = 1.0
        self.fc1 = nn.Linear(inputs, hidden, bias=False)
        self.fc2 = nn.Linear(hidden, kernels)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.fc2(F.relu(self.fc1(x.mean(dim=(2, 3)))))
        return F.softmax(logits / self.temperature, dim=-1)


class DynamicConv2d(nn.Module):
    """A convolution without bias whose kernel is sum_k share_k kernel_k where the mode is dynamic, static elsewhere.

    `ratio` is the share of dynamic elements, above 0. Two forms: as trained, K whole kernels, the static one, a mask
    and a scale phi of both (2 sigmoid(phi) and 2 - 2 sigmoid(phi)); and `deployed`, where the static kernel is stored
    once, and of the K kernels only the elements at the dynamic `positions`, the scale folded in. At ratio 1 nothing is
    static, and both forms are the same but for the scale.
    """

    semantic_op = "dynamic_conv2d"

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        ratio: float = 1.0,
        kernels: int = KERNELS,
        reduction: int = REDUCTION,
        deployed: bool = False,
    ) -> None:
        super().__init__()
        shape = (outputs, inputs // groups, kernel, kernel)
        self.stride, self.padding, self.groups = stride, padding, groups
        self.deployed = deployed
        self.attention = KernelAttention(inputs, kernels, reduction=reduction)
        size = math.prod(shape)
        self.dynamic = dynamic_count(size, ratio)
        self.partial = self.dynamic < size
        if self.partial:
            self.static = nn.Parameter(torch.empty(shape))
        if deployed and self.partial:
            self.kernels = nn.Parameter(torch.empty(kernels, self.dynamic))
            self.register_buffer("positions", torch.empty(self.dynamic, dtype=torch.int64))
        else:
            self.kernels = nn.Parameter(torch.empty(kernels, *shape))
        if not deployed and self.partial:
            self.register_buffer("mask", torch.ones(shape, dtype=torch.bool))
            self.phi = nn.Parameter(torch.zeros(()))
        self.shape = shape

    @property
    def elements(self) -> int:
        """N."""
        return math.prod(self.shape)

    @property
    def stored(self) -> int:
        """Weights that must be stored: K of each dynamic element, one of each static, and those of the attention."""
        own = sum(parameter.numel() for parameter in self.attention.parameters())
        dynamic = self.dynamic if self.deployed or not self.partial else int(self.mask.sum())
        return self.elements - dynamic + len(self.kernels) * dynamic + own

    def scaled(self) -> tuple[Tensor, Tensor]:
        """Kernels and static kernel as they are used."""
        if self.deployed:
            return self.kernels, self.static
        scale = 2 * torch.sigmoid(self.phi)
        return scale * self.kernels, (2 - scale) * self.static

    def weights(self, x: Tensor) -> Tensor:
        """The kernel of each sample, [B, outputs, inputs / groups, kernel, kernel]."""
        shares = self.attention(x)
        if not self.partial:
            return (shares @ self.kernels.flatten(1)).reshape(-1, *self.shape)
        kernels, static = self.scaled()
        mixed = shares @ kernels.flatten(1)
        whole = static.flatten().expand(len(shares), -1)
        if self.deployed:
            return whole.index_copy(1, self.positions, mixed).reshape(-1, *self.shape)
        modes = self.mask.flatten()
        chosen = torch.where(modes, mixed, whole) if modes.dtype == torch.bool else torch.lerp(whole, mixed, modes)
        return chosen.reshape(-1, *self.shape)

    def forward(self, x: Tensor) -> Tensor:
        batch = x.shape[0]
        weights = self.weights(x).flatten(0, 1)
        y = F.conv2d(
            x.reshape(1, -1, *x.shape[2:]),
            weights,
            stride=self.stride,
            padding=self.padding,
            groups=batch * self.groups,
        )
        return y.reshape(batch, -1, *y.shape[2:])

    def semantic_parameters(self) -> tuple[dict[str, object], dict[str, Tensor]]:
        """The layer as one operation: its attributes, and its parameters by operand name."""
        tensors = {
            "fc1_w": self.attention.fc1.weight,
            "fc2_w": self.attention.fc2.weight,
            "fc2_b": self.attention.fc2.bias,
            "kernels": self.kernels,
        }
        if self.partial:
            tensors["kernels"], tensors["static_w"] = self.scaled()
            form = "positions" if self.deployed else "mask"
            tensors[form] = getattr(self, form)
        attributes = {
            "stride": (self.stride,) * 2,
            "padding": (self.padding,) * 4,
            "groups": self.groups,
            "temperature": self.attention.temperature,
        }
        return attributes, tensors

    def deploy(self) -> nn.Module:
        """The same layer with the static kernel stored once and the dynamic elements K times.

        A mask that leaves nothing dynamic makes it a plain convolution.
        """
        if self.deployed or not self.partial:
            return self
        with torch.no_grad():
            kernels, static = self.scaled()
            if not self.mask.any():
                return self._plain(static)
            small = self._smaller(int(self.mask.sum()) / self.elements)
            if small.partial:
                small.positions = torch.nonzero(self.mask.flatten()).flatten()
                small.kernels.copy_(kernels.flatten(1)[:, small.positions])
                small.static.copy_(torch.where(self.mask, 0, static))
            else:
                small.kernels.copy_(kernels)
        return small.train(self.training)

    def _smaller(self, ratio: float) -> DynamicConv2d:
        """The deployed form, its kernels not yet filled."""
        outputs, inputs, kernel, _ = self.shape
        small = DynamicConv2d(
            inputs * self.groups,
            outputs,
            kernel,
            stride=self.stride,
            padding=self.padding,
            groups=self.groups,
            ratio=ratio,
            kernels=len(self.kernels),
            deployed=True,
        ).to(self.kernels.dtype)
        small.attention = self.attention
        return small

    def _plain(self, static: Tensor) -> nn.Conv2d:
        outputs, inputs, kernel, _ = self.shape
        sizes = {"stride": self.stride, "padding": self.padding, "groups": self.groups, "bias": False}
        plain = nn.Conv2d(inputs * self.groups, outputs, kernel, **sizes).to(static.dtype)
        plain.weight.copy_(static)
        return plain.train(self.training)


def dynamic_count(size: int, ratio: float) -> int:
    """Dynamic elements of `size`, at least one. Raises ValueError for a ratio that is none."""
    if not 0 < ratio <= 1:
        raise ValueError(f"the dynamic ratio must be above 0 and at most 1, not {ratio}")
    return max(1, round(size * ratio))


def make_dynamic(module: nn.Module, path: str, *, ratio: float, deployed: bool, reduction: int = REDUCTION) -> None:
    """Put a dynamic convolution in the place of the plain one at `path`."""
    plain = module.get_submodule(path)
    dynamic = DynamicConv2d(
        plain.in_channels,
        plain.out_channels,
        plain.kernel_size[0],
        stride=plain.stride[0],
        padding=plain.padding[0],
        groups=plain.groups,
        ratio=ratio,
        reduction=reduction,
        deployed=deployed,
    )
    parent, _, name = path.rpartition(".")
    setattr(module.get_submodule(parent), name, dynamic)


def deploy(model: nn.Module) -> nn.Module:
    """The model with each of its dynamic convolutions deployed, in place."""
    for path, part in list(model.named_modules()):
        if isinstance(part, DynamicConv2d):
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, part.deploy())
    return model


def partition(
    model: nn.Module,
    loss: Callable[[Batch], Tensor],
    batches: Sequence[Batch],
    *,
    ratio: float,
    rounds: int = 3,
) -> None:
    """Iterative Mode Partition: let the share `ratio` of all elements be dynamic, those that matter most to the loss.

    In each round the loss of `batches` is derived by the modes, taken as real numbers, in evaluation mode; what comes
    out is what changing an element from dynamic to static would change, to first order. The largest magnitudes over all
    layers stay dynamic, ratio^(r/rounds) of the elements after round r; an element can come back. Sets `mask` of every
    DynamicConv2d of the trained form. Raises ValueError for a ratio that is none.
    """
    layers = [
        part for part in model.modules() if isinstance(part, DynamicConv2d) and part.partial and not part.deployed
    ]
    training = model.training
    model.eval()
    for number in range(1, rounds + 1):
        modes = [layer.mask.to(layer.kernels.dtype).requires_grad_() for layer in layers]
        for layer, mode in zip(layers, modes, strict=True):
            layer.mask = mode
        for batch in batches:
            loss(batch).backward(inputs=modes)
        scores = torch.cat([mode.grad.abs().flatten() for mode in modes])
        chosen = torch.zeros(len(scores), dtype=torch.bool)
        chosen[
            scores.argsort(descending=True, stable=True)[: dynamic_count(len(scores), ratio ** (number / rounds))]
        ] = True
        for layer, mask in zip(layers, chosen.split([layer.elements for layer in layers]), strict=True):
            layer.mask = mask.reshape(layer.shape)
    model.train(training)


def stored_parameters(model: nn.Module) -> int:
    """Parameters that must be stored: holes of static kernels count for nothing, masks and positions neither."""
    layers = [part for part in model.modules() if isinstance(part, DynamicConv2d)]
    inside = sum(parameter.numel() for layer in layers for parameter in layer.parameters())
    return sum(p.numel() for p in model.parameters()) - inside + sum(layer.stored for layer in layers)

"""PAD-Net on ResNet and MobileNet-v2: partially dynamic convolutions at a ratio from 0 (static) to 1 (fully dynamic).

After arXiv 2211.05528 and its code Shwai-He/PAD-Net: dynamic are all convolutions of the residual blocks and their
shortcuts, and of MobileNet-v2 all but the stem; K = 4 kernels, reduction 16, no biases. Weights are seeded, not
trained, and so are the positions of the dynamic elements: the paper chooses them by their effect on the loss.
"""

from __future__ import annotations

import math

import mobilenet
import numpy as np
import resnet
import torch
from example_inputs import images
from padnet_parts import DynamicConv2d, deploy, dynamic_count, make_dynamic
from seeded_layers import Rules, fill_layers
from seeded_weights import Draw, Values, normal, product
from torch import Tensor, nn

NETWORKS = ("resnet18", "resnet50", "mobilenet-v2")
_STATIC = ("conv1", "features.0.0")  # the stems


def build(
    *,
    network: str = "resnet50",
    ratio: float = 0.3,
    deployed: bool = True,
    classes: int = 1000,
    size: int = 224,
    batch: int = 1,
    seed: int = 0,
) -> tuple[nn.Module, tuple[Tensor]]:
    """The network in eval mode with seeded weights and seeded images.

    `ratio` is the share of dynamic elements in every dynamic layer, 0 for the plain network; `deployed` stores the
    static elements once. Raises ValueError for an unknown network or ratio.
    """
    on_meta = torch.get_default_device().type == "meta"
    with torch.device("meta"):
        model = assemble(network, ratio=ratio, deployed=deployed and on_meta, classes=classes)
    fill_layers(model, seed=seed, prefix=f"padnet.{network}", relu=True, rules=_rules(network, model, ratio))
    if not on_meta:
        for layer in model.modules():
            if isinstance(layer, DynamicConv2d):
                _centre(layer)
        model = deploy(model) if deployed else model
    return model.eval(), example(seed, size=size, batch=batch)


def assemble(network: str, *, ratio: float, deployed: bool, classes: int = 1000) -> nn.Module:
    """The network on the current device, its parameters not yet filled."""
    if network not in NETWORKS:
        raise ValueError(f"{network!r} is not a network; there are {', '.join(NETWORKS)}")
    if network == "mobilenet-v2":
        model: nn.Module = mobilenet.MobileNetV2(classes=classes)
    else:
        model = resnet.ResNet(int(network[6:]), classes=classes)
    if ratio == 0:
        return model
    for path, part in list(model.named_modules()):
        if isinstance(part, nn.Conv2d) and path not in _STATIC:
            make_dynamic(model, path, ratio=ratio, deployed=deployed)
    return model


def example(seed: int, /, *, size: int = 224, batch: int = 1, **_others: object) -> tuple[Tensor]:
    """Seeded images [B, 3, size, size]. Takes the arguments of `build`."""
    return (images(seed, batch=batch, height=size, width=size),)


def _rules(network: str, model: nn.Module, ratio: float) -> Rules:
    """Attention is gentle: shares of gain 2 feed what makes two inputs differ back into every kernel, and a fully
    dynamic MobileNet-v2 then magnifies a rounding half a million times; with 0.5 it is about 150 times.
    """
    branches = mobilenet.branch_rules(model) if network == "mobilenet-v2" else resnet.branch_rules(int(network[6:]))
    return (
        *branches,
        ("*.attention.fc2.weight", product(0.5)),
        ("*.kernels", _kernels),
        ("*.static", _filters),
        ("*.mask", _mask(ratio)),
        ("*.phi", normal(std=0.3)),
    )


def _centre(layer: DynamicConv2d) -> None:
    """Let static and dynamic elements of a filter sum to zero each, whatever the mask; see `seeded_layers`."""
    if not layer.partial or layer.shape[1] == 1:
        return
    mask = layer.mask.float()
    with torch.no_grad():
        for weights, chosen in ((layer.static, 1 - mask), (layer.kernels, mask)):
            count = chosen.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
            weights.sub_((weights * chosen).sum(dim=(-3, -2, -1), keepdim=True) / count)


def _filters(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """Filters [outputs, inputs, kernel, kernel] behind a ReLU, as `seeded_layers` draws them."""
    if shape[1] == 1:
        return product(math.sqrt(2.0))(generator, shape)
    values = product(math.sqrt(2.0 / (1.0 - 1.0 / math.pi)))(generator, shape)
    return values - values.mean(axis=tuple(range(1, len(shape))), keepdims=True)


def _kernels(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """K of them, stronger, because a mean of kernels is weaker than each: shares squared sum to 0.3 to 0.4."""
    drawn = [_filters(generator, shape[1:]) for _ in range(shape[0])]
    return np.stack(drawn) * np.float32(0.4**-0.5)


def _mask(ratio: float) -> Draw:
    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
        size = math.prod(shape)
        mask = np.zeros(size, bool)
        mask[generator.choice(size, dynamic_count(size, ratio), replace=False, shuffle=False)] = True
        return mask.reshape(shape)

    return draw

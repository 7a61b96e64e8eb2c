"""The baselines: parameters and operations as published, healthy numbers, and the same graph without weights.

Counts of torchvision are `num_params` and `_ops` (10^9 multiply-accumulates of convolutions and linear layers) of its
weight enumerations, as in `torchvision/models/resnet.py`; those of the papers stand beside the numbers.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import seeded_layers
import torch

from accelsim.evaluate.load import load_model
from accelsim.evaluate.overview import overview
from accelsim.results.overview import Overview, Part

pytestmark = pytest.mark.slow

# Parameters, and 10^9 multiply-accumulates of convolutions and linear layers.
TORCHVISION = {
    "resnet18": (11_689_512, "1.814"),
    "resnet34": (21_797_672, "3.664"),
    "resnet50": (25_557_032, "4.089"),
    "resnet101": (44_549_160, "7.801"),
    "resnet152": (60_192_808, "11.514"),
    "vgg16": (138_357_544, "15.470"),
    "vgg19": (143_667_240, "19.632"),
    "mobilenet-v2": (3_504_872, "0.301"),
    "squeezenet": (1_248_424, "0.819"),
    "inception-v3": (27_161_264 - 3_326_696, "5.713"),  # torchvision counts the parameters of its auxiliary head
}
# DeiT, arXiv 2012.12877, table 5: 5, 22 and 86 million parameters. Exact counts: timm's model cards.
VIT = {"vit-tiny": (5_717_416, 192), "vit-small": (22_050_664, 384), "vit-base": (86_567_656, 768)}


@cache
def shown(name: str) -> Overview:
    return overview(load_model(name, weights=False))


def macs_of(part: Part, op: str) -> int:
    own = part.macs if part.op == op else 0
    return own + sum(macs_of(child, op) for child in part.parts)


@pytest.mark.parametrize("name", TORCHVISION)
def test_counts_are_those_of_torchvision(name: str) -> None:
    parameters, giga = TORCHVISION[name]
    total = shown(name).total
    assert (total.parameters, f"{total.macs / 1e9:.3f}") == (parameters, giga)


def test_resnet50_has_its_published_operations_to_the_last() -> None:
    total = shown("resnet50").total
    assert (macs_of(total, "conv2d"), macs_of(total, "linear")) == (4_089_184_256 - 2_048_000, 2_048_000)


def test_deeplab_has_the_counts_of_torchvision_without_its_auxiliary_head() -> None:
    """60,996,202 parameters and 258.743 G; the head is a 3x3 layer of 1024 to 256 and a 1x1 to 21, at 65 x 65."""
    head = 9 * 1024 * 256 + 2 * 256 + 256 * 21 + 21
    work = (9 * 1024 * 256 + 256 * 21) * 65 * 65
    total = shown("deeplab-v3").total
    assert total.parameters == 60_996_202 - head
    assert f"{(total.macs + work) / 1e9:.3f}" == "258.743"


def test_mobilenet_v1_has_the_569_million_operations_of_its_paper() -> None:
    """Table 8 of arXiv 1704.04861: 569 million mult-adds, 4.2 million parameters."""
    total = shown("mobilenet-v1").total
    assert (f"{total.macs / 1e6:.0f}", f"{total.parameters / 1e6:.1f}") == ("569", "4.2")


@pytest.mark.parametrize("name", VIT)
def test_vision_transformers_have_their_parameters_and_operations(name: str) -> None:
    """197 tokens, twelve blocks: 12 D^2 for projections and 2 N D for attention of each, then patches and the head."""
    parameters, d = VIT[name]
    total, n = shown(name).total, 197
    assert total.parameters == parameters
    assert macs_of(total, "attention") == 12 * 2 * n * n * d
    assert total.macs == 12 * (12 * n * d * d + 2 * n * n * d) + 196 * 768 * d + 1000 * d


def test_vit_small_takes_the_4_6_billion_operations_of_deit_small() -> None:
    """Table 1 of arXiv 2012.12877 and others who compare with it: 4.6 GFLOPs, counted as multiply-accumulates."""
    assert f"{shown('vit-small').total.macs / 1e9:.1f}" == "4.6"


def test_bert_base_has_the_parameters_of_hugging_face_and_its_operations() -> None:
    """`BertModel` of bert-base-uncased: 109,482,240 parameters with the pooler. Twelve blocks on N = 128 tokens of
    width 768: 12 D^2 N and 2 N^2 D, and D^2 of the pooler; twice that is near the 22.5 GFLOPs of table 4 of MobileBERT
    (arXiv 2004.02984)."""
    total, n, d = shown("bert-base").total, 128, 768
    assert total.parameters == 109_482_240
    assert total.macs == 12 * (12 * n * d * d + 2 * n * n * d) + d * d
    assert 2 * total.macs == pytest.approx(22.5e9, rel=0.01)


def test_unet_has_the_parameters_of_its_common_code() -> None:
    """milesial/Pytorch-UNet, three channels and two classes, transposed convolutions: 31,037,698."""
    assert shown("unet").total.parameters == 31_037_698


SMALL: dict[str, dict[str, Any]] = {
    "resnet18": {"size": 64},
    "resnet152": {"size": 32},
    "mobilenet-v1": {"size": 64},
    "mobilenet-v2": {"size": 64, "batch": 2},
    "squeezenet": {"size": 64},
    "inception-v3": {"size": 107},
    "vit-tiny": {"size": 64},
    "bert-base": {"tokens": 16, "batch": 2},
    "deeplab-v3": {"size": 65, "depth": 50},
    "unet": {"size": 32},
}


@pytest.mark.parametrize("name", SMALL)
def test_outputs_are_finite_moderate_and_differ_between_inputs(name: str, catalogue: dict[str, Any]) -> None:
    module, arguments = imported(name, catalogue)
    model, inputs = module.build(**arguments | SMALL[name])
    given = {key: value for key, value in SMALL[name].items() if key in ("size", "tokens", "batch")}
    other = module.example(1, **given)
    with torch.inference_mode():
        first, second = (torch.utils._pytree.tree_leaves(model(*x))[-1] for x in (inputs, other))
    assert torch.isfinite(first).all()
    assert 0.05 < first.std().item() < 50
    assert (first - second).std() > 0.1 * first.std()
    assert all(not torch.equal(a, b) for a, b in zip(inputs[:1], other[:1], strict=True))


def imported(name: str, catalogue: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    entry = catalogue[name]
    return __import__(entry["builder"].split(".py:")[0]), entry.get("arguments", {})


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(catalogue: dict[str, Any]) -> None:
    module, arguments = imported("squeezenet", catalogue)
    first, again, other = (module.build(**arguments, seed=seed)[0].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_filters_behind_a_relu_sum_to_zero_so_that_no_mean_builds_up() -> None:
    layer = torch.nn.Conv2d(64, 64, 3)
    seeded_layers.fill_layers(layer, seed=0, prefix="layer", relu=True)
    weight = layer.weight.detach()
    assert weight.sum(dim=(1, 2, 3)).abs().max() < 1e-4
    assert weight[0].numel() * weight.var().item() == pytest.approx(2 / (1 - 1 / torch.pi), rel=0.02)


def test_a_parameter_without_a_rule_is_an_error() -> None:
    with pytest.raises(ValueError, match="draws a parameter named 'weight'; give one in `rules`"):
        seeded_layers.fill_layers(torch.nn.GroupNorm(1, 4), seed=0, prefix="x")


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("resnet50", {"depth": 20}, "20 is not a depth; there are 18, 34"),
        ("vgg16", {"depth": 11}, "11 is not a depth"),
        ("mobilenet-v2", {"version": 3}, "3 is not a version"),
        ("squeezenet", {"version": "2"}, "'2' is not a version"),
        ("vit-small", {"backbone": "huge"}, "'huge' is not a backbone"),
        ("bert-base", {"form": "tiny"}, "'tiny' is not a form"),
        ("bert-base", {"tokens": 513}, r"tokens must be in 1\.\.512"),
        ("deeplab-v3", {"depth": 18}, "18 is not a depth; there are 50"),
        ("unet", {"size": 40}, "multiple of 16"),
        ("inception-v3", {"size": 32}, "size must be 75 or more"),
    ],
)
def test_an_unknown_choice_is_an_error(
    name: str, wrong: dict[str, Any], message: str, catalogue: dict[str, Any]
) -> None:
    module, arguments = imported(name, catalogue)
    with pytest.raises(ValueError, match=message):
        module.build(**arguments | wrong)

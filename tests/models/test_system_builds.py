"""The systems with seeded weights: their forms agree, and nothing in them is degenerate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cross_stitch
import densemtl
import padnet
import padnet_bert
import pdcnet
import pruning_adapter
import pytest
import torch

SMALL: dict[str, Callable[..., Any]] = {
    "padnet": lambda: padnet.build(network="resnet18", ratio=0.3, size=64, batch=2),
    "padnet-dynamic": lambda: padnet.build(network="mobilenet-v2", ratio=1, size=64, batch=2),
    "padnet-bert": lambda: padnet_bert.build(depth=1, tokens=16, batch=2),
    "pdcnet": lambda: pdcnet.build(depth=50, size=(64, 96), batch=2),
    "densemtl": lambda: densemtl.build("semseg", depth=50, size=(64, 128)),
    "pruning-adapter": lambda: pruning_adapter.build("cola", form="adapted", tokens=16, batch=2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_outputs_are_finite_and_differ_between_inputs(name: str) -> None:
    model, inputs = SMALL[name]()
    with torch.no_grad():
        y = model(*inputs)
        other = model(*(torch.flip(x, (-1,)) if x.is_floating_point() else x.flip(-1) for x in inputs))
    assert torch.isfinite(y).all()
    assert (y - other).std() > 0.05 * y.std() > 0


@pytest.mark.slow
def test_the_deployed_form_of_padnet_computes_the_same() -> None:
    outputs = []
    for deployed in (True, False):
        model, inputs = padnet.build(network="resnet18", ratio=0.1, size=64, batch=2, deployed=deployed)
        with torch.no_grad():
            outputs.append(model(*inputs))
    torch.testing.assert_close(*outputs)


def test_what_experts_share_is_zero_where_they_have_elements_of_their_own() -> None:
    layer = padnet_bert.PartialExperts(6, 4, ratio=0.25, experts=3, top_k=2)
    with torch.no_grad():
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter)
        layer.mixture.positions.copy_(torch.tensor([0, 5, 7, 11, 20, 23]))
    layer.clear_holes()
    assert layer.holes == 6
    own = layer.mixture.matrix(layer.mixture.w1[1])
    assert ((own != 0) ^ (layer.static.weight != 0)).all()
    x = torch.randn(5, 6)
    weights, ids = layer.mixture.gate(x).softmax(-1).sort(dim=-1, descending=True)
    weights = weights[:, :2] / weights[:, :2].sum(-1, keepdim=True)
    whole = [layer.static.weight + layer.mixture.matrix(values) for values in layer.mixture.w1]
    expected = [
        sum(w * (whole[e] @ row + layer.mixture.b1[e]) for w, e in zip(ws, es[:2], strict=True))
        for row, ws, es in zip(x, weights, ids, strict=True)
    ]
    torch.testing.assert_close(layer(x), torch.stack(expected))


@pytest.mark.slow
def test_the_merged_form_of_pruning_adapter_computes_the_same() -> None:
    outputs = []
    for form in ("adapted", "merged"):
        model, inputs = pruning_adapter.build("rte", form=form, tokens=16)
        with torch.no_grad():
            outputs.append(model(*inputs))
    torch.testing.assert_close(*outputs)


@pytest.mark.slow
def test_a_task_of_cross_stitch_computes_what_it_does_among_all() -> None:
    outputs = {}
    for task in ("all", "depth"):
        model, inputs = cross_stitch.build(task, size=(32, 48))
        with torch.no_grad():
            outputs[task] = model(*inputs)
    torch.testing.assert_close(outputs["depth"], outputs["all"][1])


def test_a_stitch_weighs_the_features_of_every_task_by_channel() -> None:
    stitch = cross_stitch.Stitch(("semseg", "depth"), 2)
    own, other = torch.tensor([0.9, 0.5]), torch.tensor([0.1, 0.25])
    with torch.no_grad():
        for name, shares in (("depth_to_depth", own), ("semseg_to_depth", other)):
            stitch.shares[name].copy_(shares[None, :, None, None])
        made = stitch({"semseg": torch.full((1, 2, 1, 1), 4.0), "depth": torch.full((1, 2, 1, 1), 2.0)}, "depth")
    torch.testing.assert_close(made.flatten(), torch.tensor([2.2, 2.0]))


@pytest.mark.parametrize(
    ("pattern", "zeros"), [("unstructured:0.9", 0.9), ("2:4", 0.5), ("1:4", 0.75), ("block4x8:0.25", 0.25)]
)
def test_sparse_patterns_keep_the_largest_weights(pattern: str, zeros: float) -> None:
    weight = torch.randn(16, 64, generator=torch.Generator().manual_seed(0))
    mask = pruning_adapter_mask(weight, pattern)
    assert (mask == 0).float().mean().item() == pytest.approx(zeros, abs=1e-3)
    assert (weight.abs() * mask).sum() >= (weight.abs() * mask.flip(0)).sum()
    if ":4" in pattern:
        assert (mask.reshape(-1, 4).sum(dim=1) == int(pattern[0])).all()


@pytest.mark.parametrize("pattern", ["2to4", "unstructured:2", "block3x3:0.5", "5:4", "none:1"])
def test_an_unknown_sparse_pattern_is_named(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not a sparse pattern"):
        pruning_adapter_mask(torch.randn(16, 64), pattern)


@pytest.mark.parametrize(
    ("build", "arguments"),
    [
        (padnet.assemble, {"network": "resnet19", "ratio": 0.1, "deployed": True}),
        (padnet.assemble, {"network": "resnet18", "ratio": 1.5, "deployed": True}),
        (padnet_bert.assemble, {"ratio": 0}),
        (padnet_bert.assemble, {"ratio": 0.5, "experts": 8, "top_k": 9}),
        (pdcnet.assemble, {"dataset": "nyud", "depth": 18, "theta": 0.7, "large_kernels": True}),
        (densemtl.build, {"task": "normals"}),
        (cross_stitch.build, {"task": "normals"}),
        (cross_stitch.build, {"tasks": ("semseg",)}),
        (pruning_adapter.build, {"task": "glue"}),
        (pruning_adapter.build, {"form": "quantised"}),
    ],
)
def test_unknown_arguments_are_named(build: Callable[..., Any], arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not|unknown"):
        build(**arguments)


def pruning_adapter_mask(weight: torch.Tensor, pattern: str) -> torch.Tensor:
    from pruning_adapter_parts import sparse_mask

    return sparse_mask(weight, pattern)

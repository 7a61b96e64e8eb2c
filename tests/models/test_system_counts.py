"""Parameters and multiply-accumulates of the systems against their published configurations, to the printed digits."""

from __future__ import annotations

import cross_stitch
import densemtl
import padnet
import padnet_bert
import pdcnet
import pruning_adapter
import pytest
import torch
from padnet_parts import stored_parameters
from pdcnet_parts import PixelDifferenceConv2d
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def giga_macs(module: nn.Module, *inputs: torch.Tensor) -> float:
    with FlopCounterMode(display=False) as counter:
        module.eval()(*inputs)
    return counter.get_total_flops() / 2e9


@pytest.fixture(autouse=True)
def on_meta():
    with torch.device("meta"):
        yield


@pytest.mark.parametrize(
    ("network", "counts"),
    [
        ("resnet18", {0: "11.690", 0.1: "15.114", 0.3: "21.809", 0.5: "28.503", 0.7: "35.198", 1: "45.239"}),
        ("resnet50", {0: "25.557", 0.1: "33.836", 0.3: "47.903", 0.5: "61.970", 0.7: "76.037", 1: "97.138"}),
        ("mobilenet-v2", {0: "3.505", 0.1: "4.744", 0.3: "6.057", 0.5: "7.371", 0.7: "8.684", 1: "10.654"}),
    ],
)
@pytest.mark.parametrize("deployed", [True, False])
def test_padnet_stores_the_tabulated_parameters(network: str, counts: dict[float, str], deployed: bool) -> None:
    for ratio, millions in counts.items():
        if deployed or ratio in (0, 1):
            model = padnet.assemble(network, ratio=ratio, deployed=deployed)
            assert f"{stored_parameters(model) / 1e6:.3f}" == millions


@pytest.mark.parametrize(
    ("experts", "counts"),
    [
        (4, {0.1: "126.8", 0.3: "160.8", 0.5: "194.7", 0.7: "228.7", 1: "279.7"}),
        (8, {0.1: "149.8", 0.3: "229.1", 0.5: "308.4", 0.7: "387.6", 1: "506.5"}),
        (16, {0.1: "195.8", 0.3: "365.7", 0.5: "535.6", 0.7: "705.5", 1: "960.3"}),
    ],
)
def test_padnet_on_bert_stores_the_tabulated_parameters(experts: int, counts: dict[float, str]) -> None:
    for ratio, millions in counts.items():
        model = padnet_bert.assemble(ratio=ratio, experts=experts)
        assert f"{padnet_bert.stored_parameters(model) / 1e6:.1f}" == millions


@pytest.mark.parametrize(
    ("dataset", "tasks", "expected"),
    [
        ("cityscapes", ("semseg", "depth"), 87_399_458),
        ("cityscapes", ("semseg", "depth", "normals"), 111_006_952),
        ("vkitti2", ("semseg", "depth"), 87_399_070),
        ("vkitti2", ("semseg", "depth", "normals"), 111_006_564),
        ("nyud", ("semseg", "depth"), 87_404_114),
        ("nyud", ("semseg", "depth", "normals", "edges"), 135_391_516),
    ],
)
def test_densemtl_has_the_printed_parameters(dataset: str, tasks: tuple[str, ...], expected: int) -> None:
    assert parameters(densemtl.assemble("all", dataset=dataset, tasks=tasks, depth=101, exchange=True)) == expected


@pytest.mark.parametrize(
    ("dataset", "tasks", "total"),
    [("cityscapes", ("semseg", "depth"), 492.1), ("nyud", ("semseg", "depth", "normals", "edges"), 624.8)],
)
def test_densemtl_has_the_tabulated_macs(dataset: str, tasks: tuple[str, ...], total: float) -> None:
    """The table includes the outputs before the exchange, a 1x1 of 128 channels at half size."""
    size = densemtl.DATASETS[dataset]
    model = densemtl.assemble("all", dataset=dataset, tasks=tasks, depth=101, exchange=True)
    early = sum(head.early.weight.numel() for head in model.heads.values()) * size.height * size.width / 4e9
    macs = giga_macs(model, torch.empty(1, 3, size.height, size.width))
    assert f"{macs + early:.1f}" == f"{total}"


@pytest.mark.parametrize(
    ("dataset", "depth", "expected"),
    [("nyud", 101, 101_849_352), ("sunrgbd", 101, 101_848_581), ("nyud", 50, 63_865_096)],
)
def test_pdcnet_skeleton_has_the_reconstructed_parameters(dataset: str, depth: int, expected: int) -> None:
    assert parameters(pdcnet.assemble(dataset=dataset, depth=depth, theta=0.7, large_kernels=False)) == expected


def test_pdcnet_cascades_add_the_tabulated_parameters() -> None:
    model = pdcnet.assemble(dataset="nyud", depth=101, theta=0.7, large_kernels=True)
    found = [parameters(cascade) - parameters(cascade.norm) for cascade in model.large_kernels]
    assert found == [84_480, 300_032, 1_124_352, 4_345_856]


def test_pdcnet_skeleton_has_the_reconstructed_macs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Differences folded into plain convolutions, as they are deployed."""
    monkeypatch.setattr(PixelDifferenceConv2d, "forward", nn.Conv2d.forward)
    model = pdcnet.assemble(dataset="nyud", depth=101, theta=0.7, large_kernels=False)
    images = torch.empty(1, 3, 480, 640)
    assert f"{giga_macs(model, images, images):.2f}" == "164.67"


@pytest.mark.parametrize(
    ("task", "adapters"),
    [
        ("cola", 257_280),
        ("mnli", 273_408),
        ("mrpc", 255_744),
        ("qnli", 253_440),
        ("qqp", 285_696),
        ("rte", 270_336),
        ("sst2", 287_232),
        ("stsb", 285_696),
        ("wnli", 254_976),
    ],
)
def test_pruning_adapter_has_the_tabulated_parameters(task: str, adapters: int) -> None:
    base = pruning_adapter.assemble(task, form="base", ranks="released")
    pruned = pruning_adapter.assemble(task, form="merged", ranks="released")
    beside = pruning_adapter.assemble(task, form="adapted", ranks="released")
    assert sum(pruning_adapter.TASKS[task].kept) == 101
    assert parameters(base) == {"mnli": 109_484_547, "stsb": 109_483_009}.get(task, 109_483_778)
    assert parameters(base) - parameters(pruned) == 8_462_400
    assert sum(p.numel() for name, p in beside.named_parameters() if "lora_" in name) == adapters


@pytest.mark.parametrize(("form", "expected"), [("base", "11.174"), ("merged", "10.001")])
def test_pruning_adapter_has_the_tabulated_macs(form: str, expected: str) -> None:
    """Encoder alone at 128 tokens, adapters merged."""
    encoder = pruning_adapter.assemble("cola", form=form, ranks="released").bert.encoder
    mask = torch.ones(1, 1, 1, 128, dtype=torch.bool)
    assert f"{giga_macs(encoder, torch.empty(1, 128, 768), mask):.3f}" == expected


def test_cross_stitch_adds_a_share_of_every_pair_and_channel() -> None:
    """Two ResNet-50 of 23,508,032, heads of 16,125,440 and their last layers, and 4 x (256 + 512 + 1024 + 2048)."""
    model = cross_stitch.assemble("all", tasks=("semseg", "depth"), depth=50)
    assert parameters(model.stitches) == 15_360
    assert parameters(model) == 2 * (23_508_032 + 16_125_440) + 257 * (40 + 1) + 15_360

"""Parameters and multiply-accumulates of M3ViT against its published configuration, to the printed digits."""

from __future__ import annotations

from collections import Counter

import m3vit
import pytest
import torch
from m3vit_parts import Attention, MoE
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

FORMS = {"K4": (4, 1), "K2": (2, 2)}


def assemble(
    backbone: str, dataset: str, form: str = "", task: str = "semseg", *, gating: str = "multi"
) -> m3vit.M3ViT:
    """The network without numbers; `form` is '' for the dense one."""
    top_k, hidden_ratio = FORMS.get(form, (2, 2))
    with torch.device("meta"):
        return m3vit.assemble(
            task,
            backbone=backbone,
            dataset=dataset,
            moe=bool(form),
            top_k=top_k,
            hidden_ratio=hidden_ratio,
            gating=gating,
        )


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(model: m3vit.M3ViT, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Multiply-accumulates by part, from the shapes that pass through each module during a forward pass."""
    macs: Counter[str] = Counter()
    names = {module: name for name, module in model.named_modules()}

    def part(module: nn.Module) -> str:
        name = names[module]
        kinds = {"patch_embed": "patch embed", "qkv": "projections", "proj": "projections"}
        return "decoder" if name.startswith("decoder") else kinds.get(name.split(".")[-1], "dense MLP")

    def linear(module: nn.Linear, args: tuple[torch.Tensor], _: torch.Tensor) -> None:
        macs[part(module)] += args[0].numel() * module.out_features

    def convolution(module: nn.Conv2d, _: tuple[torch.Tensor], output: torch.Tensor) -> None:
        macs[part(module)] += output.numel() * module.weight[0].numel()

    def attention(module: Attention, args: tuple[torch.Tensor], _: torch.Tensor) -> None:
        batch, tokens, width = args[0].shape
        head = width // module.heads
        macs["attention"] += 2 * batch * module.heads * tokens * tokens * head

    def mixture(module: MoE, args: tuple[torch.Tensor], _: torch.Tensor) -> None:
        tokens = args[0].numel() // args[0].shape[-1]
        macs["gates"] += tokens * module.gates[module.task].weight.numel()
        macs["experts"] += tokens * module.top_k * (module.w1[0].numel() + module.w2[0].numel())

    # Without numbers a gate cannot choose; the hooks count the layer from its shapes instead.
    monkeypatch.setattr(MoE, "forward", lambda _, x: x)
    hooks = {nn.Linear: linear, nn.Conv2d: convolution, Attention: attention, MoE: mixture}
    for module in model.modules():
        if type(module) in hooks:
            module.register_forward_hook(hooks[type(module)])
    height, width = (16 * patches for patches in model.decoder.grid)
    model.eval()(torch.empty(1, 3, height, width, device="meta"))
    return macs


def giga(macs: int) -> str:
    return f"{macs / 1e9:.3f}"


@pytest.mark.parametrize(
    ("backbone", "dataset", "dense", "k4", "k2"),
    [
        ("tiny", "cityscapes", "5.511", "10.887", "17.984"),
        ("small", "nyud", "22.050", "43.420", "71.768"),
        ("small", "pascal", "21.983", "43.463", "71.811"),
        ("base", "nyud", "86.568", "171.775", "285.095"),
    ],
)
def test_encoder_has_the_tabulated_parameters(backbone: str, dataset: str, dense: str, k4: str, k2: str) -> None:
    counts = [parameters(assemble(backbone, dataset, form).encoder) for form in ("", "K4", "K2")]
    assert [f"{count / 1e6:.3f}" for count in counts] == [dense, k4, k2]


@pytest.mark.parametrize(
    ("backbone", "k4", "k2", "gate"),
    [
        ("tiny", 74_112, 148_032, 3_072),
        ("small", 295_680, 590_976, 6_144),
        ("base", 1_181_184, 2_361_600, 12_288),
    ],
)
def test_one_expert_and_one_gate_have_the_tabulated_parameters(backbone: str, k4: int, k2: int, gate: int) -> None:
    for form, expert in (("K4", k4), ("K2", k2)):
        moe = assemble(backbone, "cityscapes", form).encoder.blocks[1].moe
        assert sum(p[0].numel() for p in (moe.w1, moe.b1, moe.w2, moe.b2)) == expert
        assert moe.w1.shape[0] == 16
        assert [parameters(one) for one in moe.gates.values()] == [gate, gate]


@pytest.mark.parametrize(("dataset", "tasks"), [("nyud", 2), ("pascal", 5)])
def test_routers_differ_by_their_gates_alone(dataset: str, tasks: int) -> None:
    """One gate a task and layer; one a layer; one a layer that sees 64 values more, and the layers that make these."""
    multi, single, conditioned = (
        parameters(assemble("small", dataset, "K4", gating=gating).encoder)
        for gating in ("multi", "single", "conditioned")
    )
    assert multi - single == 6 * (tasks - 1) * 6_144
    assert conditioned - single == 6 * 64 * 16 + (64 * tasks + 64) + (64 * 64 + 64) + 2 * 64


def test_published_memory_of_the_small_models_follows_from_the_counts() -> None:
    """Two bytes per parameter of ViT-small at 224 with a 1000-way head: 42.058 MiB; with experts 82.747."""
    dense = assemble("small", "nyud").encoder
    positions_at_224, final_norm, head = (1 + 14 * 14) * 384, 2 * 384, 384 * 1000 + 1000
    stock = parameters(dense) - dense.position.numel() + positions_at_224 + final_norm + head
    moe = assemble("small", "nyud", "K4").encoder
    idle_gates = 6 * 6_144
    mixture = stock + parameters(moe) - parameters(dense) - idle_gates
    assert [f"{2 * count / 2**20:.3f}" for count in (stock, mixture)] == ["42.058", "82.747"]


@pytest.mark.parametrize(("backbone", "millions"), [("tiny", "2.216"), ("small", "2.658"), ("base", "3.544")])
def test_decoder_has_the_tabulated_parameters_and_257_more_for_each_channel(backbone: str, millions: str) -> None:
    depth = parameters(assemble(backbone, "nyud", "K2", task="depth").decoder)
    semseg = parameters(assemble(backbone, "nyud", "K2", task="semseg").decoder)
    assert f"{depth / 1e6:.3f}" == millions
    assert semseg == depth + 257 * 39


@pytest.mark.parametrize(
    ("backbone", "dataset", "form", "row"),
    [
        ("tiny", "cityscapes", "K2", "0.228 0.077 0.228 0.228 0.002 0.019 0.783 0.780 6.413 7.20 7.19"),
        ("small", "pascal", "K4", "7.255 9.683 7.255 7.255 0.038 0.302 31.787 31.749 51.993 83.78 83.74"),
        ("small", "nyud", "K4", "8.501 13.293 8.501 8.501 0.044 0.354 39.193 39.149 61.302 100.50 100.45"),
        (
            "base",
            "nyud",
            "K4",
            "34.002 26.586 34.002 34.002 0.089 0.708 129.389 129.301 62.364 191.75 191.66",
        ),
    ],
)
def test_macs_equal_the_table(
    backbone: str, dataset: str, form: str, row: str, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 10^9: six parts, encoder with experts and dense, decoder, their sum with experts and dense."""
    macs = count_macs(assemble(backbone, dataset, form), monkeypatch)
    dense = count_macs(assemble(backbone, dataset), monkeypatch)
    parts = ("projections", "attention", "dense MLP", "experts", "gates", "patch embed")
    found = [
        *(giga(macs[part]) for part in parts),
        giga(macs.total() - macs["decoder"]),
        giga(dense.total() - dense["decoder"]),
        giga(macs["decoder"]),
        f"{macs.total() / 1e9:.2f}",
        f"{dense.total() / 1e9:.2f}",
    ]
    assert found == row.split()


def test_macs_counted_from_shapes_are_those_torch_counts_in_a_real_run(
    tiny: dict[str, m3vit.M3ViT], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but attention, which torch does not count on a CPU; with the experts the tokens really took."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        tiny["semseg"](*m3vit.example(0))
    macs = count_macs(assemble("tiny", "cityscapes", "K2"), monkeypatch)
    assert counter.get_total_flops() == 2 * (macs.total() - macs["attention"])

"""What `build` gives: shapes, healthy numbers, the same bytes every time, and something that trains."""

from __future__ import annotations

import m3vit
import pytest
import seeded_weights
import torch
from m3vit_parts import MoE
from torch.nn import functional as F

pytestmark = pytest.mark.slow

CHANNELS = {"semseg": 7, "depth": 1}


def run_with_routes(model: m3vit.M3ViT, image: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The output, and for each MoE layer the experts of each token."""
    routes: list[torch.Tensor] = []

    def note(layer: MoE, args: tuple[torch.Tensor], _: torch.Tensor) -> None:
        routes.append(layer.route(args[0].flatten(0, 1))[0])

    hooks = [module.register_forward_hook(note) for module in model.modules() if isinstance(module, MoE)]
    with torch.no_grad():
        output = model(image)
    for hook in hooks:
        hook.remove()
    return output, routes


def assert_healthy(output: torch.Tensor, routes: list[torch.Tensor]) -> None:
    assert torch.isfinite(output).all()
    assert 0.1 < output.std().item() < 10
    assert len(routes) == 6
    assert all(len(ids.unique()) >= 8 for ids in routes)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("task", ["semseg", "depth"])
def test_tiny_output_has_its_shape_and_spread_and_uses_most_experts(
    task: str, seed: int, tiny: dict[str, m3vit.M3ViT]
) -> None:
    output, routes = run_with_routes(tiny[task], *m3vit.example(seed))
    assert output.shape == (1, CHANNELS[task], 128, 256)
    assert all(ids.shape == (129, 2) for ids in routes)
    assert_healthy(output, routes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "task"),
    [(dataset, task) for dataset in ("nyud", "pascal") for task in m3vit.DATASETS[dataset].channels],
)
def test_small_output_has_its_shape_and_spread_and_uses_most_experts(dataset: str, task: str) -> None:
    model, (image,) = m3vit.build(task, backbone="small", dataset=dataset, top_k=4, hidden_ratio=1)
    data = m3vit.DATASETS[dataset]
    output, routes = run_with_routes(model, image)
    assert output.shape == (1, data.channels[task], data.height, data.width)
    assert_healthy(output, routes)


@pytest.mark.parametrize("task", ["semseg", "depth"])
def test_two_images_give_clearly_different_outputs(task: str, tiny: dict[str, m3vit.M3ViT]) -> None:
    with torch.no_grad():
        first, second = (tiny[task](*m3vit.example(seed)) for seed in (0, 1))
    assert (first - second).std() > 0.25 * second.std()


def test_float32_output_is_near_that_of_float64(tiny: dict[str, m3vit.M3ViT]) -> None:
    """So that routing and outputs are well conditioned, and a difference between engines means something."""
    image, (precise, _) = m3vit.example(0)[0], m3vit.build("semseg")
    with torch.no_grad():
        single, double = tiny["semseg"](image).double(), precise.double()(image.double())
    assert (single - double).abs().max() < 1e-5 * double.abs().max()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tiny: dict[str, m3vit.M3ViT]) -> None:
    model, (image,) = m3vit.build("semseg")
    first = tiny["semseg"].state_dict()
    assert all(torch.equal(first[name], value) for name, value in model.state_dict().items())
    assert torch.equal(image, *m3vit.example(0))

    other, (other_image,) = m3vit.build("semseg", seed=1)
    changed = {n for n, value in other.state_dict().items() if not torch.equal(first[n], value)}
    assert changed == {name for name in first if not name.endswith("num_batches_tracked")}
    assert not torch.equal(image, other_image)


def test_a_tensor_depends_on_its_name_and_seed_only() -> None:
    """Drawn alone it is the same as in a model, and what it was when this was written."""
    alone = seeded_weights.draw("encoder.blocks.11.attn.proj.bias", (192,), seed=0)
    assert torch.equal(alone, m3vit.build("depth")[0].encoder.blocks[11].attn.proj.bias)
    assert alone[:3].tolist() == pytest.approx([-0.29877943, -0.03880592, 0.11548307], rel=1e-6)


def test_tasks_share_the_encoder_and_differ_in_the_gate_used_and_the_decoder(
    tiny: dict[str, m3vit.M3ViT],
) -> None:
    semseg, depth = tiny["semseg"].state_dict(), tiny["depth"].state_dict()
    assert all(torch.equal(depth[name], value) for name, value in semseg.items() if name.startswith("encoder"))
    assert not torch.equal(semseg["decoder.stages.0.conv.weight"], depth["decoder.stages.0.conv.weight"])
    image = m3vit.example(0)[0]
    routes = [run_with_routes(tiny[task], image)[1] for task in ("semseg", "depth")]
    assert all((a != b).any(-1).float().mean() > 0.5 for a, b in zip(*routes, strict=True))


def test_nothing_is_degenerate(tiny: dict[str, m3vit.M3ViT]) -> None:
    model, _ = m3vit.build("normals", backbone="tiny", dataset="pascal")
    for network in (tiny["semseg"], model):
        for name, value in network.state_dict().items():
            if not name.endswith("num_batches_tracked") and value.numel() > 1:
                assert value.std() > 1e-3, name
                some = value.flatten()[:4096]
                assert some.unique().numel() > 0.9 * some.numel(), name
    assert abs(model.decoder.head.weight.mean()) < 0.1, "a task called 'normals' has no norm for a head"


def test_a_parameter_without_a_rule_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no rule .* 'encoder\.blocks\.0\.scale'"):
        seeded_weights.draw("encoder.blocks.0.scale", (3,), seed=0)


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("edge", {}, "'edge' is not a task of cityscapes; there are semseg, depth"),
        ("semseg", {"backbone": "huge"}, "'huge' is not a backbone; there are tiny, small, base"),
        ("semseg", {"dataset": "kitti"}, "'kitti' is not a dataset"),
        ("semseg", {"top_k": 17}, r"top_k must be in 1\.\.16"),
    ],
)
def test_an_unknown_choice_is_an_error_that_lists_the_choices(
    task: str, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        m3vit.build(task, **arguments)


def test_dense_baseline_has_an_mlp_in_every_block_and_no_gate() -> None:
    model, (image,) = m3vit.build("depth", moe=False)
    assert not any(isinstance(module, MoE) for module in model.modules())
    with torch.no_grad():
        output = model(image)
    assert output.shape == (1, 1, 128, 256)
    assert 0.1 < output.std().item() < 10


def test_a_training_step_reaches_every_part_and_lowers_the_loss() -> None:
    model, (image,) = m3vit.build("semseg")
    model.train()
    target = torch.randint(7, (1, 128, 256), generator=torch.Generator().manual_seed(0))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9)
    before = F.cross_entropy(model(image), target)
    before.backward()
    without = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert without == {f"encoder.blocks.{block}.moe.gates.depth.weight" for block in (1, 3, 5, 7, 9, 11)}
    optimiser.step()
    with torch.no_grad():
        assert F.cross_entropy(model(image), target) < before

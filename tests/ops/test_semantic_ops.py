"""Mixed kernels, pixel differences, adapted layers, exchange of tasks: their definitions, their forms, their work."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.ir import FrozenMap, LoopNest, Node, Tensor
from accelsim.ir.dtype import BOOL, INT64
from accelsim.ir.graph import AttrValue
from accelsim.ops.pixel_difference import folded_kernel
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import WorkInput
from tests.contracts.case import Array, Case, floats, whole
from tests.contracts.semantic_cases import SEMANTIC_CASES

SAME: dict[str, AttrValue] = {"padding": (1, 1, 1, 1)}


def nests_of(op: str, types: tuple[Tensor | None, ...], attrs: dict[str, AttrValue]) -> dict[str, LoopNest]:
    """Loop nests of a node of which only shapes exist."""
    spec = op_spec(op)
    bound = spec.bind("node", attrs)
    names = tuple("" if tensor is None else f"in{i}" for i, tensor in enumerate(types))
    made = spec.infer(types, bound)
    node = Node("node", op, names, tuple(f"out{i}" for i in range(len(made))), FrozenMap(bound))
    return {nest.name: nest for nest in spec.work(WorkInput(node, types, made, frozenset(names[1:])))}


def branch(channels: int, kernels: int = 4) -> tuple[Array, ...]:
    return floats(2, channels, seed=11), floats(kernels, 2, seed=12), floats(kernels, seed=13)


def dynamic(*operands: Array | None, **attrs: AttrValue) -> tuple[Array, ...]:
    return Case("dynamic_conv2d", operands, {}, {**SAME, **attrs}).reference()


def plain(x: Array, w: Array, **attrs: AttrValue) -> Array:
    return Case("conv2d", (x, w), {}, {**SAME, **attrs}).reference()[0]


def test_each_sample_is_convolved_with_its_own_mixture_of_kernels() -> None:
    x, kernels, weights = floats(3, 4, 5, 5), floats(4, 6, 4, 3, 3), branch(4)
    y, shares = dynamic(x, kernels, *weights)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert np.abs(shares[0] - shares[1]).max() > 0.01
    for sample in range(3):
        mixed = sum(share * kernel for share, kernel in zip(shares[sample], kernels, strict=True))
        np.testing.assert_allclose(y[sample], plain(x[sample : sample + 1], mixed)[0], rtol=1e-4, atol=1e-5)


def test_shares_are_a_softmax_of_two_layers_over_the_pooled_image_at_a_temperature() -> None:
    x, (fc1, fc2, bias) = floats(1, 4, 5, 5), branch(4)
    logits = fc2 @ np.maximum(fc1 @ x.mean(axis=(2, 3))[0], 0) + bias
    for temperature in (1.0, 30.0):
        _, shares = dynamic(x, floats(4, 6, 4, 3, 3), fc1, fc2, bias, temperature=temperature)
        powers = np.exp(logits / temperature)
        np.testing.assert_allclose(shares[0], powers / powers.sum(), rtol=1e-5)


def test_equal_kernels_make_a_plain_convolution() -> None:
    x, kernel = floats(2, 4, 5, 5), floats(6, 4, 3, 3)
    y, _ = dynamic(x, np.stack([kernel] * 4), *branch(4))
    np.testing.assert_allclose(y, plain(x, kernel), rtol=1e-4, atol=1e-5)


def test_the_deployed_form_computes_what_the_trained_one_does_from_fewer_values() -> None:
    x, kernels, static = floats(2, 4, 5, 5), floats(4, 6, 4, 3, 3), floats(6, 4, 3, 3)
    mask = np.random.default_rng(1).random(static.shape) < 0.2
    positions = np.flatnonzero(mask)
    trained = dynamic(x, kernels, *branch(4), static, mask)
    deployed = dynamic(x, kernels.reshape(4, -1)[:, positions], *branch(4), static, None, positions)
    for one, other in zip(trained, deployed, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_position_outside_of_the_kernel_is_an_error_that_names_it() -> None:
    operands = (floats(1, 4, 5, 5), floats(4, 1), *branch(4), floats(6, 4, 3, 3), None, whole(216))
    with pytest.raises(InputError, match="dynamic_conv2d: positions holds 216, outside of 0 to 215"):
        dynamic(*operands)


@pytest.mark.parametrize("kappa", [0.1, 0.3])
def test_work_of_a_layer_of_resnet18_is_the_published_count(kappa: float) -> None:
    """3x3 256->256 on 14x14: 115.61 M of convolution, 2.359 M kappa of aggregation, 4160 of attention."""
    positions = round(kappa * 256 * 256 * 9)
    types = (
        *(Tensor((1, 256, 14, 14)), Tensor((4, positions)), Tensor((16, 256)), Tensor((4, 16)), Tensor((4,))),
        *(Tensor((256, 256, 3, 3)), None, Tensor((positions,), INT64)),
    )
    nests = nests_of("dynamic_conv2d", types, SAME)
    assert nests["main"].macs == 115_605_504
    assert nests["aggregate"].macs == 4 * positions
    assert nests["fc1"].macs + nests["fc2"].macs == 4160
    (values,) = (o for o in nests["aggregate"].operands if o.role == "kernels")
    (static,) = (o for o in nests["place"].operands if o.role == "static_w")
    # stored: the static kernel once, the dynamic share K times
    assert (values.elements, static.elements) == (4 * positions, 589_824)


def test_the_kernel_of_every_sample_is_read_by_its_convolution() -> None:
    types = (*(Tensor((5, 8, 6, 6)), Tensor((4, 8, 8, 3, 3)), Tensor((1, 8)), Tensor((4, 1)), Tensor((4,))),)
    nests = nests_of("dynamic_conv2d", types, SAME)
    (kernel,) = (o for o in nests["main"].operands if o.role == "kernel")
    assert kernel.elements == 5 * 8 * 8 * 9
    assert "batch" in kernel.dims
    assert "place" not in nests
    masked = (*types, Tensor((8, 8, 3, 3)), Tensor((8, 8, 3, 3), BOOL))
    assert nests_of("dynamic_conv2d", masked, SAME)["place"].points == 5 * 8 * 8 * 9


@pytest.mark.parametrize("theta", [0.0, 0.3, 1.0])
def test_pixel_differences_are_sums_of_weighted_differences_and_values(theta: float) -> None:
    x, w = floats(1, 2, 4, 5), floats(3, 2, 3, 3)
    (y,) = Case("pixel_difference_conv2d", (x, w), {}, {**SAME, "theta": theta}).reference()
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1))).astype(np.float64)
    for output in range(3):
        for row in range(4):
            for column in range(5):
                window = padded[:, row : row + 3, column : column + 3]
                centre = padded[:, row + 1, column + 1][:, None, None]
                mixed = theta * (window - centre) + (1 - theta) * window
                np.testing.assert_allclose(y[0, output, row, column], (w[output] * mixed).sum(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", [c for c in SEMANTIC_CASES if c.op == "pixel_difference_conv2d"], ids=str)
def test_a_folded_kernel_gives_the_same_by_a_plain_convolution(case: Case) -> None:
    x, w, *bias = case.arrays
    assert w is not None
    theta = case.attrs["theta"]
    assert isinstance(theta, float)
    attrs = {key: value for key, value in case.attrs.items() if key != "theta"}
    folded = Case("conv2d", (x, folded_kernel(w, theta), *bias), {}, attrs)
    np.testing.assert_allclose(folded.reference()[0], case.reference()[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(folded_kernel(w, theta).sum((2, 3)), (1 - theta) * w.sum((2, 3)), atol=1e-5)


def test_a_pixel_difference_of_a_constant_image_is_zero_away_from_its_border() -> None:
    x = np.full((1, 2, 6, 6), 3, np.float32)
    (y,) = Case("pixel_difference_conv2d", (x, floats(3, 2, 3, 3)), {}, {**SAME, "theta": 1.0}).reference()
    np.testing.assert_allclose(y[:, :, 1:-1, 1:-1], 0, atol=1e-5)
    assert np.abs(y).max() > 1


def test_an_adapter_adds_its_scaled_low_rank_product_to_the_rows_that_are_kept() -> None:
    x, w, a, up, b = floats(3, 5), floats(6, 5), floats(2, 5, seed=2), floats(4, 2, seed=3), floats(6)
    attrs: dict[str, AttrValue] = {"block": 2, "scale": 0.25}
    (y,) = Case("adapted_linear", (x, w, a, up, b, whole(2, 0)), {}, attrs).reference()
    rows = [4, 5, 0, 1]
    np.testing.assert_allclose(y, x @ (w[rows] + 0.25 * up @ a).T + b[rows], rtol=1e-4, atol=1e-5)


def test_work_of_pruned_and_adapted_bert_layers_is_the_published_count() -> None:
    """7 of 12 heads of 64 of 768, rank 8, for 128 tokens: 768 x 448 a token and 8 (768 + 448) for the adapter."""
    types = (
        *(Tensor((1, 128, 768)), Tensor((768, 768)), Tensor((8, 768)), Tensor((448, 8)), Tensor((768,))),
        Tensor((7,), INT64),
    )
    nests = nests_of("adapted_linear", types, {"block": 64, "scale": 1 / 8})
    assert nests["main"].macs == 128 * 768 * 448
    assert nests["down"].macs + nests["up"].macs == 128 * 8 * (768 + 448)
    (w,) = (o for o in nests["main"].operands if o.role == "w")
    assert (w.elements, w.indirect) == (768 * 448, True)


def test_a_block_that_is_not_there_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match="adapted_linear: kept_rows holds 3, outside of 0 to 2"):
        Case("adapted_linear", (floats(2, 5), floats(6, 5), None, None, None, whole(3)), {}, {"block": 2}).reference()


def _densemtl(height: int, width: int, channels: int = 128) -> tuple[Tensor, ...]:
    half = channels // 2
    square, vector = Tensor((channels, channels, 1, 1)), Tensor((channels,))
    return (
        *(Tensor((1, channels, height, width)),) * 2,
        *(Tensor((channels, channels, 3, 3)), vector, *(square, vector) * 3),
        *(Tensor((channels, channels + half, 1, 1)), vector, *(Tensor((half, channels, 3, 3)),) * 2, vector),
    )


def test_work_of_an_exchange_of_densemtl_is_the_published_count() -> None:
    """Half resolution of 512 x 1024 pixels, 128 channels, s = 4: 59.4 GMAC a pair, 17.18 in the attention."""
    nests = nests_of("cross_task_attention", _densemtl(256, 512), {"downsample": 4})
    assert nests["scores"].macs + nests["context"].macs == 2 * 8192**2 * 128
    assert nests["softmax"].points == 8192**2
    assert nests["extract"].macs == 131_072 * 128 * 128 * 9
    assert nests["self"].macs == nests["self_gate"].macs == nests["extract"].macs // 2
    assert nests["project"].macs == 131_072 * 192 * 128
    assert abs(sum(nest.macs for nest in nests.values()) - 59.4e9) < 0.1e9


def test_an_exchange_reads_the_pixels_of_the_target_that_it_samples() -> None:
    nests = nests_of("cross_task_attention", _densemtl(32, 64), {"downsample": 4})
    (target,) = (o for o in nests["q"].operands if o.role == "target")
    assert target.elements == 128 * 32 * 64 // 16


def test_a_source_moves_the_result_only_through_its_features() -> None:
    """With an extractor of zeros the source does not matter; with another one it does."""
    case = next(c for c in SEMANTIC_CASES if c.op == "cross_task_attention")
    first, second = case.arrays[1], floats(*np.shape(case.arrays[1]), seed=99)
    silent = np.zeros_like(case.arrays[2])

    def y(source: Array | None, extract: Array | None) -> Array:
        arrays = (case.arrays[0], source, extract, *case.arrays[3:])
        return replace(case, arrays=arrays).reference()[0]

    np.testing.assert_array_equal(y(first, silent), y(second, silent))
    assert np.abs(y(first, case.arrays[2]) - y(second, case.arrays[2])).max() > 0.1


def test_an_exchange_of_equal_keys_gives_the_mean_of_the_values() -> None:
    case = next(c for c in SEMANTIC_CASES if c.label == "attention-alone")
    arrays = list(case.arrays)
    arrays[6] = np.zeros_like(arrays[6])
    arrays[7] = np.ones_like(arrays[7])
    (y,) = replace(case, arrays=tuple(arrays)).reference()
    assert math.isclose(float(np.ptp(y, axis=(2, 3)).max()), 0, abs_tol=1e-5)

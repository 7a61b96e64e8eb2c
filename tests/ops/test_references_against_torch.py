"""The definitions agree with PyTorch's where PyTorch has the op."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from accelsim.ir.graph import AttrValue
from accelsim.ops.registry import op_spec
from tests.contracts.case import Array, floats

TOLERANCE = 2e-6


def reference(op: str, *arrays: Array | None, **attrs: AttrValue) -> tuple[Array, ...]:
    spec = op_spec(op)
    return spec.reference(arrays, spec.bind("sample", attrs))


def assert_close(ours: Array, theirs: torch.Tensor) -> None:
    expected = theirs.numpy()
    assert ours.shape == expected.shape
    assert ours.dtype == expected.dtype
    assert np.max(np.abs(ours - expected)) <= TOLERANCE * max(1.0, float(np.max(np.abs(expected))))


def tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(array)


def tensors(*arrays: Array) -> tuple[torch.Tensor, ...]:
    return tuple(tensor(array) for array in arrays)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 2, 0, 3)])
def test_conv2d(
    groups: int, stride: tuple[int, int], dilation: tuple[int, int], padding: tuple[int, int, int, int]
) -> None:
    x, w, b = floats(2, 4, 9, 8), floats(6, 4 // groups, 3, 2), floats(6)
    top, left, bottom, right = padding
    image, kernel, bias = tensors(x, w, b)
    padded = functional.pad(image, (left, right, top, bottom))
    expected = functional.conv2d(padded, kernel, bias, stride, 0, dilation, groups)
    (y,) = reference("conv2d", x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
    assert_close(y, expected)


def test_linear_with_and_without_a_bias() -> None:
    x, w, b = floats(2, 3, 5), floats(4, 5), floats(4)
    assert_close(reference("linear", x, w, b)[0], functional.linear(*tensors(x, w, b)))
    assert_close(reference("linear", x, w)[0], functional.linear(*tensors(x, w)))


@pytest.mark.parametrize(
    ("a", "b"),
    [((2, 3, 4), (2, 4, 5)), ((3, 4), (2, 1, 4, 5)), ((4,), (2, 4, 5)), ((2, 3, 4), (4,)), ((4,), (4,))],
    ids=str,
)
def test_matmul(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    assert_close(
        np.asarray(reference("matmul", floats(*a), floats(*b))[0]),
        torch.matmul(*tensors(floats(*a), floats(*b))),
    )


@pytest.mark.parametrize("axes", [1, 2])
def test_layer_norm(axes: int) -> None:
    x = floats(3, 4, 6) * 3 + 1
    shape = x.shape[-axes:]
    w, b = floats(*shape, seed=2), floats(*shape, seed=3)
    expected = functional.layer_norm(tensor(x), shape, tensor(w), tensor(b), eps=1e-6)
    assert_close(reference("layer_norm", x, w, b, axes=axes, epsilon=1e-6)[0], expected)
    bare = functional.layer_norm(tensor(x), shape)
    assert_close(reference("layer_norm", x, None, None, axes=axes)[0], bare)


def test_the_epsilon_of_layer_norm_is_inside_the_root() -> None:
    x = floats(2, 8) * 1e-2
    expected = functional.layer_norm(tensor(x), (8,), eps=1e-2)
    assert_close(reference("layer_norm", x, epsilon=1e-2)[0], expected)


def test_batch_norm() -> None:
    x, w, b, mean = floats(2, 3, 4, 5), floats(3), floats(3, seed=2), floats(3, seed=3)
    var = np.abs(floats(3, seed=4)) + 0.5
    image, weight, bias, running_mean, running_var = tensors(x, w, b, mean, var)
    expected = functional.batch_norm(image, running_mean, running_var, weight, bias, eps=1e-3)
    assert_close(reference("batch_norm", x, w, b, mean, var, epsilon=1e-3)[0], expected)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate: str) -> None:
    x = np.linspace(-8, 8, 1001, dtype=np.float32)
    expected = functional.gelu(tensor(x), approximate=approximate)
    assert_close(reference("gelu", x, approximate=approximate)[0], expected)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_is_exact_in_double_precision(approximate: str) -> None:
    x = np.linspace(-4, 4, 101)
    expected = functional.gelu(tensor(x), approximate=approximate).numpy()
    np.testing.assert_allclose(reference("gelu", x, approximate=approximate)[0], expected, rtol=0, atol=1e-14)


def test_relu() -> None:
    assert_close(reference("relu", floats(40))[0], functional.relu(tensor(floats(40))))


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax(axis: int) -> None:
    x = floats(3, 4, 5) * 20
    assert_close(reference("softmax", x, axis=axis)[0], functional.softmax(tensor(x), dim=axis))


def test_softmax_of_large_values_does_not_overflow() -> None:
    x = np.array([1e4, 1e4 - 1, -1e4], np.float32)
    assert_close(reference("softmax", x)[0], functional.softmax(tensor(x), dim=0))


def test_attention() -> None:
    q, k, v = floats(2, 3, 4, 8), floats(2, 3, 6, 8, seed=2), floats(2, 3, 6, 5, seed=3)
    expected = functional.scaled_dot_product_attention(tensor(q), tensor(k), tensor(v), scale=0.35)
    assert_close(reference("attention", q, k, v, scale=0.35)[0], expected)


RESIZES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bilinear-half-pixel": ("bilinear", "half_pixel", {"mode": "bilinear", "align_corners": False}),
    "bilinear-align-corners": ("bilinear", "align_corners", {"mode": "bilinear", "align_corners": True}),
    "nearest-asymmetric": ("nearest", "asymmetric", {"mode": "nearest"}),
    "nearest-half-pixel": ("nearest", "half_pixel", {"mode": "nearest-exact"}),
}


@pytest.mark.parametrize("size", [(10, 14), (5, 7), (3, 2), (8, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("kind", RESIZES)
def test_resize(kind: str, size: tuple[int, int]) -> None:
    mode, coordinates, options = RESIZES[kind]
    x = floats(2, 3, 5, 7)
    expected = functional.interpolate(tensor(x), size=size, **options)
    assert_close(reference("resize", x, size=size, mode=mode, coordinates=coordinates)[0], expected)


@pytest.mark.parametrize("axis", [-1, 0])
def test_top_k_without_ties(axis: int) -> None:
    x = np.random.default_rng(5).permutation(60).reshape(6, 10).astype(np.float32)
    values, indices = reference("top_k", x, k=4, axis=axis)
    expected = torch.topk(tensor(x), 4, dim=axis)
    assert_close(values, expected.values)
    assert np.array_equal(indices, expected.indices.numpy())


def test_argsort_is_that_of_a_stable_sort() -> None:
    x = np.random.default_rng(5).integers(0, 4, (3, 20))
    expected = torch.argsort(tensor(x), dim=1, stable=True)
    assert np.array_equal(reference("argsort", x, axis=1)[0], expected.numpy())


def test_scatter_add_is_index_add() -> None:
    indices, updates = np.array([2, 0, 2, 4], np.int64), floats(4, 3)
    expected = torch.zeros(5, 3).index_add(0, *tensors(indices, updates))
    assert_close(reference("scatter_add", indices, updates, rows=5)[0], expected)


PAIRS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
}


@pytest.mark.parametrize("op", PAIRS)
def test_elementwise_ops_broadcast(op: str) -> None:
    a, b = floats(2, 1, 4), floats(3, 1, seed=2)
    assert_close(reference(op, a, b)[0], PAIRS[op](*tensors(a, b)))


def test_division_of_integers_rounds_down() -> None:
    a, b = np.array([7, -7, 6], np.int64), np.array([2], np.int64)
    expected = torch.div(tensor(a), tensor(b), rounding_mode="floor")
    assert_close(reference("div", a, b)[0], expected)


def test_division_by_zero_of_reals_gives_infinity_and_nan() -> None:
    a, b = np.array([1, -1, 0], np.float32), np.zeros(1, np.float32)
    np.testing.assert_array_equal(reference("div", a, b)[0], torch.div(*tensors(a, b)).numpy())

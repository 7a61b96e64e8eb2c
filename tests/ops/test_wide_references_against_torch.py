"""Pooling, transposed convolution, norms, attention and resizing agree with PyTorch's over their options."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from accelsim.errors import InputError
from accelsim.ir.graph import AttrValue
from accelsim.ops.registry import op_spec
from accelsim.ops.resize import line_of, nearest_indices, source_positions
from tests.contracts.case import Array, Case, floats, whole

TOLERANCE = 2e-6


def reference(op: str, *arrays: Array | None, **attrs: AttrValue) -> Array:
    spec = op_spec(op)
    (y,) = spec.reference(arrays, spec.bind("sample", attrs))
    return y


def assert_close(ours: Array, theirs: torch.Tensor) -> None:
    expected = theirs.numpy()
    assert ours.shape == expected.shape
    assert ours.dtype == expected.dtype
    assert np.max(np.abs(ours - expected)) <= TOLERANCE * max(1.0, float(np.max(np.abs(expected))))


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
@pytest.mark.parametrize("stride", [(1, 1), (3, 2), (2, 3)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 0), (1, 1)])
def test_max_pool2d(
    ceil_mode: bool, dilation: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> None:
    x = floats(2, 3, 9, 8)
    options = {"stride": stride, "dilation": dilation, "ceil_mode": ceil_mode}
    expected = functional.max_pool2d(torch.from_numpy(x), (3, 2), padding=padding, **options)
    assert_close(reference("max_pool2d", x, kernel=(3, 2), padding=padding * 2, **options), expected)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("stride", [(1, 1), (3, 2), (2, 3)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 0), (1, 1)])
def test_avg_pool2d(
    ceil_mode: bool, count_include_pad: bool, stride: tuple[int, int], padding: tuple[int, int]
) -> None:
    x = floats(2, 3, 9, 8)
    options = {"stride": stride, "count_include_pad": count_include_pad, "ceil_mode": ceil_mode}
    expected = functional.avg_pool2d(torch.from_numpy(x), (3, 2), padding=padding, **options)
    assert_close(reference("avg_pool2d", x, kernel=(3, 2), padding=padding * 2, **options), expected)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("stride", "extra"), [((1, 1), (0, 0)), ((2, 3), (1, 2))])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
def test_conv_transpose2d(
    groups: int,
    stride: tuple[int, int],
    extra: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int],
) -> None:
    x, w, b = floats(2, 4, 5, 6), floats(4, 6 // groups, 3, 2), floats(6)
    image, kernel, bias = (torch.from_numpy(a) for a in (x, w, b))
    expected = functional.conv_transpose2d(image, kernel, bias, stride, padding, extra, groups, dilation)
    attrs = {"stride": stride, "dilation": dilation, "groups": groups, "output_padding": extra}
    assert_close(reference("conv_transpose2d", x, w, b, padding=padding * 2, **attrs), expected)


def test_a_query_that_sees_nothing_gives_zeros() -> None:
    q, k = floats(1, 2, 3, 4), floats(1, 2, 5, 4, seed=2)
    seen = np.ones((3, 5), np.bool_)
    seen[1] = False
    for mask in (seen, np.where(seen, 0, -np.inf).astype(np.float32)):
        y = reference("attention", q, k, k, mask, scale=0.5)
        assert not y[:, :, 1].any()
        assert np.isfinite(y).all()
    expected = functional.scaled_dot_product_attention(
        *(torch.from_numpy(x) for x in (q, k, k)), attn_mask=torch.from_numpy(seen), scale=0.5
    )
    assert_close(reference("attention", q, k, k, seen, scale=0.5)[:, :, ::2], expected[:, :, ::2])


@pytest.mark.parametrize("size", [(3, 4), (7, 11), (9, 2)])
@pytest.mark.parametrize("align_corners", [False, True])
def test_bicubic(size: tuple[int, int], align_corners: bool) -> None:
    x = floats(2, 3, 6, 5)
    expected = functional.interpolate(torch.from_numpy(x), size, mode="bicubic", align_corners=align_corners)
    coordinates = "align_corners" if align_corners else "half_pixel"
    assert_close(reference("resize", x, size=size, mode="cubic", coordinates=coordinates), expected)


def test_positions_of_a_cut_size_follow_the_scale() -> None:
    """5 pixels by 0.5 are 2.5, cut to 2: the symmetric form looks at the middle, the plain one to the left of it."""
    line = line_of(5, 2, 0.5)
    for coordinates, places in (
        ("half_pixel", [0.5, 2.5]),
        ("half_pixel_symmetric", [1.0, 3.0]),
        ("align_corners", [0.0, 4 / 1.5]),
    ):
        above, below = source_positions(coordinates, line)
        assert (above / below).tolist() == places


@pytest.mark.parametrize(
    ("rounding", "pixels"),
    [
        ("floor", [0, 0, 1, 1]),
        ("ceil", [0, 1, 1, 2]),
        ("round_prefer_floor", [0, 0, 1, 1]),
        ("round_prefer_ceil", [0, 1, 1, 2]),
    ],
)
def test_each_rounding_of_halves(rounding: str, pixels: list[int]) -> None:
    assert nearest_indices("asymmetric", line_of(3, 6), rounding)[:4].tolist() == pixels


def test_the_last_of_equal_values_is_found_where_asked() -> None:
    x = np.array([[2, 2, 1], [0, 3, 3]], np.float32)
    assert reference("arg_max", x, axis=1).tolist() == [0, 1]
    assert reference("arg_max", x, axis=1, last=True).tolist() == [1, 2]
    assert reference("arg_min", -x, axis=-1, last=True, keepdims=True).tolist() == [[1], [2]]


def test_integers_divide_in_three_ways() -> None:
    a, b = whole(7, -7, 7, -7), whole(2, 2, -2, -2)
    assert reference("div", a, b).tolist() == [3, -4, -4, 3]
    assert reference("div", a, b, rounding="floor").tolist() == [3, -4, -4, 3]
    assert reference("div", a, b, rounding="trunc").tolist() == [3, -3, -3, 3]


def test_an_integer_to_a_negative_power_is_refused() -> None:
    with pytest.raises(InputError, match="negative power"):
        reference("pow", whole(2), whole(-1))


def test_indices_outside_are_refused_with_their_range() -> None:
    for op, indices in (("gather_elements", whole(3)), ("gather_nd", np.array([[-4]]))):
        with pytest.raises(InputError, match=rf"{op}: indices holds {indices.ravel()[0]}, outside of -3 to 2"):
            reference(op, floats(3), indices)


def test_quantised_values_saturate_and_halves_go_to_even() -> None:
    x = np.array([-1.5, -0.5, 0.5, 1.5, 2.5, 900, -900], np.float32)
    one, zero = np.array(1, np.float32), np.array(10, np.uint8)
    assert reference("quantize_linear", x, one, zero).tolist() == [8, 10, 10, 12, 12, 255, 0]
    assert reference("quantize_linear", x, one, dtype="int8").tolist() == [-2, 0, 0, 2, 2, 127, -128]


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("op", ["sigmoid", "softmax", "gelu", "rms_norm", "log_softmax", "softplus", "hard_swish"])
def test_other_real_formats_stay_what_they_are(op: str, dtype: str) -> None:
    case = Case(op, (floats(3, 4).astype(dtype),), {})
    (y,) = case.reference()
    assert y.dtype == np.dtype(dtype)
    assert case.inferred()[0].dtype.bits == 8 * y.itemsize
    wide = Case(op, (floats(3, 4).astype(np.float64),), {}).reference()[0]
    assert np.abs(y - wide).max() <= (1e-2 if dtype == "float16" else 0)


def test_reductions_of_truth_values_are_any_and_all() -> None:
    x = np.array([[True, False], [True, True]])
    assert reference("reduce_max", x, axes=(1,)).tolist() == [True, True]
    assert reference("reduce_min", x, axes=(1,)).tolist() == [False, True]

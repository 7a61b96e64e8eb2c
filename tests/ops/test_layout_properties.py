"""What moving elements keeps, for shapes that hypothesis makes up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.ir.graph import AttrValue
from accelsim.ops.registry import op_spec
from tests.contracts.case import Array, type_of

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)


def apply(op: str, *arrays: Array, **attrs: AttrValue) -> Array:
    """The one output of an op, after checking it against what the op infers."""
    spec = op_spec(op)
    bound = spec.bind("sample", attrs)
    (result,) = spec.reference(arrays, bound)
    assert spec.infer(tuple(type_of(a) for a in arrays), bound) == (type_of(result),)
    return result


def numbered(shape: tuple[int, ...]) -> Array:
    return np.arange(math.prod(shape), dtype=np.int64).reshape(shape)


@given(shapes)
def test_reshape_keeps_the_order_of_elements(shape: tuple[int, ...]) -> None:
    x = numbered(shape)
    flat = apply("reshape", x, shape=(x.size,))
    assert np.array_equal(flat, np.arange(x.size))
    assert np.array_equal(apply("reshape", flat, shape=shape), x)
    assert np.array_equal(apply("reshape", x, shape=(-1, shape[-1])), x.reshape(-1, shape[-1]))


@given(st.data())
def test_transpose_puts_each_element_where_the_permuted_index_says(data: st.DataObject) -> None:
    x = numbered(data.draw(shapes))
    perm = tuple(data.draw(st.permutations(range(x.ndim))))
    y = apply("transpose", x, perm=perm)
    for index in np.ndindex(*y.shape):
        source = [0] * x.ndim
        for axis, position in zip(perm, index, strict=True):
            source[axis] = position
        assert y[index] == x[tuple(source)]


@given(st.data())
def test_transpose_is_undone_by_the_inverse_permutation(data: st.DataObject) -> None:
    x = numbered(data.draw(shapes))
    perm = tuple(data.draw(st.permutations(range(x.ndim))))
    back = tuple(int(axis) for axis in np.argsort(perm))
    assert np.array_equal(apply("transpose", apply("transpose", x, perm=perm), perm=back), x)


@given(st.data())
def test_slice_follows_python(data: st.DataObject) -> None:
    x = numbered(data.draw(shapes))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    bound = st.integers(-8, 8)
    start, end, step = data.draw(bound), data.draw(bound), data.draw(st.integers(1, 3))
    y = apply("slice", x, starts=(start,), ends=(end,), axes=(axis,), steps=(step,))
    wanted = list(range(x.shape[axis]))[start:end:step]
    assert np.array_equal(y, np.take(x, np.array(wanted, np.int64), axis=axis))


@given(st.data())
def test_slices_of_an_axis_concatenate_to_the_whole(data: st.DataObject) -> None:
    x = numbered(data.draw(shapes))
    axis = data.draw(st.integers(0, x.ndim - 1))
    cut = data.draw(st.integers(0, x.shape[axis]))
    first = apply("slice", x, starts=(0,), ends=(cut,), axes=(axis,), steps=(1,))
    second = apply("slice", x, starts=(cut,), ends=(x.shape[axis],), axes=(axis,), steps=(1,))
    assert np.array_equal(apply("concat", first, second, axis=axis), x)


@given(shapes, st.integers(1, 4))
def test_expand_repeats_and_a_sum_counts_the_repetitions(shape: tuple[int, ...], times: int) -> None:
    x = numbered(shape)
    wide = apply("expand", x, shape=(times, *shape))
    assert all(np.array_equal(wide[i], x) for i in range(times))
    assert np.array_equal(apply("reduce_sum", wide, axes=(0,)), times * x)


@given(shapes)
def test_an_expanded_result_is_an_array_of_its_own(shape: tuple[int, ...]) -> None:
    assert apply("expand", numbered(shape), shape=(2, *shape)).flags.writeable


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_layout_ops_take_any_number_format(dtype: str) -> None:
    x = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    assert apply("transpose", x, perm=(1, 0)).dtype == np.dtype(dtype)
    assert apply("concat", x, x, axis=0).dtype == np.dtype(dtype)

"""fixed_point rounds as ap_fixed does: onto the grid, never far, wrapped or saturated at the ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.ops.registry import op_spec

MODES = [
    (rounding, overflow) for rounding in ("floor", "nearest-up", "nearest-even") for overflow in ("wrap", "saturate")
]
FORMATS = st.integers(2, 16).flatmap(lambda bits: st.tuples(st.just(bits), st.integers(-2, bits)))
REALS = st.lists(st.floats(-500, 500, width=32), min_size=1, max_size=20)


def fixed(values: object, bits: int, integer_bits: int, **attrs: object) -> NDArray[np.float32]:
    spec = op_spec("fixed_point")
    bound = spec.bind("sample", {"bits": bits, "integer_bits": integer_bits, **attrs})
    return spec.reference([np.asarray(values, np.float32)], bound)[0]


@pytest.mark.parametrize(("rounding", "overflow"), MODES)
@given(form=FORMATS, values=REALS)
def test_a_rounded_value_stays_where_it_is(
    rounding: str, overflow: str, form: tuple[int, int], values: list[float]
) -> None:
    once = fixed(values, *form, rounding=rounding, overflow=overflow)
    assert np.array_equal(fixed(once, *form, rounding=rounding, overflow=overflow), once)


@pytest.mark.parametrize(("rounding", "overflow"), MODES)
@given(form=FORMATS, values=REALS)
def test_results_are_stored_numbers_of_that_many_bits(
    rounding: str, overflow: str, form: tuple[int, int], values: list[float]
) -> None:
    bits, integer_bits = form
    stored = fixed(values, *form, rounding=rounding, overflow=overflow).astype(np.float64) * 2.0 ** (
        bits - integer_bits
    )
    assert np.array_equal(stored, np.round(stored))
    assert stored.min() >= -(2 ** (bits - 1))
    assert stored.max() < 2 ** (bits - 1)


@given(form=FORMATS, share=st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20))
def test_inside_the_range_truncation_errs_below_one_step_and_rounding_by_half_a_step(
    form: tuple[int, int], share: list[float]
) -> None:
    bits, integer_bits = form
    step = 2.0 ** (integer_bits - bits)
    values = np.asarray(share, np.float64).astype(np.float32) * np.float32(step * (2 ** (bits - 1) - 1))
    below = values.astype(np.float64) - fixed(values, *form)
    assert (below >= 0).all()
    assert (below <= step).all()  # a step less next to nothing is a step in float64
    near = values.astype(np.float64) - fixed(values, *form, rounding="nearest-up")
    assert (np.abs(near) <= step / 2).all()


@given(
    bits=st.integers(2, 12), integer_bits=st.integers(0, 6), turns=st.integers(-5, 5), stored=st.integers(-2048, 2047)
)
def test_wrapping_keeps_the_low_bits_as_two_s_complement_does(
    bits: int, integer_bits: int, turns: int, stored: int
) -> None:
    number = stored + turns * 2**bits
    kept = (number + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
    scale = 2.0 ** (integer_bits - bits)
    assert fixed([number * scale], bits, integer_bits)[0] == kept * scale


def test_halves_go_where_each_mode_sends_them() -> None:
    halves = [0.5, 1.5, -0.5, -1.5]
    assert fixed(halves, 8, 8, rounding="floor").tolist() == [0, 1, -1, -2]
    assert fixed(halves, 8, 8, rounding="nearest-up").tolist() == [1, 2, 0, -1]
    assert fixed(halves, 8, 8, rounding="nearest-even").tolist() == [0, 2, 0, -2]
    below = np.nextafter(np.float32(0.5), np.float32(0))  # a float32 of which 1/2 more is 1
    assert fixed([below, -below], 8, 8, rounding="nearest-up").tolist() == [0, 0]


def test_saturation_holds_at_both_ends_and_wrapping_comes_round() -> None:
    ends = [200.0, -200.0, np.inf, -np.inf]
    assert fixed(ends, 8, 8, overflow="saturate").tolist() == [127, -128, 127, -128]
    assert fixed(ends, 8, 8, overflow="wrap").tolist() == [-56, 56, 127, -128]
    assert fixed([300.0, -1.0], 8, 8, signed=False, overflow="saturate").tolist() == [255, 0]
    assert fixed([257.0, -1.0], 8, 8, signed=False).tolist() == [1, 255]

"""Numbers as text that reads back as the same number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.units import exact_text, parse


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (7.3e9, "bytes_per_s", "7.3 GB/s"),
        (299.97e6, "hz", "299.97 MHz"),
        (400e6, "hz", "400 MHz"),
        (65536, "bytes", "64 KiB"),
        (255, "cycles", "255 cycles"),
        (128, "bits", "128 bit"),
        (0.75, "ratio", "0.75"),
        (4096, "count", "4096"),
        (5e-12, "j_per_bit", "5 pJ/bit"),
    ],
)
def test_the_shortest_text_is_taken(value: float, dimension: str, text: str) -> None:
    assert exact_text(value, dimension) == text


@given(
    st.floats(min_value=1e-13, max_value=1e13, allow_nan=False),
    st.sampled_from(["bytes_per_s", "hz", "s", "j", "j_per_bit", "w"]),
)
def test_every_number_reads_back(value: float, dimension: str) -> None:
    assert float(parse(exact_text(value, dimension), dimension)) == value

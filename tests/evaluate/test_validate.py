"""The published rows: inside their bands, and nothing scored that calibrated a value."""

from __future__ import annotations

import pytest

from accelsim.errors import InputError
from accelsim.evaluate.suites import GOLDEN
from accelsim.evaluate.validate import suites, validate_suites
from accelsim.hw.load import load_hardware
from accelsim.results import ValidationRow

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows() -> list[ValidationRow]:
    return validate_suites(["edge-moe", "m3vit-zcu104-analytic"])


def _find(rows: list[ValidationRow], case: str, metric: str = "latency_ms") -> ValidationRow:
    return next(row for row in rows if row.case == case and row.metric == metric)


def test_every_suite_that_ships_is_known() -> None:
    tables = {suite.name for suite in GOLDEN}
    assert {"autosa", "bursts", "chaidnn", "dpu", "dpu-resources", "eyeriss", "gemmini", "nvdla", "tpu"} <= tables
    assert set(suites()) >= {"edge-moe", "m3vit-zcu104-analytic", "scalesim"} | tables
    assert len(set(suites())) == len(suites())


def test_every_scored_row_is_inside_its_band(rows: list[ValidationRow]) -> None:
    scored = [row for row in rows if row.scored]
    assert len(scored) == 7
    assert [row.case for row in scored if row.ok is not True] == []


BANDS = [
    ("task0", "latency_ms", 34.64, 8.0),
    ("task0", "attention_share", 0.50, 6.0),
    ("nyud-dense", "latency_ms", 84.418, 5.0),
    ("pascal-moe - pascal-dense", "latency_ms", 0.102, 25.0),
    ("pascal-moe-token-order - pascal-moe", "latency_ms", 568.445, 10.0),
    ("pascal-moe-resident - pascal-moe", "on_chip_mib", 6.770, 2.0),
]


@pytest.mark.parametrize(("case", "metric", "published", "band"), BANDS)
def test_published_values_and_bands_are_those_we_promised(
    rows: list[ValidationRow], case: str, metric: str, published: float, band: float
) -> None:
    row = _find(rows, case, metric)
    assert (row.published, row.band_pct) == (published, band)
    assert row.scored
    assert abs(row.simulated - published) <= band / 100 * published


def test_rows_that_calibrated_a_value_are_never_scored(rows: list[ValidationRow]) -> None:
    calibrated = [row for row in rows if "calibrated" in row.note or "was taken from this row" in row.note]
    assert len(calibrated) == 2
    assert not any(row.scored for row in calibrated)
    assert len(load_hardware("m3vit-zcu104-analytic").calibrated()) == 2
    assert load_hardware("edge-moe-zcu102").calibrated() == ()


def test_ablations_fall_in_the_published_order(rows: list[ValidationRow]) -> None:
    cases = ("baseline", "expert-major", "single-pass-softmax", "gelu-approximation", "unified-linear", "task0")
    values = [_find(rows, case).simulated for case in cases]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


def test_the_range_of_estimates_contains_the_value(rows: list[ValidationRow]) -> None:
    row = _find(rows, "task0")
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.simulated < row.high


def test_an_unknown_suite_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(InputError, match=r"no validation suite 'edge-mo' -- did you mean 'edge-moe'"):
        validate_suites(["edge-mo"])

"""Published beside simulated: errors, bands, what is scored."""

from __future__ import annotations

from dataclasses import replace

from accelsim.results.validation import ValidationRow, compare, failures


def _row(**values: object) -> ValidationRow:
    given = {"metric": "latency", "unit": "ms", "published": 40.0, "simulated": 42.0, "band_pct": 8.0}
    return compare("suite", "case", **{**given, **values}, evidence="measured", source="a table")  # type: ignore[arg-type]


def test_error_is_relative_to_the_published_number() -> None:
    assert _row().error_pct == 5.0
    assert _row(simulated=38.0).error_pct == -5.0


def test_a_row_on_the_edge_of_its_band_is_inside() -> None:
    assert _row(band_pct=5.0).ok is True
    assert _row(band_pct=4.9).ok is False
    assert _row(simulated=38.0, band_pct=4.9).ok is False


def test_rows_without_band_or_published_number_are_shown_and_not_scored() -> None:
    for row in (_row(band_pct=None), _row(published=None), _row(scored=False)):
        assert (row.scored, row.ok) == (False, None)
    assert _row(published=None).error_pct is None


def test_failures_are_the_scored_rows_outside_their_band() -> None:
    inside, outside, shown = _row(), _row(band_pct=1.0), _row(scored=False)
    assert failures([inside, outside, shown]) == (outside,)
    assert failures([replace(outside, ok=None)]) == ()

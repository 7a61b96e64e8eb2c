"""Validation rows for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

from accelsim.report.table import plain
from accelsim.report.validation import summary, validation_csv, validation_json, validation_sections
from tests.results.sample import sample_rows


def test_the_table_shows_both_numbers_the_range_and_the_verdict() -> None:
    text = "\n".join(plain(section) for section in validation_sections(sample_rows()))
    latency = next(line for line in text.splitlines() if "34.64" in line)
    assert latency.split() == [
        "ViT-tiny",
        "latency",
        "ms",
        "34.64",
        "34.10",
        "[31.5-36.8]",
        "-1.6",
        "8",
        "ok",
    ]
    assert "OUTSIDE" in next(line for line in text.splitlines() if "share" in line)
    assert "baseline, latency: assumed: token-major" in text
    assert "Table V (measured on the board)" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_summary_counts_scored_rows_only() -> None:
    assert summary(sample_rows()) == (
        "1 of 2 scored rows are within their band; outside: edge-moe ViT-tiny share of QK + AV; "
        "2 rows are shown and not scored"
    )


def test_json_and_csv_carry_every_field() -> None:
    records = json.loads(validation_json(sample_rows()))
    rows = list(csv.DictReader(io.StringIO(validation_csv(sample_rows()))))
    wanted = {
        "suite",
        "case",
        "metric",
        "unit",
        "published",
        "simulated",
        "error_pct",
        "scored",
        "evidence",
        "source",
    }
    assert wanted <= set(records[0])
    assert set(records[0]) == set(rows[0])
    assert [row["metric"] for row in rows] == [record["metric"] for record in records]
    assert records[3]["published"] is None


def test_a_suite_of_very_many_rows_is_summed_up_and_only_rows_outside_are_shown() -> None:
    good, bad = sample_rows()[0], replace(sample_rows()[1], note="")
    rows = [replace(good, case=f"case{number}", note="all of them alike") for number in range(80)]
    text = "\n".join(plain(section) for section in validation_sections([*rows, bad]))
    assert "edge-moe, 81 cases" in text
    line = next(line for line in text.splitlines() if line.split()[:1] == ["latency"])
    assert line.split() == ["latency", "ms", "80", "80", "1.56"]
    assert "edge-moe, outside their band: 1 of 1 rows" in text
    assert text.count("all of them alike") == 1
    assert "case7" not in text


def test_rows_summed_up_share_the_parts_of_their_notes_that_are_alike() -> None:
    rows = [replace(sample_rows()[0], case=f"case{number}", note=f"of {number}; as measured") for number in range(80)]
    text = "\n".join(plain(section) for section in validation_sections(rows))
    assert "latency: as measured; a note for each row, see --format csv" in text
    assert "of 7" not in text


def test_a_metric_that_is_only_shown_is_not_counted_as_outside() -> None:
    rows = [replace(sample_rows()[0], case=f"case{number}", scored=False, ok=None) for number in range(80)]
    text = "\n".join(plain(section) for section in validation_sections(rows))
    line = next(line for line in text.splitlines() if line.split()[:1] == ["latency"])
    assert line.split() == ["latency", "ms", "80", "shown", "1.56"]


def test_the_summary_names_the_first_dozen_rows_outside() -> None:
    rows = [replace(sample_rows()[1], case=f"case{number}") for number in range(20)]
    assert "case11 share of QK + AV and 8 more" in summary(rows)
    assert "case12" not in summary(rows)

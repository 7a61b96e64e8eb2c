"""Rows of accuracies in a file: read as written, replaced by key, and errors with a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.results.accuracy import AccuracyRow, accuracy_csv, append_accuracy, read_accuracy

ROW = AccuracyRow(
    model="padnet-mini-r30",
    variant="ratio=0.3;seed=1",
    task="digits",
    precision="fixed<16,6>",
    metric="accuracy",
    value=0.9340,
    standard_error=0.004,
    unit="",
    higher_is_better=True,
    torch=None,
    data="cluttered-digits",
    split="test",
    samples=4000,
    weights="0123456789abcdef",
    data_digest="fedcba9876543210",
    accelsim="0.1.0",
)


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "accuracy.csv"
    rows = (ROW, replace(ROW, precision="float32", torch=0.1 + 0.2, higher_is_better=False))
    append_accuracy(path, rows)
    assert set(read_accuracy(path)) == set(rows)
    assert read_accuracy(tmp_path / "absent.csv") == ()


def test_a_row_with_the_same_key_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "accuracy.csv"
    append_accuracy(path, (ROW,))
    append_accuracy(path, (replace(ROW, value=0.5), replace(ROW, weights="other")))
    assert {(row.value, row.weights) for row in read_accuracy(path)} == {(0.5, ROW.weights), (0.934, "other")}


def test_the_order_of_the_file_does_not_depend_on_that_of_the_runs(tmp_path: Path) -> None:
    rows = [replace(ROW, precision=precision) for precision in ("int8", "float32", "fixed<16,6>")]
    for name, order in (("a", rows), ("b", rows[::-1])):
        for row in order:
            append_accuracy(tmp_path / name, (row,))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_agreement_with_torch_is_of_four_digits() -> None:
    assert ROW.agrees is None
    assert replace(ROW, torch=0.93404).agrees
    assert replace(ROW, torch=0.9342).agrees is False
    assert replace(ROW, value=12.3456, torch=12.3457).agrees


@pytest.mark.parametrize(("old", "new", "words"), [
    ("0.934", "much", r"accuracy\.csv:2: not a row"),
    ("higher_is_better", "better", r"accuracy\.csv:1: not a table"),
    ("True", "yes", r"accuracy\.csv:2: not a row"),
])  # fmt: skip
def test_a_file_that_is_damaged_is_located(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "accuracy.csv"
    path.write_text(accuracy_csv((ROW,)).replace(old, new))
    with pytest.raises(InputError, match=words):
        read_accuracy(path)

"""`accelsim evaluate`: a table, JSON or CSV, a file that grows, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accelsim.cli.main import main
from tests.evaluate.labelled import write_data, write_model


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    return ["evaluate", write_model(tmp_path), "--data", str(write_data(tmp_path / "data")), "--quiet"]


@pytest.mark.slow
def test_the_table_has_a_line_for_each_precision_and_torch_beside_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    precisions = ["--precision", "float32", "--precision", "int8/int4"]
    assert main([*words, *precisions, "--against", "torch", "--batch", "25"]) == 0
    shown = capsys.readouterr().out
    assert "accuracy" in shown
    assert shown.count("network:build") == 2
    assert "equal" in shown
    assert "50 samples of shapes (test)" in shown


def test_rows_are_kept_in_a_file_and_not_run_again(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "accuracy.csv"
    assert main([*words, "--out", str(table), "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    table.write_text(table.read_text().replace(repr(row["value"]), "0.125"))
    assert main([*words, "--out", str(table), "--format", "csv", "-a", "width=8"]) == 0
    assert ",width=8," in capsys.readouterr().out
    assert main([*words, "--out", str(table), "--format", "csv"]) == 0
    assert ",0.125," in capsys.readouterr().out
    assert len(table.read_text().splitlines()) == 3


def test_progress_is_told_on_stderr(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word for word in words if word != "--quiet"]) == 0
    captured = capsys.readouterr()
    assert "50 of 50 samples" in captured.err
    assert "samples a second" not in captured.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--precision", "int99"], "not a precision"),
        (["--task", "letters"], "no task 'letters'"),
        (["-a", "width"], "-a 'width' is not PATH=VALUE, such as -a top_k=1"),
        (["--out", "/dev/null/accuracy.csv"], "accuracy.csv"),
    ],
)
def test_wrong_words_end_with_two(
    words: list[str], more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, *more]) == 2
    assert said in capsys.readouterr().err

"""The rows of the shipped models: which there are, and that what was done is not done again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance import shipped_models
from tests.conformance.shipped_models import Row, key_of, main, read_rows, wanted, write_rows

ROW = Row("resnet18", "", "", 69, 11_689_512, 1e-6, 2e-6, 3.5, "equal")


def test_rows_are_two_tasks_of_a_model_or_all_at_once() -> None:
    assert wanted(["resnet18"]) == [("resnet18", "")]
    adapter = "pruning-adapter-bert-base"
    assert wanted([adapter]) == [(adapter, "cola"), (adapter, "mnli")]
    assert wanted(["densemtl-resnet101", "m3vit-tiny:depth"]) == [
        ("densemtl-resnet101", "all"),
        ("m3vit-tiny", "depth"),
    ]
    assert len({model for model, _ in wanted([])}) == len(shipped_models.catalogue())


def test_rows_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    assert read_rows(path) == {}
    write_rows(path, {("resnet18", ""): ROW})
    assert read_rows(path) == {("resnet18", ""): ROW}


def test_a_row_is_run_again_only_where_the_model_changed_or_differed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []
    key = key_of("resnet18", "")
    answer = [replace(ROW, key=key, verdict="DIFFERS"), replace(ROW, key=key), replace(ROW, key=key)]

    def run(model: str, task: str) -> Row:
        ran.append(model)
        return answer[len(ran) - 1]

    monkeypatch.setattr(shipped_models, "_in_own_process", run)
    path = tmp_path / "rows.csv"
    assert main(["resnet18"], path) == 5
    assert main(["resnet18"], path) == 0
    assert main(["resnet18"], path) == 0
    assert len(ran) == 2
    write_rows(path, {("resnet18", ""): replace(ROW, key="of another model")})
    assert main(["resnet18"], path) == 0
    assert len(ran) == 3
    assert capsys.readouterr().out.count("equal") == 3


def test_a_key_follows_the_sources_and_not_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = shipped_models.find_model("resnet18")
    folder = tmp_path / "models"
    folder.mkdir()
    for path in ours.file.parent.glob("*.py"):
        shutil.copy(path, folder)
    key = key_of("resnet18", "")
    monkeypatch.setattr(shipped_models, "find_model", lambda name: replace(ours, file=folder / ours.file.name))
    assert key_of("resnet18", "") == key
    with (folder / "seeded_layers.py").open("a") as file:
        file.write("# another source\n")
    assert key_of("resnet18", "") != key


def test_what_cannot_be_compared_is_told_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(model: str, task: str) -> Row:
        raise OSError("its process ended early")

    monkeypatch.setattr(shipped_models, "_in_own_process", run)
    assert main(["resnet18"], tmp_path / "rows.csv") == 5
    assert "NOT COMPARED: its process ended early" in capsys.readouterr().out

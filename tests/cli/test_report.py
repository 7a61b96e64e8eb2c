from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.report.write import write_run_report
from tests.cli.conftest import Run
from tests.report.page.samples import run as sample_run


def test_a_run_becomes_one_file(run: Run, tmp_path: Path) -> None:
    write_run_report(sample_run(), tmp_path / "run")
    code, said, _ = run("report", str(tmp_path / "run"), "--html", str(tmp_path / "page.html"))
    assert code == 0
    assert said.startswith(f"{tmp_path / 'page.html'}: ")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "m3vit-tiny (semseg) on edge-moe-zcu102" in page
    assert "The run has no trace" not in page
    assert {path.name for path in tmp_path.iterdir()} == {"run", "page.html"}


def test_the_page_is_put_into_the_folder_unless_a_file_is_named(run: Run, tmp_path: Path) -> None:
    write_run_report(sample_run(), tmp_path / "run")
    assert run("report", str(tmp_path / "run"))[0] == 0
    assert (tmp_path / "run/report.html").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "nowhere: neither a run (result.json) nor a sweep (sweep.json) is there"),
        (("run", "--html", "no/folder/page.html"), "no/folder/page.html: cannot be written"),
    ],
)
def test_what_cannot_be_shown_or_written_is_said(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run_report(sample_run(), tmp_path / "run")
    code, _, error = run("report", *words)
    assert code == 2
    assert said in error

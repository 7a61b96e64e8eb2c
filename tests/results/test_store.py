"""Folders appear whole or not at all, and never at the cost of somebody else's files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.results.store import check_folder, write_folder

MARKER = b'{\n "format": "accelsim-result/1"\n}'


def _everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_and_missing_parents_are_written(tmp_path: Path) -> None:
    write_folder(tmp_path / "a/b/run", {"result.json": MARKER, "x.bin": lambda path: path.write_bytes(b"x") and None})
    assert _everything(tmp_path) == {"a/b/run/result.json": MARKER, "a/b/run/x.bin": b"x"}


def test_an_older_run_is_replaced_as_a_whole(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_folder(run, {"result.json": MARKER, "trace.json": b"old"})
    write_folder(run, {"result.json": MARKER + b" "}, replaces=("trace.json",))
    assert _everything(tmp_path) == {"run/result.json": MARKER + b" "}


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write_folder(tmp_path / "run", {"result.json": MARKER})
    assert _everything(tmp_path) == {"run/result.json": MARKER}


@pytest.mark.parametrize("foreign", ["thesis.tex", "result.json"])
def test_a_folder_with_files_of_others_is_refused_and_left_alone(tmp_path: Path, foreign: str) -> None:
    (tmp_path / foreign).write_bytes(b"mine")
    with pytest.raises(InputError, match="new or empty folder"):
        write_folder(tmp_path, {"result.json": MARKER})
    assert _everything(tmp_path) == {foreign: b"mine"}


def test_an_older_run_that_gained_a_file_of_the_user_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_folder(run, {"result.json": MARKER})
    (run / "notes.md").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"notes\.md"):
        write_folder(run, {"result.json": MARKER})


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(b"mine")
    for path in (tmp_path / "run", tmp_path / "run/deeper"):
        with pytest.raises(InputError, match="file"):
            check_folder(path, ())


def test_the_current_folder_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="current folder"):
        check_folder(Path(), ())


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_what_fails_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    with pytest.raises(InputError if error is OSError else error):
        write_folder(tmp_path / "deep/run", {"result.json": MARKER, "latency.png": fail})
    assert list(tmp_path.iterdir()) == []


def test_what_fails_keeps_the_older_run(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        raise KeyboardInterrupt

    write_folder(tmp_path / "run", {"result.json": MARKER})
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "run", {"result.json": fail})
    assert _everything(tmp_path) == {"run/result.json": MARKER}


def test_a_move_that_fails_brings_the_older_run_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    write_folder(run, {"result.json": MARKER})
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(InputError, match="No space left"):
        write_folder(run, {"result.json": b"new"})
    assert _everything(tmp_path) == {"run/result.json": MARKER}


def test_what_a_killed_run_left_is_mended_by_the_next(tmp_path: Path) -> None:
    """Killed between the two moves: the older result lies aside; killed while writing: a part lies beside."""
    target = tmp_path / "run"
    write_folder(target, {"result.json": b'{"format": "accelsim-result/1"}'})
    target.rename(tmp_path / ".run.abc.partial.old")
    part = tmp_path / ".run.xyz.partial"
    part.mkdir()
    os.utime(part, (1, 1))
    write_folder(target, {"result.json": b'{"format": "accelsim-result/1", "new": 1}'})
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert b"new" in (target / "result.json").read_bytes()

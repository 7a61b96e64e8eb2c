"""What long steps say on stderr where there is no terminal."""

from __future__ import annotations

import pytest

from accelsim.cli import progress as module
from accelsim.cli.progress import progress


def test_of_steps_under_one_head_the_first_is_told_and_others_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(module.time, "perf_counter", lambda: now)
    with progress(quiet=False) as step:
        for row in range(1, 51):
            now += 1.0
            step(f"zu9: row {row} of 50")
        step("3 rows left out of zu9")
        step("eie: row 1 of 2")
    told = capsys.readouterr().err.splitlines()
    rows = [f"accelsim: zu9: row {row} of 50" for row in (1, 21, 41)]
    assert told == [*rows, "accelsim: 3 rows left out of zu9", "accelsim: eie: row 1 of 2"]


def test_quiet_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=True) as step:
        step("zu9: row 1 of 50")
    assert capsys.readouterr().err == ""

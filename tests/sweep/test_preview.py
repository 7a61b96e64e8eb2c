from __future__ import annotations

import re
from pathlib import Path

import pytest

from accelsim.cli.main import main
from accelsim.errors import InputError
from accelsim.sweep.load import load_sweep
from accelsim.sweep.preview import SHOWN, preview


def test_a_dry_run_says_how_many_points_how_long_and_the_first(
    sweep_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "store"
    assert main(["sweep", str(sweep_file), "--dry-run", "--out", str(out), "--jobs", "2"]) == 0
    said = capsys.readouterr().out
    assert "44 points of 48 (8% left out by where)" in said
    assert re.search(r"about [\d.]+ m?s on 2 cores", said)
    assert len(re.findall("yes$|no$", said, re.MULTILINE)) == SHOWN
    assert not out.exists()


def test_the_first_rows_are_the_first_points(sweep_file: Path) -> None:
    seen = preview(load_sweep(sweep_file))
    assert (seen.points, seen.before_where) == (44, 48)
    assert seen.seconds > 0
    assert seen.first["point"].iloc[0] == 0
    assert seen.first["point"].is_monotonic_increasing


def test_a_sweep_without_points_says_so(sweep_file: Path) -> None:
    sweep_file.write_text(sweep_file.read_text().replace("units.array.rows <= 16 or", "units.array.rows > 99 and"))
    with pytest.raises(InputError, match="of 48 points looked at, `where` keeps none"):
        preview(load_sweep(sweep_file))

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


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("limits: [latency < 1 ms]", "limits: condition 'latency < 1 ms': no column 'latency'"),
        ("objectives: {latency: minimise}", "objectives: no column 'latency' -- did you mean 'latency_s'"),
        ("objectives: {hardware: minimise}", "objectives: column 'hardware' holds no numbers"),
        ("objectives: {accuracy: maximise}", "objectives: accuracy needs a table"),
    ],
)
@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_a_column_that_there_will_not_be_is_refused_before_a_point_is_timed(
    wrong: str, said: str, words: list[str], sweep_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = sweep_file.with_name("store")
    sweep_file.write_text(f"{sweep_file.read_text()}{wrong}\n")
    assert main(["sweep", str(sweep_file), "--out", str(store), *words]) == 2
    assert said in capsys.readouterr().err
    assert not store.exists()

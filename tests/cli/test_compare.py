from __future__ import annotations

import json
from pathlib import Path

import pytest

from accelsim.cli.main import main

RUN = Path(__file__).resolve().parents[2] / "reports" / "m3vit-edge-moe"


def test_hardware_files_are_compared_by_their_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "systolic-16", "systolic-32"]) == 0
    said = capsys.readouterr().out
    assert "units.array.rows" in said
    assert "sourced" not in said


def test_equal_runs_have_no_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(RUN), str(RUN / "result.json"), "--format", "json", "--fail-if", "cycles > +0%"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["nodes"]
    assert [(one["metric"], one["value"], one["tripped"]) for one in record["conditions"]] == [("cycles", 0.0, False)]
    assert all(row["percent"] == 0 for kind in ("metrics", "stalls", "nodes") for row in record[kind])


def test_a_condition_that_trips_ends_with_5(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    record = json.loads((RUN / "result.json").read_text())
    record["latency_s"] *= 1.05
    record["nodes"][0]["cycles"] += 10
    slower = tmp_path / "slower.json"
    slower.write_text(json.dumps(record))
    assert main(["compare", str(RUN), str(slower), "--fail-if", "latency_s > +2%", "--format", "csv"]) == 5
    printed = capsys.readouterr()
    assert "latency_s > +2%" in printed.err
    assert f"node,{record['nodes'][0]['name']},{record['nodes'][0]['cycles'] - 10}" in printed.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((str(RUN), "systolic-16"), "one is a result, the other is not"),
        (("systolic-16", "systolic-99"), "no hardware is called 'systolic-99'"),
        (("systolic-16", "systolic-32", "--task", "depth"), "--task needs --model"),
        ((str(RUN), str(RUN), "--model", "m3vit-tiny"), "these are results"),
        ((str(RUN), str(RUN), "--fail-if", "speed > +2%"), "'speed' is not compared"),
        ((str(RUN), str(RUN), "--fail-if", "cycles > much"), "condition 'cycles > much', column 10: expected a number"),
        ((str(RUN.parent), str(RUN)), "no result.json in this folder"),
    ],
)
def test_what_cannot_be_compared_is_said(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *words]) == 2
    assert said in capsys.readouterr().err

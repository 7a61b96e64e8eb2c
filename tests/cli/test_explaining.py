"""show plan, calibrate, and the options of simulate that explain: what they pass on, print, write and end with."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import FakeApi, Run


def test_simulate_asks_for_levers_only_when_told_to(run: Run, api: FakeApi) -> None:
    assert run("simulate", "resnet18", "systolic-32")[0] == 0
    assert run("simulate", "resnet18", "systolic-32", "--levers", "--mapping", "plan.yaml")[0] == 0
    assert [call[2]["with_levers"] for call in api.calls] == [False, True]
    assert [call[2]["mapping"] for call in api.calls] == [None, Path("plan.yaml")]


def test_the_levers_are_in_the_report_and_in_the_json(run: Run, api: FakeApi) -> None:
    _, out, _ = run("simulate", "resnet18", "systolic-32", "--levers")
    assert "What would help" in out
    assert "Where more stops helping" in out
    record = json.loads(run("simulate", "resnet18", "systolic-32", "--levers", "--format", "json")[1])
    assert record["levers"][0]["settings"] == {"clocks.pl.frequency": "600 MHz"}
    assert record["levers"][-1]["latency_s"] is None
    assert record["stops"][0]["stops_at"] == 7.2512e9
    assert record["sensitivities"][0]["path"] == "units.norm.row_latency"
    assert len(record["ranges"]["latency_s"]) == len(record["ranges"]["energy_j"]) == 2
    assert {"bound_cycles", "macs_per_dram_byte", "attainable_macs_per_cycle"} <= set(record["nodes"][0])


def test_run_explains_unless_told_not_to(run: Run, api: FakeApi) -> None:
    run("run", "resnet18", "systolic-32")
    run("run", "resnet18", "systolic-32", "--no-levers")
    assert [call[2]["with_levers"] for call in api.calls] == [True, False]


def test_every_node_is_printed_when_asked_for(run: Run, api: FakeApi) -> None:
    _, out, _ = run("simulate", "resnet18", "systolic-32", "--nodes")
    assert "limited by" in out
    assert "Energy a frame" not in out
    table = out.partition("\nNodes\n")[2]
    assert table.count("qkv") == 36  # 12 blocks with three projections each
    assert max(map(len, out.splitlines())) <= 100


def test_show_plan_passes_its_options_on(run: Run, api: FakeApi) -> None:
    words = (
        "show",
        "plan",
        "resnet18",
        "systolic-32",
        "--task",
        "depth",
        "-s",
        "units.a.rows=2",
        "--activity",
        "skewed",
    )
    code, _, err = run(*words, "--mapping", "p.yaml")
    assert code == 0
    assert err == "accelsim: a step of the job\n"
    (call,) = api.calls
    assert call[:2] == ("plan_spec", ("resnet18", "systolic-32"))
    assert call[2]["overrides"] == {"units.a.rows": 2}
    assert (call[2]["task"], call[2]["activity"], call[2]["mapping"]) == ("depth", "skewed", Path("p.yaml"))


def test_show_plan_prints_alike_parts_once_unless_all_are_asked_for(run: Run, api: FakeApi) -> None:
    _, out, _ = run("show", "plan", "resnet18", "systolic-32", "--quiet")
    assert out.startswith(
        "tiny (semseg) on board\n60,511 cycles, 0.3026 ms, 3 parts of work, 7 layout nodes cost nothing"
    )
    assert "129x768x192" in out
    assert "129x32x192" in out
    assert "KMN" in out
    assert "blocks.1.fc" not in out
    assert "blocks.1.fc" in run("show", "plan", "resnet18", "systolic-32", "--all")[1]


def test_show_plan_as_data(run: Run, api: FakeApi) -> None:
    assert len(json.loads(run("show", "plan", "resnet18", "systolic-32", "--format", "json")[1])["parts"]) == 3
    rows = list(csv.DictReader(io.StringIO(run("show", "plan", "resnet18", "systolic-32", "--format", "csv")[1])))
    assert [row["tile_outputs"] for row in rows] == ["32", "32", ""]
    text = run("show", "plan", "resnet18", "systolic-32", "--format", "yaml")[1]
    assert '"main": {rows: 129, outputs: 32, reduce: 192, held: inputs}  # array, 24 tiles' in text
    assert "norm" not in text


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_calibrate_writes_the_overlay_and_prints_both_errors(run: Run, api: FakeApi, here: Path) -> None:
    code, out, _ = run(
        "calibrate", "systolic-32", "m.csv", "--free", "memories.ddr.efficiency, units.a.fill", "--holdout", "3"
    )
    assert code == 0
    assert out.startswith(
        "board, calibrated: rms error 0.277 % on 2 fitted rows, before 6.14 %\nrms error 0.192 % on 1 held-out"
    )
    assert "0.8281" in out
    assert "the rows hardly tell them apart" in out
    assert (here / "systolic-32-calibrated.yaml").read_text(encoding="utf-8") == "name: board-calibrated\n"
    (call,) = api.calls
    assert call[1] == ("systolic-32", Path("m.csv"), ["memories.ddr.efficiency", "units.a.fill"])
    assert (call[2]["holdout"], call[2]["out"]) == (3, Path("systolic-32-calibrated.yaml"))


def test_calibrate_as_json(run: Run, api: FakeApi, here: Path) -> None:
    record = json.loads(
        run("calibrate", "systolic-32", "m.csv", "--free", "a.b", "--format", "json", "--out", "o.yaml")[1]
    )
    assert record["file"] == "o.yaml"
    assert record["constants"][0]["value"] == 0.8281
    assert record["rows"][2]["held_out"]
    assert record["held_out_rms_pct"]["after"] == pytest.approx(100 * (0.0522 - 0.0521) / 0.0522)


def test_calibrate_does_not_replace_a_file_unless_forced(run: Run, api: FakeApi, here: Path) -> None:
    (here / "o.yaml").write_text("mine", encoding="utf-8")
    words = ("calibrate", "systolic-32", "m.csv", "--free", "a.b", "--out", "o.yaml")
    code, _, err = run(*words)
    assert code == 2
    assert "o.yaml: is there already" in err
    assert api.calls == []
    assert (here / "o.yaml").read_text(encoding="utf-8") == "mine"
    assert run(*words, "--force")[0] == 0


def test_calibrate_needs_to_know_what_is_free(run: Run, api: FakeApi) -> None:
    code, _, err = run("calibrate", "systolic-32", "m.csv")
    assert code == 2
    assert "--free" in err

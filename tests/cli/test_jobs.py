"""run, simulate and validate: what they pass on, print, write and end with."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from accelsim.frontends.inputs import InputOptions
from accelsim.ir import FrozenMap
from accelsim.results import Equivalence, Result
from tests.cli.conftest import FakeApi, Run
from tests.results.sample import MISFIT, sample_result, sample_rows


def test_run_passes_its_options_on(run: Run, api: FakeApi) -> None:
    words = (
        "run",
        "m3vit-tiny",
        "edge-moe-zcu102",
        "--tasks",
        "semseg, depth",
        "--no-verify",
        "--allow-unfit",
    )
    opened = ("--shape", "tokens=8", "--shape", "pixels=1x3x8x8", "--batch", "2")
    settings = ("-s", "units.linear.rows=2", "-s", "links.weights.width = 256 bit")
    code, _, _ = run(*words, *settings, "--activity", "a.json", *opened)
    assert code == 0
    assert api.calls == [
        (
            "run_main_job",
            ("m3vit-tiny", "edge-moe-zcu102"),
            {
                "task": None,
                "tasks": ("semseg", "depth"),
                "overrides": {"units.linear.rows": 2, "links.weights.width": "256 bit"},
                "activity": "a.json",
                "sparsity": None,
                "mapping": None,
                "verify": False,
                "allow_unfit": True,
                "with_levers": True,
                "options": InputOptions(FrozenMap({"tokens": (8,), "pixels": (1, 3, 8, 8)}), 2),
            },
        )
    ]


def test_a_shape_that_is_no_shape_is_a_usage_error(run: Run, api: FakeApi) -> None:
    for word in ("tokens", "tokens=", "=3", "tokens=a", "tokens=3x"):
        code, _, err = run("simulate", "resnet18", "systolic-32", "--shape", word)
        assert code == 2
        assert "is not NAME=SIZE" in err


def test_run_prints_the_verdict_on_stdout_and_steps_on_stderr(run: Run, api: FakeApi) -> None:
    code, out, err = run("run", "resnet18", "systolic-32", "--task", "semseg")
    assert code == 0
    assert out.startswith("m3vit-tiny (semseg) on edge-moe-zcu102\n33.5 ms [31.1-35.8]")
    assert err == "accelsim: a step of the job\n"
    assert api.calls[0][2]["task"] == "semseg"


def test_run_writes_the_folder_and_nothing_without_out(
    run: Run, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("run", "resnet18", "systolic-32")[0] == 0
    assert list(tmp_path.iterdir()) == []
    assert run("run", "resnet18", "systolic-32", "--out", "reports/one", "--no-trace")[0] == 0
    names = {path.name for path in (tmp_path / "reports/one").iterdir()}
    assert names == {"report.txt", "result.json", "nodes.csv", "latency.png"}


def test_quiet_keeps_stderr_empty(run: Run, api: FakeApi, tmp_path: Path) -> None:
    assert run("run", "resnet18", "systolic-32", "--quiet", "--out", str(tmp_path / "run"))[2] == ""


def test_run_as_json_is_the_result_and_nothing_else(run: Run, api: FakeApi) -> None:
    _, out, _ = run("run", "resnet18", "systolic-32", "--format", "json")
    assert Result.from_json(json.loads(out)) == replace(sample_result(), events=())


def test_a_design_that_does_not_fit_ends_with_3_and_writes_nothing(run: Run, api: FakeApi, tmp_path: Path) -> None:
    api.result = replace(sample_result(), misfits=(MISFIT,))
    code, out, err = run("run", "resnet18", "systolic-32", "--out", str(tmp_path / "deep/run"))
    assert (code, out) == (3, "")
    assert "33.5 ms" in err
    assert "does not fit: on-chip memory: needs 4.84 MiB, has 4.75 MiB" in err
    assert "--allow-unfit" in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_allow_unfit_reports_all_the_same(run: Run, api: FakeApi, tmp_path: Path) -> None:
    api.result = replace(sample_result(), misfits=(MISFIT,))
    code, out, _ = run("run", "resnet18", "systolic-32", "--out", str(tmp_path / "run"), "--allow-unfit")
    assert code == 0
    assert "DOES NOT FIT" in out
    assert json.loads((tmp_path / "run/result.json").read_text())["fits"] is False


def test_wrong_outputs_are_reported_and_end_with_5(run: Run, api: FakeApi, tmp_path: Path) -> None:
    equivalence = sample_result().equivalence
    assert equivalence is not None
    bad = Equivalence((replace(equivalence.entries[0], ok=False, first_bad="encoder.blocks.3.moe"),), True)
    api.result = replace(sample_result(), equivalence=bad)
    code, out, err = run("run", "resnet18", "systolic-32", "--out", str(tmp_path / "run"))
    assert code == 5
    assert "outputs: DIFFER from torch" in out
    assert "the outputs are not those of the other engines" in err
    assert (tmp_path / "run/report.txt").is_file()


def test_a_folder_of_the_user_is_refused_before_the_job_starts(run: Run, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    code, _, err = run("run", "resnet18", "systolic-32", "--out", str(tmp_path))
    assert code == 2
    assert "thesis.tex" in err
    assert api.calls == []


def test_an_interrupted_run_leaves_nothing_behind(run: Run, api: FakeApi, tmp_path: Path) -> None:
    api.result = KeyboardInterrupt()
    assert run("run", "resnet18", "systolic-32", "--out", str(tmp_path / "run"))[0] == 130
    assert list(tmp_path.iterdir()) == []


def test_simulate_times_what_does_not_fit(run: Run, api: FakeApi) -> None:
    api.result = replace(sample_result(), misfits=(MISFIT,), equivalence=None)
    code, out, _ = run("simulate", "resnet18", "systolic-32")
    assert code == 0
    assert "DOES NOT FIT" in out
    assert "outputs: not verified" in out
    name, _, options = api.calls[0]
    assert (name, options["activity"], options["allow_unfit"]) == ("simulate_spec", "uniform", True)
    assert "verify" not in options


def test_simulate_as_csv_prints_the_nodes(run: Run, api: FakeApi) -> None:
    rows = list(csv.DictReader(io.StringIO(run("simulate", "resnet18", "systolic-32", "--format", "csv")[1])))
    assert [row["name"] for row in rows] == [node.name for node in sample_result().nodes]


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_validate_ends_with_5_when_a_scored_row_is_outside(form: str, run: Run, api: FakeApi) -> None:
    code, out, err = run("validate", "edge-moe", "--format", form)
    assert code == 5
    assert "34.64" in out
    assert err.splitlines()[-1].startswith("accelsim: error: 1 of 2 scored rows are within their band; outside:")
    assert api.calls == [("validate_suites", (("edge-moe",),), {"rows": None})]


def test_validate_ends_with_0_when_all_scored_rows_are_inside(run: Run, api: FakeApi) -> None:
    api.rows = [row for row in sample_rows() if row.ok is not False]
    code, out, _ = run("validate", "--format", "json", "--quiet")
    assert code == 0
    assert [row["ok"] for row in json.loads(out)] == [True, None, None]


def test_validate_passes_a_file_of_rows_on(run: Run, api: FakeApi) -> None:
    run("validate", "scalesim", "--rows", "rows.csv", "--format", "json")
    assert api.calls == [("validate_suites", (("scalesim",),), {"rows": Path("rows.csv")})]

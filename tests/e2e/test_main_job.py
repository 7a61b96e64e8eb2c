"""The main job as a user runs it: a process, files, exit codes."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

KEYS = {
    *("model", "hardware", "scenario", "cycles", "latency_s", "initiation_interval_s", "throughput_per_s"),
    *("energy_j", "energy", "dram_bytes", "on_chip_bytes", "macs", "utilisation", "resources", "fits", "stalls"),
    *("nodes", "equivalence", "executor", "ranges", "assumptions"),
    *("sensitivities", "levers", "stops"),
}


def accelsim(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accelsim", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    done = accelsim("run", "m3vit-tiny", "edge-moe-zcu102", "--task", "semseg", "--out", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("m3vit-tiny (semseg) on edge-moe-zcu102\n")
    assert "loading" in done.stderr
    return folder


def test_a_run_writes_its_files_and_nothing_else(run_folder: Path) -> None:
    expected = {"report.txt", "result.json", "nodes.csv", "latency.png", "trace.json", "activity-semseg.json"}
    assert {path.name for path in run_folder.iterdir()} == expected
    assert [path for path in run_folder.parent.iterdir() if path != run_folder] == []


def test_the_result_has_the_documented_keys_and_consistent_numbers(run_folder: Path) -> None:
    result = json.loads((run_folder / "result.json").read_text())
    assert result.keys() >= KEYS
    assert result["resources"].keys() >= {"dsp", "bram36", "uram", "lut"}
    assert sum(result["stalls"].values()) == result["cycles"]
    assert sum(node["cycles"] for node in result["nodes"]) == result["cycles"]
    low, high = result["ranges"]["latency_s"]
    assert low < result["latency_s"] < high
    assert result["fits"] is True


def test_the_outputs_equal_those_of_pytorch_and_onnx_runtime(run_folder: Path) -> None:
    equivalence = json.loads((run_folder / "result.json").read_text())["equivalence"]
    assert set(equivalence) == {"torch", "onnxruntime"}
    for entry in equivalence.values():
        assert entry["ok"] is True
        assert 0.0 < entry["max_rel_err"] < 1e-4
        assert entry["inputs_differ"] is True
        assert entry["nodes_compared"] > 100
        assert entry["first_bad"] is None


def test_the_run_was_timed_with_the_routing_that_the_engine_took(run_folder: Path) -> None:
    scenario = json.loads((run_folder / "result.json").read_text())["scenario"]
    assert scenario["activity_source"].startswith("recorded by the engine")
    assert len(scenario["active_experts"]) == 6
    assert all(8 <= active <= experts == 16 for active, experts in scenario["active_experts"].values())


def test_the_recorded_activity_can_be_timed_again_without_an_execution(run_folder: Path) -> None:
    cycles = json.loads((run_folder / "result.json").read_text())["cycles"]
    words = ("simulate", "m3vit-tiny", "edge-moe-zcu102", "--activity", run_folder / "activity-semseg.json")
    again = accelsim(*words, "--format", "json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["cycles"] == cycles


def test_the_node_table_and_the_trace_are_readable(run_folder: Path) -> None:
    rows = list(csv.DictReader((run_folder / "nodes.csv").read_text().splitlines()))
    names = {row["name"] for row in rows}
    assert {"encoder.patch_embed", "encoder.blocks.1.moe", "encoder.blocks.0.attn.qkv.q"} <= names
    trace = json.loads((run_folder / "trace.json").read_text())
    intervals = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert len(intervals) > 300
    assert (run_folder / "latency.png").read_bytes().startswith(b"\x89PNG")


def test_a_sequence_of_tasks_gives_each_frame_its_latency(tmp_path: Path) -> None:
    done = accelsim("simulate", "m3vit-tiny", "edge-moe-zcu102", "--tasks", "semseg,depth,semseg", "--format", "json")
    assert done.returncode == 0, done.stderr
    frames = json.loads(done.stdout)["frames"]
    assert [frame["task"] for frame in frames] == ["semseg", "depth", "semseg"]
    assert [frame["reload_bytes"] for frame in frames] == [0, 36_864, 36_864]


BAD = {
    "unknown model": (("simulate", "m3vit-tinny", "edge-moe-zcu102"), 2, "did you mean 'm3vit-tiny'"),
    "unknown hardware": (("simulate", "m3vit-tiny", "edge-moe"), 2, "edge-moe-zcu102"),
    "unknown task": (("simulate", "m3vit-tiny", "edge-moe-zcu102", "--task", "sematic"), 2, "semseg"),
    "unknown path": (
        ("simulate", "m3vit-tiny", "edge-moe-zcu102", "-s", "units.linear.inptus=4"),
        2,
        "did you mean 'inputs'",
    ),
    "no unit in a value": (
        ("simulate", "m3vit-tiny", "edge-moe-zcu102", "-s", "links.weights.port_width=64"),
        2,
        "64 bit",
    ),
    "unknown activity": (("simulate", "m3vit-tiny", "edge-moe-zcu102", "--activity", "unifrm"), 2, "uniform"),
    "activity of another model": (
        ("simulate", "m3vit-small-pascal", "m3vit-zcu104-analytic", "--activity", "edge-moe-released-task0"),
        2,
        "1025 tokens",
    ),
    "unknown suite": (("validate", "edge-mo"), 2, "did you mean 'edge-moe'"),
    "weights that fit no buffer": (
        (
            "simulate",
            "m3vit-tiny",
            "edge-moe-zcu102",
            "-s",
            "memories.weights.words=1",
            "-s",
            "units.linear.outputs=64",
        ),
        3,
        "memories.weights.words",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_with_help_and_its_exit_code(case: str) -> None:
    words, code, hint = BAD[case]
    done = accelsim(*words, "--quiet") if words[0] == "simulate" else accelsim(*words)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    message = done.stderr.strip()
    assert message.count("\n") == 0
    assert message.startswith("accelsim: error: ")
    assert hint in message
    assert "Traceback" not in message


def test_a_design_that_does_not_fit_needs_a_word_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("run", "m3vit-tiny", "edge-moe-zcu102", "--no-verify", "--out", out, "-s", "units.linear.outputs=128")
    done = accelsim(*words)
    assert done.returncode == 3
    assert "DSP" in done.stderr
    assert "--allow-unfit" in done.stderr
    assert not out.exists()
    assert list(tmp_path.iterdir()) == []
    allowed = accelsim(*words, "--allow-unfit")
    assert allowed.returncode == 0, allowed.stderr
    assert json.loads((out / "result.json").read_text())["fits"] is False


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    done = accelsim("run", "m3vit-tiny", "edge-moe-zcu102", "--no-verify", "--out", tmp_path)
    assert done.returncode == 2
    assert "thesis.tex" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("after", ["executing", "running", "comparing", "timing", "writing"])
def test_a_run_that_is_terminated_leaves_nothing_behind(tmp_path: Path, after: str) -> None:
    """SIGTERM at a step of the job: no half-written folder, no process that goes on."""
    out = tmp_path / "out"
    words = ["run", "m3vit-tiny", "edge-moe-zcu102", "--out", str(out)]
    running = subprocess.Popen([sys.executable, "-m", "accelsim", *words], stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    for line in running.stderr:
        if after in line:
            running.send_signal(signal.SIGTERM)
            break
    running.stderr.close()
    assert running.wait() in (128 + signal.SIGTERM, 0)
    left = [path.name for path in tmp_path.iterdir()]
    assert left in ([], ["out"])
    if left:
        assert json.loads((out / "result.json").read_text())["cycles"] > 0

"""A sweep as jobs of an array, and on a real Dask scheduler with real workers, one of them killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from accelsim.cli.main import main
from accelsim.errors import InputError
from accelsim.sweep.load import load_sweep
from accelsim.sweep.parts import Parts
from accelsim.sweep.run import prepare, run_on_dask, tables_of
from accelsim.sweep.store import open_store


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_lost_worker_changes_nothing(sweep_file: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    assert main(["sweep", str(sweep_file), "--out", str(tmp_path / "here"), "--quiet"]) == 0
    parts, store = prepare(load_sweep(sweep_file), tmp_path / "there")
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster:
        killed: list[int] = []

        def done(points: int, failed: int, asked: int) -> None:
            if not killed:
                worker = next(iter(cluster.workers.values()))
                killed.append(worker.process.pid)
                _kill(worker.process.pid)

        run_on_dask(parts, store, store.missing(), address=cluster.scheduler_address, done=done)
    assert killed
    pd.testing.assert_frame_equal(open_store(tmp_path / "there").read(), open_store(tmp_path / "here").read())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_killed_client_is_resumed(sweep_file: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    assert main(["sweep", str(sweep_file), "--out", str(tmp_path / "here"), "--quiet"]) == 0
    out = tmp_path / "there"
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster:
        words = ["sweep", str(sweep_file), "--out", str(out), "--quiet", "--scheduler", cluster.scheduler_address]
        client = subprocess.Popen([sys.executable, "-m", "accelsim", *words])
        while client.poll() is None and not list(out.glob("parts/*.parquet")):
            time.sleep(0.001)
        assert client.poll() is None
        client.kill()
        client.wait()
        written = {part: part.stat().st_mtime_ns for part in out.glob("parts/*.parquet")}
        parts = Parts(load_sweep(sweep_file))
        assert 0 < len(written) < len(parts)
        assert main([*words, "--resume"]) == 0
    assert all(part.stat().st_mtime_ns == before for part, before in written.items())
    pd.testing.assert_frame_equal(open_store(out).read(), open_store(tmp_path / "here").read())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "variable"), [("slurm", "SLURM_ARRAY_TASK_ID"), ("lsf", "LSB_JOBINDEX"), ("sge", "SGE_TASK_ID")]
)
def test_the_jobs_of_a_script_fill_one_store(
    system: str, variable: str, sweep_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", str(sweep_file), "--out", str(tmp_path / "here"), "--quiet"]) == 0
    capsys.readouterr()
    words = ["--emit", system, "--shards", "2", "--out", str(tmp_path / "farm")]
    assert main(["sweep", str(sweep_file), *words]) == 0
    script = tmp_path / "jobs.sh"
    script.write_text(capsys.readouterr().out)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "accelsim").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m accelsim "$@"\n')
    (bin_folder / "accelsim").chmod(0o755)
    path = f"{bin_folder}:{os.environ['PATH']}"
    jobs = [
        subprocess.Popen(["sh", str(script)], env={**os.environ, "PATH": path, variable: str(index)})
        for index in (1, 2)
    ]
    assert [job.wait() for job in jobs] == [0, 0]
    pd.testing.assert_frame_equal(open_store(tmp_path / "farm").read(), open_store(tmp_path / "here").read())


@pytest.mark.parametrize("words", [["--shard", "1/2"], ["--scheduler", "tcp://127.0.0.1:9"], ["--emit", "slurm"]])
def test_a_search_is_refused_where_its_points_would_not_follow_each_other(
    words: list[str], sweep_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep_file.write_text(sweep_file.read_text() + "strategy: {kind: tpe, budget: 8}\n")
    assert main(["sweep", str(sweep_file), *words]) == 2
    assert "proposes points from those before" in capsys.readouterr().err


def test_a_worker_with_other_files_is_refused(sweep_file: Path) -> None:
    parts = Parts(load_sweep(sweep_file))
    changed = {**parts.provenance, "hardware.systolic-16": "another"}
    with pytest.raises(InputError, match=r"has another hardware\.systolic-16 than this machine"):
        tables_of(parts.spec.model_dump_json(), changed, [0])


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_an_input_error(sweep_file: Path, tmp_path: Path) -> None:
    parts, store = prepare(load_sweep(sweep_file), tmp_path / "none")
    with pytest.raises(InputError, match="cannot be reached"):
        run_on_dask(parts, store, [0], address="tcp://127.0.0.1:9", done=lambda *_: None)

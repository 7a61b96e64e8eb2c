"""Stores are filled part by part, and nothing that happens on the way loses, doubles or halves a point."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from accelsim.cli.main import main
from accelsim.errors import InputError
from accelsim.sweep.load import load_sweep
from accelsim.sweep.run import Shard
from accelsim.sweep.store import create_store, open_store


def sweep(path: Path, out: Path, *words: str) -> int:
    return main(["sweep", str(path), "--out", str(out), "--quiet", *words])


@pytest.fixture
def whole(sweep_file: Path, tmp_path: Path) -> pd.DataFrame:
    assert sweep(sweep_file, tmp_path / "whole") == 0
    return open_store(tmp_path / "whole").read()


def test_a_store_holds_every_point_with_its_results(whole: pd.DataFrame) -> None:
    assert len(whole) == 2 * 22
    assert whole["point"].is_monotonic_increasing
    assert whole["point"].is_unique
    assert (whole["cycles"] > 0).all()
    stalls = whole.filter(like="stall_").sum(axis=1)
    assert (stalls == whole["cycles"]).all()


def test_finished_parts_are_not_run_again(sweep_file: Path, tmp_path: Path, whole: pd.DataFrame) -> None:
    parts = sorted((tmp_path / "whole" / "parts").iterdir())
    before = [part.stat().st_mtime_ns for part in parts]
    parts[3].unlink()
    assert sweep(sweep_file, tmp_path / "whole", "--resume") == 0
    after = [part.stat().st_mtime_ns for part in parts]
    assert [a == b for a, b in zip(after, before, strict=True)] == [index != 3 for index in range(len(parts))]
    pd.testing.assert_frame_equal(open_store(tmp_path / "whole").read(), whole)


def test_shards_make_the_same_store(sweep_file: Path, tmp_path: Path, whole: pd.DataFrame) -> None:
    out = tmp_path / "shards"
    for shard in ("3/3", "1/3", "2/3"):
        assert sweep(sweep_file, out, "--shard", shard) == 0
    pd.testing.assert_frame_equal(open_store(out).read(), whole)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "kills"), [((), 20), (("--shard", "2/2"), 4)])
def test_kills_lose_and_double_nothing(
    sweep_file: Path, tmp_path: Path, whole: pd.DataFrame, words: tuple[str, ...], kills: int
) -> None:
    out, moments = tmp_path / "killed", random.Random(0)
    command = [sys.executable, "-m", "accelsim", "sweep", str(sweep_file), "--out", str(out), "--quiet"]
    done = 0
    while done < kills:
        running = subprocess.Popen([*command, *words])
        time.sleep(moments.uniform(0.3, 3.0))
        if running.poll() is not None:
            parts = sorted((out / "parts").iterdir())
            for path in moments.sample(parts, min(3, len(parts))):
                path.unlink()  # finished too soon: give the next one something to do
            continue
        running.send_signal(signal.SIGKILL)
        running.wait()
        done += 1
    assert subprocess.run(command, check=False).returncode == 0
    pd.testing.assert_frame_equal(open_store(out).read(), whole)
    assert not list((out / "parts").glob(".*"))


def test_pandas_and_duckdb_read_the_folder_as_it_lies(tmp_path: Path, whole: pd.DataFrame) -> None:
    parts = tmp_path / "whole" / "parts"
    read = pd.read_parquet(parts).sort_values("point", ignore_index=True)
    pd.testing.assert_frame_equal(read, whole)
    found = duckdb.sql(f"select count(*), min(latency_s) from '{parts}/*.parquet'").fetchall()
    assert found == [(len(whole), whole["latency_s"].min())]


def test_a_folder_of_another_sweep_is_not_touched(sweep_file: Path, tmp_path: Path, whole: pd.DataFrame) -> None:
    spec = load_sweep(sweep_file).model_copy(update={"name": "other"})
    with pytest.raises(InputError, match="holds another sweep"):
        create_store(tmp_path / "whole", spec, parts=1, points=1, provenance={})
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "notes.txt").touch()
    with pytest.raises(InputError, match="is no sweep"):
        create_store(tmp_path / "files", spec, parts=1, points=1, provenance={})


def test_points_that_fail_are_rows_with_their_reason(sweep_file: Path, tmp_path: Path) -> None:
    text = sweep_file.read_text().replace("units.array.rows: [8, 16, 32]", "memories.weights.words: [1, 2, 4096]")
    sweep_file.write_text(text.replace("units.array.cols", "units.array.rows").replace("[32, 16, 8]", "[64, 64, 16]"))
    assert sweep(sweep_file, tmp_path / "fails", "--strict") == 4
    frame = open_store(tmp_path / "fails").read()
    failed = frame[frame["latency_s"].isna()]
    assert 0 < len(failed) < len(frame)
    assert failed["failure"].str.contains("weights").all()
    assert failed["levers"].str.contains("raise memories.weights.words").all()
    assert not failed["failure"].str.contains("would help").any()
    assert not failed["fits"].any()


def test_what_a_killed_run_left_is_removed(sweep_file: Path, tmp_path: Path, whole: pd.DataFrame) -> None:
    parts = tmp_path / "whole" / "parts"
    here = socket.gethostname()
    gone, own, elsewhere = (
        parts / f".000001.parquet.{owner}.partial" for owner in (f"{here}.99999999", f"{here}.{os.getpid()}", "farm7.1")
    )
    for path in (gone, own, elsewhere):
        path.write_bytes(b"half")
    assert sweep(sweep_file, tmp_path / "whole") == 0
    assert (gone.exists(), own.exists(), elsewhere.exists()) == (False, True, True)
    assert len(pd.read_parquet(parts)) == len(whole)


def test_jobs_that_make_one_store_at_once_do_not_refuse_each_other(sweep_file: Path, tmp_path: Path) -> None:
    (tmp_path / "shared" / "parts").mkdir(parents=True)
    (tmp_path / "shared" / ".sweep.json.farm7.1.partial").touch()
    assert sweep(sweep_file, tmp_path / "shared", "--shard", "1/2") == 0


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not i/n"):
        Shard.parse(text)


@pytest.mark.parametrize("system", ["slurm", "lsf", "sge"])
def test_scripts_of_job_arrays_are_shell(system: str, sweep_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", str(sweep_file), "--emit", system, "--shards", "12", "--jobs", "4"]) == 0
    script = capsys.readouterr().out
    assert script.startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    assert '/12" --jobs 4' in script
    assert str(sweep_file) in script

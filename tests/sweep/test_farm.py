"""A sweep on a real Dask scheduler with real workers, one of them killed in the middle."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from accelsim.cli.main import main
from accelsim.errors import InputError
from accelsim.sweep.load import load_sweep
from accelsim.sweep.run import prepare, run_on_dask
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


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_an_input_error(sweep_file: Path, tmp_path: Path) -> None:
    parts, store = prepare(load_sweep(sweep_file), tmp_path / "none")
    with pytest.raises(InputError, match="cannot be reached"):
        run_on_dask(parts, store, [0], address="tcp://127.0.0.1:9", done=lambda *_: None)

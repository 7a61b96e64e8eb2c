"""The sweeps that ship: each can be read, and those that need no trained models run on a few of their points."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.cli.main import main
from accelsim.sweep.api import read_points
from accelsim.sweep.load import load_sweep, shipped_sweep, sweep_names
from accelsim.sweep.parts import Parts
from accelsim.sweep.run import run
from accelsim.sweep.space import axes_of
from accelsim.sweep.spec import Random

MEASURED = tuple(name for name in sweep_names() if name.startswith("accuracy-"))
OTHERS = tuple(name for name in sweep_names() if name not in MEASURED)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_some_points_of_a_shipped_sweep_are_timed(name: str, tmp_path: Path) -> None:
    spec = load_sweep(name)
    few = spec.model_copy(
        update={"models": spec.models[:2], "strategy": Random(kind="random", budget=4), "where": (), "limits": ()}
    )
    run(few, tmp_path / "store")
    frame = read_points(tmp_path / "store").frame
    assert len(frame) == 4
    assert frame["latency_s"].notna().all()


def test_the_five_systems_are_swept_on_three_boards() -> None:
    spec = load_sweep("five-systems-three-boards")
    systems = ("m3vit", "padnet", "pruning-adapter", "pdcnet", "densemtl")
    assert all(choice.model.startswith(system) for choice, system in zip(spec.models, systems, strict=True))
    assert len(spec.settings.grid["board"]) == 3
    assert Parts(spec).points == 8 * 72


@pytest.mark.parametrize("name", MEASURED)
def test_measured_sweeps_have_axes_and_a_table(name: str) -> None:
    spec = shipped_sweep(name)
    assert len(axes_of(spec.settings)) == 2
    assert spec.accuracy is not None
    assert spec.models[0].model.endswith("*")


def test_sweeps_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "sweeps", "--format", "csv"]) == 0
    listed = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert listed == list(sweep_names())
    assert len(MEASURED) == 5

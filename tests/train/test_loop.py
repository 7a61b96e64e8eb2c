"""The training loop and its rows: what is done stays, what was cut off starts again, and seeds decide all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from accelsim.errors import InputError
from models.train.loop import Job, Outcome, Recipe, draw_batches
from models.train.rows import chosen_rows, is_done, read_rows, row_file, train_row

RECIPE = Recipe(steps=60, batch=16, rate=0.05, weight_decay=0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Points in the plane to be told apart by a line."""
    data = tmp_path / "line"
    data.mkdir()
    rng = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        x = rng.standard_normal((100, 2)).astype(np.float32)
        np.savez(data / f"{split}.npz", **{"x": x, "label.side": (x.sum(1) > 0).astype(np.int64)})
    tasks = {"side": {"kind": "classification", "classes": 2}}
    (data / "data.json").write_text(json.dumps({"name": "line", "tasks": tasks}))
    return data


def _train(job: Job, folder: Path) -> Outcome:
    data, network = job.data(str(folder)), nn.Linear(2, 2)
    arrays: dict[str, NDArray[np.generic]] = job.arrays(data, "train", ("x", "label.side"))
    losses = job.fit(network, lambda batch: F.cross_entropy(network(batch["x"]), batch["label.side"]), arrays, RECIPE)
    metrics = job.score(data, ("x",), lambda batch: {"side": network(batch["x"])})
    return Outcome(metrics, network, (torch.zeros(1, 2),), steps=RECIPE.steps, details={"losses": losses})


@pytest.mark.slow
def test_a_row_learns_and_says_what_it_cost(folder: Path, tmp_path: Path) -> None:
    row = train_row("line", 0, lambda job: _train(job, folder), folder=tmp_path, weights=tmp_path, quiet=True)
    assert row.metrics["test"]["side"] > 0.9
    assert row.metrics["validation"].keys() == {"side"}
    assert (row.parameters, row.gmac, row.data, row.kinds) == (6, 4e-9, "line", {"side": "classification"})
    assert row.details["losses"][0] > row.details["losses"][-1]
    assert (tmp_path / "line.safetensors").is_file()
    assert read_rows(tmp_path) == [row]


def test_a_seed_gives_the_same_row_and_another_seed_another(folder: Path, tmp_path: Path) -> None:
    def losses(seed: int, name: str) -> object:
        row = train_row(name, seed, lambda job: _train(job, folder), folder=tmp_path, weights=tmp_path, quiet=True)
        return row.details["losses"]

    assert losses(1, "a") == losses(1, "b") != losses(2, "c")
    assert not (tmp_path / "a.safetensors").exists(), "only one seed ships"


def test_a_row_that_was_cut_off_starts_again_and_one_that_is_done_stays(folder: Path, tmp_path: Path) -> None:
    def killed(job: Job) -> Outcome:
        _train(job, folder)
        raise KeyboardInterrupt

    places = {"folder": tmp_path / "rows", "weights": tmp_path / "weights"}
    with pytest.raises(KeyboardInterrupt):
        train_row("line", 0, killed, **places, quiet=True)
    assert not is_done("line", 0, **places)
    train_row("line", 0, lambda job: _train(job, folder), **places, quiet=True)
    assert is_done("line", 0, **places)
    (places["weights"] / "line.safetensors").unlink()
    assert not is_done("line", 0, **places), "the weights that ship belong to the row"
    row_file("line", 1, folder=places["folder"]).with_suffix(".json.9.partial").write_text("{")
    assert not is_done("line", 1, **places)


def test_a_loss_that_is_not_finite_ends_the_row(folder: Path) -> None:
    job = Job("line", 0, quiet=True)
    network = nn.Linear(2, 2)
    arrays = job.arrays(job.data(str(folder)), "train", ("x",))
    with pytest.raises(FloatingPointError, match="line: the loss of step 0 is nan"):
        job.fit(network, lambda batch: network(batch["x"]).sum() * float("nan"), arrays, RECIPE)


def test_batches_see_every_sample_once_before_any_twice() -> None:
    batches = draw_batches(10, 4, 5, seed=3)
    assert sorted(np.concatenate(batches).tolist()) == sorted([*range(10)] * 2)
    assert sorted(np.concatenate(batches)[:10].tolist()) == [*range(10)]


def test_the_rate_rises_and_then_falls_to_nothing() -> None:
    recipe = Recipe(steps=100, batch=1, rate=1.0, warmup=0.1)
    rates = [recipe.rate_at(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == pytest.approx(1) == pytest.approx(max(rates))
    assert rates[100] == pytest.approx(0)
    assert rates[9:] == sorted(rates[9:], reverse=True)


def test_rows_are_chosen_by_name_and_seed() -> None:
    names = ("one", "one-more", "plain")
    assert chosen_rows((), names, seedless={"plain"})[:4] == [("one", 0), ("one-more", 0), ("plain", 0), ("one", 1)]
    assert ("plain", 1) not in chosen_rows((), names, seedless={"plain"})
    assert chosen_rows(("one*:2",), names) == [("one", 2), ("one-more", 2)]
    with pytest.raises(InputError, match="no row fits 'on:"):
        chosen_rows(("on",), names)

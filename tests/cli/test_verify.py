"""`accelsim verify`: which tasks and engines it asks for, what it prints, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from accelsim.evaluate import load as loading
from accelsim.evaluate import verify as verifying
from accelsim.results import Equivalence
from tests.cli.conftest import Run
from tests.results.sample import sample_result


@dataclass(frozen=True)
class FakeModel:
    task: str
    model: str = "m3vit-tiny"
    tasks: tuple[str, ...] = ("semseg", "depth")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """(task, engines) of each verification."""
    calls: list[tuple[str, tuple[str, ...]]] = []
    good = sample_result().equivalence
    assert good is not None

    def verify_model(
        loaded: FakeModel, *, against: tuple[str, ...] | None, progress: Callable[[str], None]
    ) -> Equivalence:
        progress("a step")
        calls.append((loaded.task, against or ()))
        return good

    def load_model(name: str, *, task: str | None = None, options: object = None) -> FakeModel:
        return FakeModel(task or "semseg")

    monkeypatch.setattr(verifying, "verify_model", verify_model)
    monkeypatch.setattr(loading, "load_model", load_model)
    return calls


def test_all_tasks_and_every_engine_by_default(run: Run, asked: list[Any]) -> None:
    code, out, err = run("verify", "m3vit-tiny")
    assert code == 0
    assert asked == [("semseg", ()), ("depth", ())]
    assert out.startswith("m3vit-tiny (semseg)  outputs: equal to torch and onnxruntime (worst 1.9e-06")
    assert "Outputs beside other engines, depth" in out
    assert "Nodes with the largest differences" in out
    assert "accelsim: a step\n" in err


def test_one_task_and_one_engine(run: Run, asked: list[Any]) -> None:
    code, out, _ = run("verify", "m3vit-tiny", "--task", "depth", "--against", "torch", "--format", "json")
    assert code == 0
    assert asked == [("depth", ("torch",))]
    record = json.loads(out)
    assert list(record["tasks"]) == ["depth"]
    assert record["tasks"]["depth"]["torch"]["ok"] is True


def test_a_difference_is_printed_and_ends_with_5(run: Run, asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    good = sample_result().equivalence
    assert good is not None
    bad = replace(good, entries=(replace(good.entries[0], ok=False, first_bad="encoder.blocks.3.moe"),))
    monkeypatch.setattr(verifying, "verify_model", lambda loaded, **options: bad if loaded.task == "depth" else good)
    code, out, err = run("verify", "m3vit-tiny")
    assert code == 5
    assert "encoder.blocks.3.moe" in out
    assert "m3vit-tiny: the outputs of depth are not those of the other engines" in err

"""Prepared data: found by folder, read with care, and complained about by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.evaluate.data import load_data
from accelsim.evaluate.metrics import Task
from tests.evaluate.labelled import write_data


def test_a_folder_is_read_with_its_tasks_inputs_and_labels(tmp_path: Path) -> None:
    data = load_data(write_data(tmp_path))
    assert (data.name, data.source, data.licence) == ("shapes", "made up", "none")
    assert dict(data.tasks) == {"digit": Task("digit", "classification", classes=4)}
    split = data.split("test")
    assert (len(split), set(split.inputs), set(split.labels)) == (50, {"image"}, {"digit"})
    assert split.inputs["image"].shape == (50, 1, 8, 8)


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    first, again = (load_data(write_data(tmp_path / name)).split("test") for name in ("a", "b"))
    assert first.digest == again.digest
    assert first.head(10).digest != first.digest
    assert len(first.head(10)) == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tasks": {"digit": {"kind": "clasification"}}}, "did you mean 'classification'"),
        ({"tasks": {"digit": {"kind": "classification"}}}, "task 'digit': needs 'classes'"),
        ({"tasks": ["digit"]}, "needs 'tasks'"),
        ({"tasks": {"digit": {"kind": "classification", "classes": 4}, "depth": {"kind": "depth"}}}, "no labels"),
    ],
)
def test_a_description_that_is_wrong_is_located(tmp_path: Path, change: dict[str, object], words: str) -> None:
    folder = write_data(tmp_path)
    (folder / "data.json").write_text(json.dumps({"name": "shapes", **change}))
    with pytest.raises(InputError, match=words):
        load_data(folder).split("test")


def test_what_is_not_prepared_says_how_to_prepare_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no data 'no-such'.*run `make data`"):
        load_data("no-such")
    folder = write_data(tmp_path)
    (folder / "test.npz").unlink()
    with pytest.raises(InputError, match=r"test\.npz: no such file; run `make data`"):
        load_data(folder).split("test")
    (folder / "validation.npz").write_bytes(b"not a zip")
    with pytest.raises(InputError, match=r"validation\.npz: not an \.npz"):
        load_data(folder).split("validation")
    with pytest.raises(InputError, match=r"'tests' is not a split.*did you mean 'test'"):
        load_data(folder).split("tests")


def test_arrays_of_different_lengths_are_refused(tmp_path: Path) -> None:
    folder = write_data(tmp_path)
    np.savez(folder / "test.npz", image=np.zeros((3, 1)), **{"label.digit": np.zeros(2, np.int64)})
    with pytest.raises(InputError, match=r"as many samples in each array; got \[2, 3\]"):
        load_data(folder).split("test")

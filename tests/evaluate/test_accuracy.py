"""Accuracy: our engine's metric is PyTorch's, batches do not matter, and rows are told apart by what they measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import accelsim
from accelsim.errors import InputError
from accelsim.evaluate.accuracy import accuracy
from accelsim.evaluate.data import load_data
from accelsim.evaluate.load import load_model
from accelsim.evaluate.metrics import score
from tests.evaluate.labelled import TASKS, images, write_data, write_model


@pytest.fixture
def model(tmp_path: Path) -> str:
    return write_model(tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


@pytest.mark.slow
def test_the_engine_s_metric_is_torch_s_on_the_same_weights(model: str, data: Path) -> None:
    import torch

    (row,) = accelsim.accuracy(model, data, against="torch", batch=16)
    module = _module(model)
    with torch.inference_mode():
        logits = module(torch.from_numpy(images("test", 50))).numpy()
    found = load_data(data)
    assert row.torch == score(found.tasks["digit"], logits, found.split("test").labels["digit"])
    assert row.value == row.torch
    assert row.agrees
    assert (row.model, row.task, row.metric, row.samples) == ("network:build", "digit", "accuracy", 50)


def _module(model: str) -> Callable[..., object]:
    from accelsim.frontends.modelspec import find_model
    from accelsim.frontends.torch_build import build_model

    return build_model(find_model(model), "")[0]


@pytest.mark.parametrize("batch", [7, 50, 64])
def test_the_size_of_a_batch_changes_nothing(model: str, data: Path, batch: int) -> None:
    (alone,), (row,) = accuracy(model, data), accuracy(model, data, batch=batch)
    assert row == alone


def test_a_limit_takes_the_first_samples_and_makes_another_row(model: str, data: Path) -> None:
    (some,), (all_,) = accuracy(model, data, limit=10), accuracy(model, data)
    assert some.samples == 10
    assert some.key != all_.key


def test_known_rows_are_not_run_again(model: str, data: Path) -> None:
    (row,) = accuracy(model, data)
    marked = replace(row, value=-1.0)
    assert accuracy(model, data, known=(marked,)) == (marked,)
    (other,) = accuracy(model, data, known=(marked,), arguments={"width": 6})
    assert (other.variant, other.value) == ("width=6", pytest.approx(other.value))
    assert other.weights != row.weights
    assert other.value >= 0


def test_each_precision_is_a_row_and_int16_is_nearly_float32(model: str, data: Path) -> None:
    rows = accuracy(model, data, precisions=("float32", "int16", "fixed<8,1>"))
    assert [row.precision for row in rows] == ["float32", "int16", "fixed<8,1>"]
    assert rows[1].value == pytest.approx(rows[0].value, abs=0.021)


def test_every_sample_is_counted_once(model: str, data: Path) -> None:
    seen: list[int] = []

    @contextmanager
    def counting(total: int) -> Iterator[Callable[[int], None]]:
        assert total == 50
        yield seen.append

    accuracy(model, data, batch=16, counting=counting)
    assert seen == [16, 16, 16, 2]


def test_outputs_of_several_tasks_need_a_catalogue_and_one_output_a_task(model: str, tmp_path: Path) -> None:
    two = write_data(tmp_path / "two", tasks={**TASKS, "letter": TASKS["digit"]})
    with pytest.raises(InputError, match="one output, data 'shapes' several tasks: digit, letter"):
        accuracy(model, two)
    (row,) = accuracy(model, two, task="letter")
    assert row.task == "letter"
    with pytest.raises(InputError, match="2 outputs, but 0 tasks"):
        accuracy(model.replace(":build", ":dense"), two)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"task": "digits"}, "no task 'digits'.*did you mean 'digit'"),
        ({"split": "tset"}, "not a split"),
        ({"precisions": ("int9000",)}, "not a precision"),
        ({"against": "onnxruntime"}, "compared with torch"),
        ({"arguments": {"depth": 3}}, "takes no argument 'depth'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(
    model: str, data: Path, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        accuracy(model, data, **arguments)  # type: ignore[arg-type]


def test_a_model_whose_data_is_not_known_asks_for_it(model: str) -> None:
    with pytest.raises(InputError, match="names no data"):
        accuracy(model)


def test_inputs_that_do_not_fit_the_data_are_named(model: str, data: Path) -> None:
    arrays = {"pixels": images("test", 5), "label.digit": np.zeros(5, np.int64)}
    np.savez(data / "test.npz", **arrays)
    with pytest.raises(InputError, match="input 'image' is not in split 'test'"):
        accuracy(model, data)
    np.savez(data / "test.npz", image=np.zeros((5, 1, 9, 9), np.float32), **{"label.digit": arrays["label.digit"]})
    with pytest.raises(InputError, match=r"input 'image' is \[1, 1, 8, 8\], a sample of split 'test' \[1, 9, 9\]"):
        accuracy(model, data)


def test_the_calibration_looks_at_training_samples_only(model: str, data: Path) -> None:
    (before,) = accuracy(model, data, precisions=("int8",))
    with np.load(data / "train.npz") as stored:
        louder = {name: stored[name] for name in stored.files}
    louder["image"] = louder["image"] * 1000
    np.savez(data / "train.npz", **louder)
    (after,) = accuracy(model, data, precisions=("int8",))
    assert before.data_digest == after.data_digest
    assert load_model(model).graph.weights_digest.startswith(after.weights)
    assert before.value != after.value


def test_an_exported_model_has_the_metric_of_its_source(model: str, data: Path, tmp_path: Path) -> None:
    (row,) = accuracy(model, data)
    path = tmp_path / "network.onnx"
    accelsim.export_onnx(load_model(model, arguments={"batch": 10}).graph, path)
    (exported,) = accuracy(str(path), data)
    assert exported.value == row.value
    with pytest.raises(InputError, match="torch does not run ONNX files"):
        accuracy(str(path), data, against="torch")

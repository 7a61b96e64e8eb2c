"""The engine's metric of every trained model is PyTorch's on the same weights, to four digits."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping

import pytest
import torch

from accelsim.errors import InputError
from accelsim.evaluate.accuracy import ALL, accuracy
from accelsim.evaluate.data import Data, Split, load_data
from accelsim.evaluate.metrics import score
from accelsim.frontends.modelspec import ModelSpec, catalogue
from accelsim.frontends.torch_build import build_model
from accelsim.passes.precision import FULL
from accelsim.results.accuracy import read_accuracy
from accelsim.shipped import shipped_dir

SAMPLES = 48
TRAINED = {path.stem for path in (shipped_dir("models") / "weights").glob("*.safetensors")}
MINIS = {
    name: spec for name, spec in catalogue().items() if spec.data and spec.arguments.get("weights", name) in TRAINED
}
TABLE = read_accuracy(shipped_dir("models").parent / "reports" / "accuracy.csv")


def test_the_table_of_accuracies_is_of_models_that_ship_and_agrees_with_torch() -> None:
    assert {row.model for row in TABLE} <= set(MINIS)
    assert all(row.agrees is not False for row in TABLE if row.precision == FULL)


def held_out(name: str) -> tuple[Data, Split]:
    """Data and their first test samples; without data the test cannot run, and in CI that is a failure."""
    try:
        data = load_data(name)
        return data, data.split("test").head(SAMPLES)
    except InputError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


def in_torch(spec: ModelSpec, task: str, split: Split) -> tuple[torch.Tensor, ...]:
    """The outputs of the plain module; its arguments are named as the arrays of the data."""
    module, _, _ = build_model(spec.with_arguments({"batch": SAMPLES}), task)
    names = inspect.signature(module.forward).parameters
    with torch.inference_mode():
        made = module(*(torch.from_numpy(split.inputs[name]) for name in names))
    return made if isinstance(made, tuple) else (made,)


def torch_metrics(spec: ModelSpec, data: Data, split: Split) -> Mapping[str, float]:
    own = [task for task in spec.tasks if task != ALL]
    outputs: dict[str, torch.Tensor] = {}
    if ALL in spec.tasks:
        outputs = dict(zip(own, in_torch(spec, ALL, split), strict=True))
    elif own:
        outputs = {task: in_torch(spec, task, split)[0] for task in own}
    else:
        outputs = {spec.data.partition("/")[2] or next(iter(data.tasks)): in_torch(spec, "", split)[0]}
    return {
        task: score(data.tasks[task], output.numpy(), split.labels[task])
        for task, output in outputs.items()
        if task in data.tasks
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", MINIS)
def test_engine_and_torch_have_the_same_metrics(name: str) -> None:
    spec = MINIS[name]
    data, split = held_out(spec.data.partition("/")[0])
    rows = accuracy(name, limit=SAMPLES)
    wanted = torch_metrics(spec, data, split)
    assert {row.task for row in rows} == set(wanted)
    for row in rows:
        assert {one.weights for one in TABLE if (one.model, one.variant, one.task) == (name, "", row.task)} <= {
            row.weights
        }
        assert row.value == pytest.approx(wanted[row.task], abs=5e-5 * max(1.0, abs(wanted[row.task])))

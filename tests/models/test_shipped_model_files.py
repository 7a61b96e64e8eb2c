"""The catalogue, the activity files, and that the models stand alone."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any

import m3vit
import pytest
import torch

from accelsim.ir.activity import load_activity

NAMES = {"m3vit-tiny", "m3vit-small", "m3vit-small-pascal", "mvit-small", "mvit-small-pascal"}
BASELINES = {
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "vgg16", "vgg19", "mobilenet-v1", "mobilenet-v2"),
    *("inception-v3", "squeezenet", "vit-tiny", "vit-small", "vit-base", "bert-base", "deeplab-v3", "unet"),
}


def test_catalogue_names_what_exists(catalogue: dict[str, dict[str, Any]], models_dir: Path) -> None:
    assert set(catalogue) >= NAMES | BASELINES
    for entry in catalogue.values():
        file, function = entry["builder"].split(":")
        assert (models_dir / file).is_file()
        builder = getattr(importlib.import_module(file.removesuffix(".py")), function)
        assert set(entry.get("arguments", {})) <= set(inspect.signature(builder).parameters)
        assert set(entry.get("variants", {}).values()) < set(catalogue)
        assert entry["title"]
        assert entry["sources"]
        assert entry["notes"]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_catalogue_arguments_build_each_task(name: str, catalogue: dict[str, dict[str, Any]]) -> None:
    arguments = {"top_k": 2, "hidden_ratio": 2, **catalogue[name]["arguments"]}
    tasks = catalogue[name]["tasks"]
    assert tasks == list(m3vit.DATASETS[arguments["dataset"]].channels)
    for task in tasks:
        with torch.device("meta"):
            model = m3vit.assemble(task, **arguments)
        assert model.get_submodule(catalogue[name]["hardware_scope"]) is model.encoder


def test_example_takes_the_arguments_of_the_catalogue(catalogue: dict[str, dict[str, Any]]) -> None:
    (image,) = m3vit.example(4, **catalogue["m3vit-small"]["arguments"])
    assert image.shape == (1, 3, 480, 640)
    assert image.std().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("task", "active", "longest"), [(0, 12, 33), (1, 13, 51)])
def test_released_routing_of_edge_moe_fits_m3vit_tiny(task: int, active: int, longest: int, models_dir: Path) -> None:
    nodes = {f"blocks.{block}.moe": (129, 2, 16) for block in (1, 3, 5, 7, 9, 11)}
    activity = load_activity(models_dir / "activity" / f"edge-moe-released-task{task}.json", nodes=nodes)
    assert set(activity.routings) == set(nodes)
    for routing in activity.routings.values():
        assert (sum(routing.queues), routing.active, max(routing.queues)) == (258, active, longest)
        assert routing.ids is None
    assert f"task {task}" in activity.source
    assert "one layer reused for all" in activity.source


def test_models_import_nothing_of_accelsim(models_dir: Path) -> None:
    for file in models_dir.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            assert not [name for name in names if name.split(".")[0] == "accelsim"], file

"""The folder of the shipped models on the path, as for a user's script in it, and the models built once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

MODELS = Path(__file__).resolve().parents[2] / "models"
sys.path.insert(0, str(MODELS))


@pytest.fixture(scope="session")
def models_dir() -> Path:
    return MODELS


@pytest.fixture(scope="session")
def catalogue() -> dict[str, dict[str, Any]]:
    return YAML(typ="safe").load(MODELS / "catalogue.yaml")


@pytest.fixture(scope="session")
def tiny() -> dict[str, Any]:
    """m3vit-tiny by task, in eval mode; nobody may change its weights."""
    from m3vit import build

    return {task: build(task)[0] for task in ("semseg", "depth")}

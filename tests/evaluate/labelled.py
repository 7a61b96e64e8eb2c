"""A small data set and a model that was built, not trained, for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MODEL = """
import torch
from torch import nn

class Network(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, 4)

    def forward(self, image):
        return self.fc(torch.relu(self.norm(self.conv(image))).amax(dim=(2, 3)))

def build(*, width=8, batch=1):
    torch.manual_seed(0)
    return Network(width).eval(), (torch.zeros(batch, 1, 8, 8),)

class Both(nn.Module):
    def forward(self, image):
        return torch.cat([image, -image, image * 0.5], dim=1), image * 2

def dense(*, batch=1):
    return Both().eval(), (torch.zeros(batch, 1, 8, 8),)
"""
TASKS = {"digit": {"kind": "classification", "classes": 4}}


def write_model(folder: Path) -> str:
    path = folder / "network.py"
    path.write_text(MODEL, encoding="utf-8")
    return f"{path}:build"


def images(split: str, count: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(sum(split.encode()))
    return rng.standard_normal((count, 1, 8, 8)).astype(np.float32)


def write_data(folder: Path, *, tasks: Mapping[str, object] | None = None, **others: object) -> Path:
    """50 test samples and 20 of the others, with random labels."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"name": "shapes", "source": "made up", "licence": "none", "tasks": tasks or TASKS, **others}
    (folder / "data.json").write_text(json.dumps(record), encoding="utf-8")
    for split, count in (("train", 20), ("validation", 20), ("test", 50)):
        rng = np.random.default_rng(count)
        labels = {f"label.{task}": rng.integers(4, size=count) for task in tasks or TASKS}
        np.savez(folder / f"{split}.npz", image=images(split, count), **labels)
    return folder

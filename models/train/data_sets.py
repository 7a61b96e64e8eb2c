"""Writing a data set: one folder with a file for each split and `data.json`, which is written last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class DataSet:
    """What `data.json` says of a data set. `version` grows when the same name stands for other samples."""

    name: str
    version: int
    source: str
    licence: str
    inputs: Mapping[str, Mapping[str, object]]
    tasks: Mapping[str, Mapping[str, object]]

    def is_written(self, folder: Path) -> bool:
        """Whether the data set lies below `folder`, whole and in this version."""
        try:
            return json.loads((folder / self.name / "data.json").read_text()) == self._record()
        except (OSError, ValueError):
            return False

    def write(self, folder: Path, splits: Mapping[str, Arrays]) -> None:
        """Write every split, uncompressed, and then the description."""
        target = folder / self.name
        target.mkdir(parents=True, exist_ok=True)
        (target / "data.json").unlink(missing_ok=True)
        for split in SPLITS:
            np.savez(target / f"{split}.npz", **splits[split])
        (target / "data.json").write_text(json.dumps(self._record(), indent=2) + "\n")

    def _record(self) -> dict[str, object]:
        return {
            "name": self.name,
            "version": self.version,
            "source": self.source,
            "licence": self.licence,
            "inputs": {name: dict(entry) for name, entry in self.inputs.items()},
            "tasks": {name: dict(entry) for name, entry in self.tasks.items()},
        }

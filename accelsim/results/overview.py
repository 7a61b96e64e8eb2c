"""What a model is made of: its modules and nodes with shapes, parameters, work and bytes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Made:
    """A tensor that goes into or comes out of a part."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def text(self) -> str:
        return f"{self.dtype} {' x '.join(map(str, self.shape))}" if self.shape else self.dtype


@dataclass(frozen=True)
class Part:
    """A module of a user's model, or a node of its graph; what a module holds and does includes its parts.

    `op` is empty for a module of several nodes. `outputs` leave the part. `parameters` counts elements that the user's
    model holds as parameters, each at the first node that reads it; `weight_bytes` takes in buffers and other
    constants. `macs` are multiply-accumulates; `output_bytes` is what its nodes make, without those that only rename
    or move elements.
    """

    name: str
    path: str
    op: str
    outputs: tuple[Made, ...]
    nodes: int
    parameters: int
    weight_bytes: int
    macs: int
    output_bytes: int
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Overview:
    """A whole model; `total` is its tree. `notes` tell what the counts assume."""

    model: str
    task: str
    digest: str
    scope: str
    inputs: tuple[Made, ...]
    total: Part
    buffers: int
    notes: tuple[str, ...] = ()

    def dumps(self) -> str:
        """As JSON, ending in a newline."""
        return json.dumps(asdict(self), indent=1) + "\n"

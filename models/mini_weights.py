"""The trained weights of the small models, one safetensors file for each in `weights/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor, nn

WEIGHTS = Path(__file__).resolve().parent / "weights"


def fill_trained(module: nn.Module, name: str, *, renamed: Mapping[str, str] | None = None) -> None:
    """Give `module`, which may be on the meta device, the weights of `name`; under `torch.device("meta")` none.

    `renamed` maps the first part of a parameter's name in the module to its beginning in the file, where the file
    holds more than the module (one decoder for each task). Raises FileNotFoundError for weights that do not ship and
    RuntimeError for those of another network.
    """
    if torch.get_default_device().type == "meta":
        return
    stored = read_weights(name)
    state = {key: stored[_stored_name(key, renamed or {})] for key in module.state_dict()}
    module.load_state_dict(state, strict=True, assign=True)


def read_weights(name: str) -> dict[str, Tensor]:
    """All tensors of a file; read through Python, so that a cached trace notices when they change."""
    with (WEIGHTS / f"{name}.safetensors").open("rb") as stream:
        return load(stream.read())


def _stored_name(key: str, renamed: Mapping[str, str]) -> str:
    first, dot, rest = key.partition(".")
    return f"{renamed.get(first, first)}{dot}{rest}"

"""Every row there is, and which of them are compared."""

from __future__ import annotations

from models.train import baselines, densemtl, m3vit, padnet, pdcnet, pruning_adapter
from models.train.baselines import SEEDLESS
from models.train.rows import Train

__all__ = ["COMPARED", "ROWS", "SEEDLESS"]

_FAMILIES = (baselines, m3vit, padnet, pruning_adapter, pdcnet, densemtl)
ROWS: dict[str, Train] = {name: train for family in _FAMILIES for name, train in family.ROWS.items()}
COMPARED: tuple[tuple[str, str, str], ...] = tuple(one for family in _FAMILIES for one in family.COMPARED)
"""What is claimed, the row that should be better, and the one it is compared with."""

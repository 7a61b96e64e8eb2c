"""Every row there is, and which of them are compared."""

from __future__ import annotations

from models.train import densemtl, m3vit, padnet, pdcnet
from models.train.rows import Train

_FAMILIES = (m3vit, padnet, pdcnet, densemtl)
ROWS: dict[str, Train] = {name: train for family in _FAMILIES for name, train in family.ROWS.items()}
COMPARED: tuple[tuple[str, str, str], ...] = tuple(one for family in _FAMILIES for one in family.COMPARED)
"""What is claimed, the row that should be better, and the one it is compared with."""

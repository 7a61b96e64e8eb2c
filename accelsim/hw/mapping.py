"""Tile sizes that a description fixes instead of leaving them to the search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt

from accelsim.hw.part import Part
from accelsim.ir.frozen import FrozenMap

_Size = Annotated[StrictInt, Field(ge=1)]


class Tiles(Part):
    """The tile of a product of `rows` x `reduce` by `reduce` x `outputs`, in elements, and the operand that stays
    while the others stream. A size left out, or beyond the product's, means all of it.
    """

    rows: _Size | None = None
    outputs: _Size | None = None
    reduce: _Size | None = None
    held: Literal["inputs", "weights", "outputs"] | None = None


FixedTiles = Annotated[
    Mapping[str, Annotated[Mapping[str, Tiles], AfterValidator(FrozenMap)]],
    AfterValidator(FrozenMap),
]
"""Node (its name, or a pattern with *) -> part of its work ('main', 'scores', 'expert3.fc1', or a pattern) -> tiles."""

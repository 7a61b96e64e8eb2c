"""How a product was cut into tiles, and cuts that a hardware description fixes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from accelsim.errors import InputError, did_you_mean
from accelsim.hw.mapping import Tiles
from accelsim.hw.schema import Hardware
from accelsim.ir import Axis
from accelsim.mapping.stage import Stage


class Cut(NamedTuple):
    """A product of M x K by K x N, `batch` times, in tiles. Sizes are in elements, by axis (rows M, outputs N,
    reduce K).

    `held` is the operand that stays on chip while the tiles along `loops[-1]` stream past; `loops` go from the
    outermost to the innermost. `buffers` tells for each operand with a buffer (its name, bytes of a tile, bytes of one
    copy of the buffer); `passes` how often each operand crosses its link. `choices` are the fields of
    `hw.mapping.Tiles` that a description can fix here.
    """

    dataflow: str
    batch: int
    size: Mapping[Axis, int]
    tile: Mapping[Axis, int]
    held: str
    loops: tuple[Axis, ...]
    buffers: Mapping[str, tuple[str, int, int]]
    passes: Mapping[str, int]
    choices: tuple[str, ...]

    def tiles(self, axis: Axis) -> int:
        """Tiles along a loop."""
        return -(-self.size[axis] // self.tile[axis])


@lru_cache(maxsize=4096)
def _matches(name: str, pattern: str) -> bool:
    """Whether a name is meant: `*` stands for anything, all else for itself."""
    return fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


def fixed_tiles(hardware: Hardware, node: str, part: str) -> Tiles | None:
    """What the description fixes for a part of a node: by its own name, else by the first pattern that matches."""
    if not hardware.mapping:
        return None
    own = hardware.mapping.get(node, {}).get(part)
    if own is not None:
        return own
    for pattern, parts in hardware.mapping.items():
        if "*" in pattern or pattern == node:
            for chosen, tiles in parts.items():
                if ("*" in chosen or chosen == part) and _matches(part, chosen) and _matches(node, pattern):
                    return tiles
    return None


def check_mapping(hardware: Hardware, stages: Iterable[Stage]) -> None:
    """Raises InputError, one line each, for entries of `mapping` that fix nothing of what was laid out."""
    if hardware.mapping:
        wrong = list(_useless(hardware, list(stages)))
        if wrong:
            raise InputError("\n".join(wrong))


def _useless(hardware: Hardware, stages: list[Stage]) -> Iterator[str]:
    for pattern, parts in hardware.mapping.items():
        own = [stage for stage in stages if _matches(stage.node, pattern)]
        where = f"{hardware.name}: mapping: '{pattern}'"
        if not own:
            yield f"{where} is no node that takes time here{did_you_mean(pattern, {stage.node for stage in stages})}"
            continue
        for part in parts:
            meant = [stage for stage in own if _matches(stage.part, part)]
            if not meant:
                yield f"{where}: '{part}' is no part of that node{did_you_mean(part, {stage.part for stage in own})}"
            elif not any(stage.cut is not None and stage.cut.choices for stage in meant):
                unit = meant[0].unit
                kind = hardware.units[unit].kind
                yield f"{where}: '{part}' runs on unit '{unit}' ({kind}), which has no tile sizes to choose"

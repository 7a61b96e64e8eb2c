"""Offsets in one arena: blocks that are alive at the same time never overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64


@dataclass(frozen=True)
class Block:
    """Bytes that are needed from step `first` to step `last`, both included."""

    name: str
    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Slot:
    """A block at its place in the arena."""

    block: Block
    offset: int

    @property
    def end(self) -> int:
        return self.offset + self.block.size_bytes


def place_blocks(blocks: Sequence[Block]) -> tuple[Slot, ...]:
    """Give each block an offset: largest first, into the smallest gap between its contemporaries that fits.

    Ties are broken by first step and name, so that equal graphs have equal plans. Slots come in the order of
    blocks.
    """
    placed: list[Slot] = []
    for block in sorted(blocks, key=lambda b: (-b.size_bytes, b.first, b.name)):
        rivals = [s for s in placed if s.block.first <= block.last and block.first <= s.block.last]
        placed.append(Slot(block, _offset(block, sorted(rivals, key=lambda s: s.offset))))
    by_name = {slot.block.name: slot for slot in placed}
    return tuple(by_name[block.name] for block in blocks)


def _offset(block: Block, rivals: Sequence[Slot]) -> int:
    """Start of the smallest gap between `rivals` (by offset) that holds the block, or the end of the last."""
    free, best, best_gap = 0, -1, 0
    for rival in rivals:
        gap = rival.offset - free
        if gap >= block.size_bytes and (best < 0 or gap < best_gap):
            best, best_gap = free, gap
        free = max(free, -(-rival.end // ALIGNMENT) * ALIGNMENT)
    return free if best < 0 else best

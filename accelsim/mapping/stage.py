"""A stage: one nest (or a few that share a unit) laid out on a unit as tiles, loads and stores, in bytes and cycles.

Stages are what mapping hands to the simulator: they name units and links, but hold no time of day and no state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelsim.mapping.plan import Cut

SWITCH_NODE = "(task switch)"


@dataclass(frozen=True)
class Transfer:
    """`size_bytes` over the read or write channel of `link`: for each tile, each held load or each outer end.

    A share of a tensor may be no whole number of bytes; sums are. `beats` is how many words of the link's master
    width it takes, counted per tensor, because rows of two tensors never share a word. `runs` is the number of
    separate pieces that an index list picks; 0 means a part of one long stream.
    """

    link: str
    write: bool
    size_bytes: float
    beats: int
    tensor_class: str
    runs: float = 0.0


@dataclass(frozen=True)
class Stage:
    """Work of one unit between two synchronisations.

    `outer` iterations (and, where `tail` > 0, one partial one) each load `held` operands and then run `inner`
    tiles; a tile streams `streams` in and out and computes `tile_cycles`; `stores` leave after each outer
    iteration. Times are in cycles of the unit's clock.
    `memory` is the buffer of the held operand, which takes `memory_bytes` of it, and `constants` are the parameters
    among what is held; `resident` is what would be loaded if the buffer did not keep it between frames.
    A held load pays the start-up of its link `held_requests` times.
    `constant_bytes` are the bytes of parameters that it loads in all (None: all that is held).
    `cut` tells how the product was cut into tiles, where the unit cuts one, and `note` what else a reader should know
    of the way it is run. `weight_bits` are the bits of weights that the unit reads from its buffer in all, where they
    are not one weight a product: entries with their index, pointers.
    `seconds` is what a tile takes where that is a time, as on a host: `tile_cycles` are whole cycles of it.
    `group` names the prefetch scope ('' = loads wait for all earlier work); what is held may be loaded before
    earlier nodes have ended only if it is `early`, as parameters are.
    """

    node: str
    part: str
    unit: str
    cause: str
    outer: int = 1
    inner: int = 1
    tail: int = 0
    tile_cycles: int = 0
    flush_cycles: int = 0
    fill_cycles: int = 0
    depth: int = 2
    streams: tuple[Transfer, ...] = ()
    held: tuple[Transfer, ...] = ()
    resident: tuple[Transfer, ...] = ()
    constants: tuple[str, ...] = ()
    constant_bytes: float | None = None
    early: bool = True
    memory: str = ""
    memory_bytes: int = 0
    stores: tuple[Transfer, ...] = ()
    held_requests: int = 1
    group: str = ""
    slots: int = 1
    seconds: float | None = None
    macs: int = 0
    ideal_cycles: int = 0
    functions: tuple[tuple[str, int], ...] = ()
    cut: Cut | None = None
    note: str = ""
    weight_bits: float | None = None

    def named(self, *, node: str, part: str, constants: tuple[str, ...], group: str) -> Stage:
        """The same stage of another node; `replace` would take ten times as long, hundreds of times a frame."""
        copied = object.__new__(Stage)
        copied.__dict__.update(self.__dict__, node=node, part=part, constants=constants, group=group)
        copied.__dict__["_original"] = self.original
        return copied

    @property
    def original(self) -> Stage:
        """The stage that this one is under another name: what it does and moves is the same."""
        found: Stage = self.__dict__.get("_original", self)
        return found

    @property
    def is_reload(self) -> bool:
        """Whether this is the reload of a resident buffer at a task switch."""
        return self.node == SWITCH_NODE

    @property
    def tiles(self) -> int:
        return self.outer * self.inner + self.tail

    @property
    def rounds(self) -> int:
        """Outer iterations, the partial one included."""
        return self.outer + (1 if self.tail else 0)

    @property
    def compute_cycles(self) -> int:
        """Cycles in which the unit itself is busy, without any wait."""
        return self.tiles * self.tile_cycles + self.rounds * self.flush_cycles

    @property
    def loaded_constant_bytes(self) -> float:
        """Bytes of parameters over all links."""
        if self.constant_bytes is not None:
            return self.constant_bytes
        return sum(t.size_bytes for t in self.held) * self.rounds

    def moved_bytes(self, *, write: bool) -> int:
        """Bytes over all links in one direction."""
        per_tile = sum(t.size_bytes for t in self.streams if t.write is write)
        per_round = sum(t.size_bytes for t in (*self.held, *self.stores) if t.write is write)
        return round(per_tile * self.tiles + per_round * self.rounds)

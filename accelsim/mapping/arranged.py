"""A node's nests as a policy of the hardware arranges them, and what the policy keeps on chip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from accelsim.ir import FrozenMap, LoopNest
from accelsim.mapping.stage import Stage, Transfer

_NOTHING: FrozenMap[str, Any] = FrozenMap()


@dataclass(frozen=True)
class Resident:
    """A parameter that a buffer keeps from frame to frame, loaded before the stage `part` of the first."""

    part: str
    tensor: str
    memory: str
    transfers: tuple[Transfer, ...]
    size_bytes: int


@dataclass(frozen=True)
class Arranged:
    """Nests in order of execution. `units` names units for nests where the policy, not the placement, decides;
    `kept_bytes` what each buffer holds while the node runs, `content` parameters that the weights of the nests were
    made of: where one of them changes, all the weights do."""

    nests: tuple[LoopNest, ...]
    note: str = ""
    units: FrozenMap[str, str] = _NOTHING
    kept_bytes: FrozenMap[str, int] = _NOTHING
    resident: tuple[Resident, ...] = ()
    content: tuple[str, ...] = ()

    def marked(self, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        """The stages of the nests, with the note and with what stays resident attached to the stage that needs it."""
        if not (self.note or self.resident or self.content):
            return stages
        found = []
        waiting = list(self.resident)
        for stage in stages:
            note = "; ".join(part for part in (self.note, stage.note) if part)
            content = self.content if stage.constants else ()
            marked = replace(stage, note=note, constants=(*stage.constants, *content))
            for one in [one for one in waiting if stage.part in (one.part, "main") and not stage.memory]:
                waiting.remove(one)
                marked = replace(
                    marked,
                    resident=(*marked.resident, *one.transfers),
                    constants=(*marked.constants, one.tensor),
                    memory=one.memory,
                    memory_bytes=one.size_bytes,
                )
            found.append(marked)
        return tuple(found)

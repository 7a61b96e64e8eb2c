"""How each part of a model's work is laid out on a hardware, as `accelsim show plan` prints it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Any

from accelsim.ir.frozen import FrozenMap
from accelsim.results.codec import encode

TILE_FIELDS = ("rows", "outputs", "reduce")
"""The sides of a product of rows x reduce by reduce x outputs (M, N, K)."""


@dataclass(frozen=True)
class BufferUse:
    """Bytes of a tile in one copy of a buffer."""

    buffer: str
    tile_bytes: int
    copy_bytes: int


@dataclass(frozen=True)
class PlannedPart:
    """One part of a node on its unit.

    `size` and `tile` are elements along rows, outputs and reduce (empty where the unit cuts no product), `tiles` how
    many there are in all, `loops` their order from the outermost, `held` what stays while the innermost loop runs.
    `passes` counts how often an operand crosses its link. `choices` are the fields that a `mapping` section can fix
    here. `ideal_cycles` have every multiplier busy, `cycles` are those it takes, with its waits.
    """

    node: str
    part: str
    op: str
    unit: str
    kind: str
    dataflow: str
    ideal_cycles: int
    cycles: int
    tiles: int
    batch: int = 1
    size: FrozenMap[str, int] = field(default_factory=FrozenMap)
    tile: FrozenMap[str, int] = field(default_factory=FrozenMap)
    held: str = ""
    loops: tuple[str, ...] = ()
    passes: FrozenMap[str, int] = field(default_factory=FrozenMap)
    buffers: FrozenMap[str, BufferUse] = field(default_factory=FrozenMap)
    choices: tuple[str, ...] = ()
    fixed: bool = False

    def chosen(self) -> dict[str, int | str]:
        """The fields that a `mapping` section can fix, with their values here."""
        values: dict[str, int | str] = {**self.tile, "held": self.held}
        return {name: values[name] for name in self.choices}


@dataclass(frozen=True)
class Plan:
    """All parts of a frame in order of execution; `folded` layout nodes cost nothing."""

    model: str
    hardware: str
    task: str
    cycles: int
    clock_hz: float
    parts: tuple[PlannedPart, ...]
    folded: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        record: dict[str, Any] = encode(self)
        return record

    def to_csv(self) -> str:
        """A row a part; sizes, tiles and buffers in columns of their own."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        sides = [f"{name}_{side}" for name in ("size", "tile") for side in TILE_FIELDS]
        plain = ("node", "part", "op", "unit", "kind", "dataflow", "ideal_cycles", "cycles", "tiles", "batch", "held")
        writer.writerow([*plain, "loops", *sides, "passes", "buffers", "fixed"])
        for part in self.parts:
            writer.writerow(
                [
                    *(getattr(part, name) for name in plain),
                    " ".join(part.loops),
                    *(values.get(side, "") for values in (part.size, part.tile) for side in TILE_FIELDS),
                    " ".join(f"{name}={often}" for name, often in part.passes.items()),
                    " ".join(f"{b.buffer}={b.tile_bytes}/{b.copy_bytes}" for b in part.buffers.values()),
                    part.fixed,
                ]
            )
        return text.getvalue()

    def to_yaml(self) -> str:
        """A `mapping` section that fixes every choice as it is here; a comment tells what came of it."""
        task = f" ({self.task})" if self.task else ""
        lines = [f"# Tiles of {self.model}{task} on {self.hardware}: {self.cycles:,} cycles.", "mapping:"]
        nodes: dict[str, list[PlannedPart]] = {}
        for part in self.parts:
            if part.choices:
                nodes.setdefault(part.node, []).append(part)
        for node, parts in nodes.items():
            lines.append(f"  {json.dumps(node)}:")
            for part in parts:
                chosen = ", ".join(f"{name}: {value}" for name, value in part.chosen().items())
                comment = f"{part.unit}, {part.tiles:,} tiles, {part.cycles:,} cycles (ideal {part.ideal_cycles:,})"
                lines.append(f"    {json.dumps(part.part)}: {{{chosen}}}  # {comment}")
        if not nodes:
            lines[-1] = "mapping: {}"
        return "\n".join(lines) + "\n"

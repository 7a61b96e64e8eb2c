"""How full a memory on chip was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryUse:
    """A memory of one instance: what it holds, and what it held at its fullest.

    `peak_bytes` counts all copies of tiles, parameters that stay, and tensors that are kept between nodes (None: nobody
    said what it holds in a way that can be counted, or nothing used it). Of these tensors `kept` stayed on chip and
    `spilled` did not fit. `holds` is the description's own text.
    """

    name: str
    capacity_bytes: int
    peak_bytes: int | None
    holds: str = ""
    kept: int = 0
    kept_bytes: int = 0
    spilled: int = 0
    spilled_bytes: int = 0

"""The table of memories on chip: how full each was, and which tensors stayed there."""

from __future__ import annotations

from accelsim.report.scale import byte_scale, percent
from accelsim.report.table import Section, Table
from accelsim.results.result import Result


def memory_sections(result: Result) -> list[Section]:
    """Nothing where the design has no memories on chip."""
    if not result.memories:
        return []
    rows = []
    for use in result.memories:
        scale = byte_scale(use.capacity_bytes)
        rows.append(
            (
                use.name,
                "" if use.peak_bytes is None else scale.full(use.peak_bytes),
                scale.full(use.capacity_bytes),
                "" if use.peak_bytes is None else percent(use.peak_bytes, use.capacity_bytes),
                _tensors(use.kept, use.kept_bytes),
                _tensors(use.spilled, use.spilled_bytes),
            )
        )
    headings = ("memory", ">at most", ">capacity", ">%", ">tensors kept", ">spilled")
    return [Table("Memories on chip", headings, tuple(rows))]


def _tensors(count: int, size_bytes: int) -> str:
    return f"{count}, {byte_scale(size_bytes).full(size_bytes)}" if count else ""

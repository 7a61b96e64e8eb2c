"""What each memory on chip held at its fullest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accelsim.hw.schema import Buffer
from accelsim.results.memory import MemoryUse
from accelsim.sim.timing import Timing


def memory_use(timing: Timing, kept_bytes: Mapping[str, int]) -> tuple[MemoryUse, ...]:
    """Each buffer at its fullest. `kept_bytes` is what parameters that stay take of each."""
    peaks = dict(kept_bytes)
    filled = (one for lowered in timing.lowered for one in lowered.filled_bytes.items())
    for name, size in (*_tiles(timing), *filled):
        peaks[name] = max(peaks.get(name, 0), size)
    found: list[MemoryUse] = []
    for name, memory in timing.hardware.memories.items():
        if isinstance(memory, Buffer):
            frames = [lowered.occupancy[name] for lowered in timing.lowered if name in lowered.occupancy]
            most = max(frames, key=lambda one: one.peak_bytes, default=None)
            peak = max(peaks.get(name, 0), most.peak_bytes) if most else peaks.get(name)
            counts = (most.kept, most.kept_bytes, most.spilled, most.spilled_bytes) if most else (0, 0, 0, 0)
            found.append(MemoryUse(name, memory.total_bytes, peak, memory.holds, *counts))
    return tuple(found)


def _tiles(timing: Timing) -> Iterator[tuple[str, int]]:
    """Bytes of tiles in each buffer, in all its copies."""
    buffers = {name: memory for name, memory in timing.hardware.memories.items() if isinstance(memory, Buffer)}
    for stage in timing.distinct.stages:
        if stage.memory:
            yield stage.memory, stage.memory_bytes * buffers[stage.memory].copies.value
        if stage.cut is not None:
            for name, size, _ in stage.cut.buffers.values():
                yield name, size * buffers[name].copies.value

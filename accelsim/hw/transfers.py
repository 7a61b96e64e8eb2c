"""What a transfer takes of its port and of its DRAM: plain functions of numbers, which Numba can compile as they are.

An AXI master cuts a transfer into bursts and keeps a few of them in flight. With L beats a burst, of which the port
delivers one every `narrowing` cycles, and O bursts in flight, burst i starts when burst i - 1 has been served and burst
i - O has returned its window: start(i) = max(start(i - 1) + served, start(i - O) + round_trip + served). The recurrence
has a closed form, because one of the two terms wins throughout.
Fits the AXI burst log of Vitis_Accel_Examples (`accelsim validate bursts`).
Not modelled: arbitration between ports; banks of the DRAM (`row_miss_s` stands for what they do not hide).
"""

from __future__ import annotations

import math

PAGE_BYTES = 4096
"""No AXI burst crosses a boundary of this many bytes (AMBA AXI specification)."""


def port_cycles(  # noqa: PLR0917  (compiled callers pass by position)
    beats: float,
    runs: float,
    isolated: bool,
    beat_bytes: int,
    narrowing: float,
    burst: int,
    outstanding: int,
    round_trip: float,
    gap: float,
) -> float:
    """Cycles that a transfer of `beats` keeps its channel of the port busy, its first round trip not counted.

    `runs` is the number of separate pieces (rows that an index list picks), 0 for a part of one long stream. An
    `isolated` transfer starts with nothing in flight; a part of a stream does not. `narrowing` is the number of cycles
    of a beat at the port, `gap` what each burst costs beyond its beats while the port is as wide as the master
    (a narrower port hides it). `burst` 0: no burst model, beats follow each other.
    """
    if beats <= 0:
        return 0.0
    if burst <= 0:
        return beats * narrowing
    page = max(1, PAGE_BYTES // beat_bytes)
    length = page / math.ceil(page / burst)  # a page of a long stream is cut into bursts as even as can be
    if runs > 0:
        piece = beats / runs
        crossings = 0.0
        if page % math.ceil(piece) != 0:
            crossings = piece / page  # rows that are no fraction of a page cross one now and then
        length = piece / (math.ceil(piece / length) + crossings)
    if isolated:
        length = min(length, beats)
    served = max(length * narrowing, length + gap)
    bursts = beats / length
    window = round_trip + served
    if outstanding * served >= window:
        return bursts * served
    if not isolated:
        return bursts * window / outstanding
    before = math.ceil(bursts) - 1
    rounds = before // outstanding
    return rounds * window + (before - rounds * outstanding) * served + (bursts - before) * served


def dram_seconds(  # noqa: PLR0917  (compiled callers pass by position)
    size_bytes: float,
    runs: float,
    bytes_per_s: float,
    granule_bytes: int,
    row_miss_s: float,
    switch_s_per_byte: float,
) -> float:
    """Seconds that a transfer claims of its DRAM.

    Each of its `runs` pieces (0: part of one long stream) takes whole accesses of `granule_bytes` and one jump to
    another row. `switch_s_per_byte` is the time lost to turning the bus round, for each byte of the transfer.
    """
    moved = size_bytes
    if runs > 0:
        moved = runs * math.ceil(size_bytes / runs / granule_bytes) * granule_bytes
    return moved / bytes_per_s + runs * row_miss_s + size_bytes * switch_s_per_byte

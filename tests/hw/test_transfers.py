"""Ticks of transfers: the closed form of bursts is the recurrence it stands for, and Numba compiles it as it is."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import pytest
from numba import njit

from accelsim.hw.transfers import dram_seconds, port_cycles


class Port(NamedTuple):
    beat_bytes: int = 64
    narrowing: float = 1.0
    burst: int = 16
    outstanding: int = 16
    round_trip: float = 67.0
    gap: float = 0.0


def _stepped(beats: int, length: int, port: Port) -> float:
    """Burst after burst: a burst starts when the port is free and the burst O before has returned its window."""
    ends: list[float] = []
    for first in range(0, beats, length):
        own = min(length, beats - first)
        served = max(own * port.narrowing, own + port.gap)
        full = max(length * port.narrowing, length + port.gap)
        start = ends[-1] if ends else 0.0
        if len(ends) >= port.outstanding:
            start = max(start, ends[-port.outstanding] - full + full + port.round_trip)
        ends.append(start + served)
    return ends[-1]


def test_an_isolated_transfer_of_whole_bursts_takes_what_stepping_its_bursts_takes() -> None:
    rng = random.Random(4)
    for _ in range(3000):
        port = Port(
            beat_bytes=rng.choice([8, 16, 32, 64]),
            narrowing=rng.choice([1.0, 2.0, 4.0]),
            burst=rng.choice([1, 2, 4, 8, 16, 32, 64]),
            outstanding=rng.randint(1, 40),
            round_trip=rng.randint(0, 200),
            gap=rng.randint(0, 6),
        )
        length = min(port.burst, 4096 // port.beat_bytes)
        beats = length * rng.randint(1, 200)
        assert port_cycles(beats, 0, True, *port) == pytest.approx(_stepped(beats, length, port))


def test_a_window_of_short_bursts_waits_for_its_round_trip() -> None:
    port = Port(beat_bytes=32, burst=4, outstanding=4)
    assert port_cycles(1600, 0, False, *port) == pytest.approx(100 * (67 + 4))
    assert port_cycles(16, 0, True, *port) == 16
    assert port_cycles(20, 0, True, *port) == 67 + 4 + 4


def test_a_write_burst_pays_its_gap_unless_the_port_is_narrower() -> None:
    assert port_cycles(64, 0, False, *Port(burst=4, outstanding=32, gap=4.0)) == 64 * 2
    assert port_cycles(64, 0, False, *Port(burst=4, outstanding=32, gap=4.0, narrowing=2.0)) == 64 * 2


def test_no_burst_crosses_4_kib() -> None:
    """64 beats of 64 bytes are a page: bursts of 256 beats are cut to 64, those of 48 into two of 32."""
    for burst, length in ((256, 64), (48, 32), (64, 64)):
        port = Port(burst=burst, outstanding=1, round_trip=100)
        assert port_cycles(6400, 0, False, *port) == pytest.approx(6400 / length * (100 + length))


def test_short_rows_take_a_burst_each() -> None:
    port = Port(beat_bytes=32, burst=16, outstanding=2, round_trip=60)
    stream = port_cycles(2 * 64, 0, False, *port)
    rows = port_cycles(2 * 64, 64, False, *port)
    assert rows == pytest.approx(64 * (60 + 2) / 2)
    assert stream == pytest.approx(8 * (60 + 16) / 2)
    assert rows > 5 * stream


def test_rows_that_divide_no_page_are_split_now_and_then() -> None:
    port = Port(beat_bytes=32, burst=64, outstanding=1, round_trip=100)
    aligned, crossing = port_cycles(32 * 100, 100, False, *port), port_cycles(33 * 100, 100, False, *port)
    assert aligned == pytest.approx(100 * 132)
    assert crossing == pytest.approx(33 * 100 + 100 * 100 * (1 + 33 / 128))


def test_without_a_burst_model_beats_follow_each_other() -> None:
    assert port_cycles(10, 3, True, 8, 2.0, 0, 1, 0.0, 0.0) == 20
    assert port_cycles(0, 0, True, *Port()) == 0


def test_a_longer_burst_more_in_flight_or_a_shorter_trip_is_never_slower() -> None:
    rng = random.Random(7)
    for _ in range(3000):
        port = Port(
            burst=rng.choice([1, 2, 4, 8, 16, 32]),
            outstanding=rng.randint(1, 20),
            round_trip=rng.randint(0, 150),
            gap=rng.randint(0, 5),
        )
        beats = 64 * rng.randint(1, 50)
        for isolated in (False, True):
            base = port_cycles(beats, 0, isolated, *port)
            better = (
                port._replace(burst=2 * port.burst),
                port._replace(outstanding=port.outstanding + 1),
                port._replace(round_trip=port.round_trip / 2),
                port._replace(gap=0.0),
            )
            assert all(port_cycles(beats, 0, isolated, *other) <= base + 1e-9 for other in better)


def test_gathered_pieces_take_whole_accesses_and_a_row_each() -> None:
    assert dram_seconds(6400, 0, 1e9, 64, 5e-9, 0.0) == pytest.approx(6.4e-6)
    assert dram_seconds(6400, 100, 1e9, 64, 5e-9, 0.0) == pytest.approx(6.4e-6 + 0.5e-6)
    assert dram_seconds(1000, 100, 1e9, 64, 0.0, 0.0) == pytest.approx(6.4e-6)
    assert dram_seconds(1000, 0, 1e9, 64, 0.0, 2e-9) == pytest.approx(1e-6 + 2e-6)


@pytest.mark.slow
def test_numba_compiles_both_as_they_are() -> None:
    compiled, claims = njit(port_cycles), njit(dram_seconds)
    rng = random.Random(1)
    for _ in range(2000):
        beats, runs = float(rng.randint(0, 5000)), float(rng.choice([0, 1, 7, 64]))
        port = Port(round_trip=float(rng.randint(0, 90)), gap=float(rng.randint(0, 4)), outstanding=rng.randint(1, 9))
        for isolated in (False, True):
            assert compiled(beats, runs, isolated, *port) == port_cycles(beats, runs, isolated, *port)
        claim = (beats * 64, runs, 19.2e9, 64, 1e-9, 1e-10)
        assert claims(*claim) == dram_seconds(*claim)
        assert math.isfinite(claims(*claim))

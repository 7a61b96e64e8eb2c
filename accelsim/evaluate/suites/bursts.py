"""Bandwidth of DRAM behind AXI ports: micro-benchmarks of boards, each run as one transfer through the simulator."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from accelsim.evaluate.suites.golden import PUBLISHED, GoldenRow, GoldenSuite, Simulated
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Dram, Hardware
from accelsim.hw.timebase import TimeBase
from accelsim.mapping.stage import Stage, Transfer
from accelsim.sim.assemble import assemble
from accelsim.sim.timeline import run_program

_KIB, _GIB = 2**10, 2.0**30
_PORT = re.compile(r"(\d+)-bit port, burst (\d+) beats, (\d+) outstanding")
_MOVED = re.compile(r"(read|write) (\d+) (KB|MB) transfer")
_SIZES = {"KB": _KIB, "MB": _KIB**2}
_LONG = 64 * _KIB**2


def moved_seconds(
    hardware: Hardware, *, link: str, read_bytes: int = 0, write_bytes: int = 0, piece_bytes: int = 0, tiles: int = 1
) -> float:
    """Time of one kernel that moves so many bytes over a link and computes nothing.

    `piece_bytes` > 0: in pieces that an index list picks; `tiles` > 1: a tile is read while another is written.
    A kernel that writes ends when its last burst is answered, and the master sends a burst when it has all of it: a
    write round trip and a burst after the port is done.
    """
    part = hardware.links[link]
    moves = []
    for size, write in ((read_bytes // tiles, False), (write_bytes // tiles, True)):
        if size:
            runs = size / piece_bytes if piece_bytes else 0.0
            moves.append(Transfer(link, write, size, -(-size // part.beat_bytes), "model.input", runs))
    trip = part.write_round_trip or part.round_trip
    wait = trip.value + part.burst.value if write_bytes and trip is not None and part.burst is not None else 0
    stage = Stage(node="copy", part="main", unit="copy", cause="compute", inner=tiles, depth=4)
    if tiles > 1:
        stage = replace(stage, streams=tuple(moves))
    else:
        reads, writes = (tuple(move for move in moves if move.write is way) for way in (False, True))
        stage = replace(stage, held=reads, stores=writes)
    served = run_program(assemble([stage], hardware)).total / TimeBase(hardware).tick_hz
    return served + wait / hardware.link_clock_hz(link)


@cache
def _board(name: str) -> Hardware:
    return load_hardware(PUBLISHED / "hardware" / f"{name}.yaml")


def _axi(row: GoldenRow) -> Simulated | None:
    port, moved = _PORT.search(row.array), _MOVED.search(row.model)
    if port is None or moved is None:
        return None
    width, burst, outstanding = (int(group) for group in port.groups())
    hardware = _board("axi-u200").with_values(
        {
            "links.port.width": width,
            "links.port.port_width": width,
            "links.port.burst": burst,
            "links.port.outstanding": outstanding,
        }
    )
    size = int(moved[2]) * _SIZES[moved[3]]
    kind = "read_bytes" if moved[1] == "read" else "write_bytes"
    return Simulated(size / moved_seconds(hardware, link="port", **{kind: size}) / _GIB)


def _hbm(row: GoldenRow) -> Simulated:
    return Simulated(_LONG / moved_seconds(_board("hbm-u280"), link="ports", read_bytes=_LONG) / 1e9)


def _hbm_random(row: GoldenRow) -> Simulated:
    seconds = moved_seconds(_board("hbm-u50"), link="ports", read_bytes=_LONG, piece_bytes=128)
    return Simulated(_LONG / seconds / 1e9)


def _two_banks(row: GoldenRow) -> Simulated:
    hardware = _board("axi-u200")
    read = moved_seconds(hardware, link="port", read_bytes=_LONG)
    written = moved_seconds(hardware, link="port", write_bytes=_LONG)
    return Simulated(
        (_LONG / read + _LONG / written) / 1e9,
        note="the number of banks is not stated; taken as one that is read and one that is written",
        scored=False,
    )


def _fraction(row: GoldenRow) -> Simulated:
    dram = next(m for m in load_hardware("edge-moe-zcu102").memories.values() if isinstance(m, Dram))
    return Simulated(dram.efficiency.value, dram.efficiency.low, dram.efficiency.high)


_ZYNQ = {
    "read sequential": (1, 0, 0),
    "write sequential": (0, 1, 0),
    "read+write sequential": (1, 1, 0),
    "read+write random": (1, 1, 128),
}


def _zynq(row: GoldenRow) -> Simulated | None:
    """Long transfers over the four ports together; mixed ones read and write as much, random ones burst by burst."""
    if row.model not in _ZYNQ:
        return None
    hardware = _board("ddr3-zynq")
    read, write, piece = _ZYNQ[row.model]
    seconds = moved_seconds(
        hardware,
        link="ports",
        read_bytes=read * _LONG,
        write_bytes=write * _LONG,
        piece_bytes=piece,
        tiles=_LONG // (64 * _KIB),
    )
    dram = next(m for m in hardware.memories.values() if isinstance(m, Dram))
    return Simulated(100 * (read + write) * _LONG / seconds / dram.bandwidth.value)


_READERS: Mapping[str, Callable[[GoldenRow], Simulated | None]] = {
    "HLS m_axi burst microbenchmark": _axi,
    "HBM bandwidth microbenchmark": _hbm,
    "Shuhai": _hbm,
    "HBM random microbenchmark": _hbm_random,
    "DDR global bandwidth": _two_banks,
    "Zynq US+ memory study": _fraction,
    "Zynq-7000 DDR controller": _zynq,
}

BURSTS = GoldenSuite(
    "bursts",
    tuple(_READERS),
    lambda row: _READERS[row.system](row),
    {"effective_bandwidth": 8.0, "ddr_efficiency": 8.0, "fraction_of_theoretical": 8.0},
)

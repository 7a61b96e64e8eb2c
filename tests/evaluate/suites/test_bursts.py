"""The model of bursts and DRAM beside published micro-benchmarks."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from accelsim.evaluate.suites.bursts import BURSTS, moved_seconds
from accelsim.evaluate.suites.golden import PUBLISHED, read_rows
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.results import ValidationRow

BOARDS = ("axi-u200", "hbm-u280", "hbm-u50", "ddr3-zynq")


@pytest.fixture(scope="module")
def rows() -> list[ValidationRow]:
    return BURSTS(None, lambda message: None)


def _hardware(name: str, overrides: dict[str, object] | None = None) -> Hardware:
    return load_hardware(PUBLISHED / "hardware" / f"{name}.yaml", overrides)


def test_every_scored_row_is_inside_its_band_and_most_are_far_inside(rows: list[ValidationRow]) -> None:
    scored = [row for row in rows if row.scored]
    assert len(scored) == 28
    assert [row.case for row in scored if not row.ok] == []
    errors = [abs(row.error_pct or 0.0) for row in scored]
    assert statistics.median(errors) < 3.5


def test_no_row_that_a_constant_was_taken_from_is_scored(rows: list[ValidationRow]) -> None:
    used = {text for name in BOARDS for record in _hardware(name).calibrated() for text in record.rows}
    found = set()
    for row, compared in zip(read_rows(BURSTS.path), rows, strict=True):
        names = {f"{first}/{last}" for first in (row.array, row.system) for last in (row.model, row.board)}
        if names & used:
            assert not compared.scored
            found |= names & used
    assert found == used


def test_other_rows_of_the_same_log_can_be_read(tmp_path: Path) -> None:
    """A burst length that no constant was taken from."""
    one = replace(
        read_rows(BURSTS.path)[0],
        array="256-bit port, burst 16 beats, 4 outstanding",
        model="read 16 MB transfer",
        value=6.89,
    )
    path = tmp_path / "own.csv"
    fields = [name for name in one.__dataclass_fields__ if name != "role"]
    path.write_text(",".join(fields) + "\n" + ",".join(f'"{getattr(one, name)}"' for name in fields) + "\n")
    (row,) = BURSTS(path, lambda message: None)
    assert row.scored
    assert row.simulated == pytest.approx(16 * 4 * 32 / (67 + 16) * 300e6 / 2**30, rel=1e-3)


def test_channels_of_its_own_are_not_shared() -> None:
    size = 2**24
    whole = moved_seconds(_hardware("hbm-u280"), link="ports", read_bytes=size)
    half = moved_seconds(_hardware("hbm-u280", {"links.ports.channels": 16}), link="ports", read_bytes=size)
    hardware = _hardware("hbm-u280")
    link = hardware.links["ports"].model_copy(update={"channels": None})
    shared = moved_seconds(hardware.model_copy(update={"links": {"ports": link}}), link="ports", read_bytes=size)
    assert half == pytest.approx(2 * whole, rel=1e-3)
    assert shared == pytest.approx(whole, rel=1e-3)


def test_turning_the_bus_costs_only_where_a_stage_reads_and_writes() -> None:
    size, tiles = 2**22, 64
    slow, free = _hardware("ddr3-zynq"), _hardware("ddr3-zynq", {"memories.ddr.turnaround": "0 ns"})
    for moves in ({"read_bytes": size}, {"write_bytes": size}):
        assert moved_seconds(slow, link="ports", tiles=tiles, **moves) == moved_seconds(
            free, link="ports", tiles=tiles, **moves
        )
    both = {"read_bytes": size, "write_bytes": size}
    lost = moved_seconds(slow, link="ports", tiles=tiles, **both) - moved_seconds(
        free, link="ports", tiles=tiles, **both
    )
    assert lost == pytest.approx(26e-9 * size / 696, rel=0.02)


def test_pieces_cost_more_than_a_stream() -> None:
    hardware = _hardware("hbm-u50")
    stream = moved_seconds(hardware, link="ports", read_bytes=2**20)
    assert moved_seconds(hardware, link="ports", read_bytes=2**20, piece_bytes=128) > 1.1 * stream

"""Bits between buffers, arrays and links, on one stage whose counts are known by hand."""

from __future__ import annotations

import pytest

from accelsim.hw.load import load_hardware
from accelsim.mapping.stage import Stage, Transfer
from accelsim.sim.accesses import buffer_bits, operations

MACS = 32 * 32 * 64


def _stage(**changes: object) -> Stage:
    """32 x 32 results of 64 products each, in one tile: weights held, inputs read and results written beside it."""
    values: dict[str, object] = {
        "node": "n",
        "part": "main",
        "unit": "mesh",
        "cause": "compute",
        "held": (Transfer("bus", False, 32 * 64, 128, "parameter"),),
        "streams": (
            Transfer("bus", False, 32 * 64, 128, "model.input"),
            Transfer("bus", True, 32 * 32, 64, "linear.y"),
        ),
        "macs": MACS,
        "functions": (("mac", MACS),),
    }
    return Stage(**(values | changes))  # type: ignore[arg-type]


def test_a_weight_stationary_array_reads_inputs_once_a_row_and_keeps_weights() -> None:
    bits = buffer_bits([_stage()], load_hardware("gemmini-16x16"))
    assert bits["inputs"] == MACS / 16 * 8 + 32 * 64 * 8
    assert bits["weights"] == 2 * 32 * 64 * 8  # written from the bus once, read into the array once
    assert bits["accumulator"] == 2 * MACS / 16 * 32 + 32 * 32 * 8


def test_an_output_stationary_array_reads_both_factors_and_writes_sums_once() -> None:
    hardware = load_hardware("gemmini-16x16", {"units.mesh.dataflow": "output-stationary"})
    bits = buffer_bits([_stage()], hardware)
    assert bits["weights"] == MACS / 16 * 8 + 32 * 64 * 8
    assert bits["accumulator"] == 2 * 32 * 32 * 8


def test_results_that_stay_in_the_array_are_written_once_a_round_whatever_its_tiles() -> None:
    hardware = load_hardware("gemmini-16x16", {"units.mesh.dataflow": "output-stationary"})
    kept = _stage(inner=5, streams=(), stores=(Transfer("bus", True, 32 * 32, 64, "linear.y"),))
    assert buffer_bits([kept], hardware)["accumulator"] == 2 * 32 * 32 * 8


def test_accesses_grow_with_the_tiles_and_nothing_is_counted_where_nothing_moves() -> None:
    hardware = load_hardware("gemmini-16x16")
    one, two = (buffer_bits([_stage(outer=n, macs=n * MACS)], hardware) for n in (1, 2))
    assert {name: 2 * value for name, value in one.items()} == pytest.approx(two)
    idle = buffer_bits([_stage(unit="other", macs=0, held=(), streams=(), functions=(("exp", 5),))], hardware)
    assert set(idle.values()) == {0.0}


def test_operations_are_products_or_function_values() -> None:
    stages = [_stage(), _stage(unit="other", macs=0, functions=(("exp", 5), ("add", 7)))]
    assert operations(stages) == {"mesh": MACS, "other": 12}


def test_a_spatial_array_takes_in_what_crossed_the_link() -> None:
    stage = _stage(
        unit="array",
        held=(Transfer("off_chip", False, 100, 13, "parameter"),),
        streams=(Transfer("off_chip", False, 40, 5, "model.input"), Transfer("off_chip", True, 24, 3, "conv2d.y")),
    )
    bits = buffer_bits([stage], load_hardware("eyeriss"))
    assert bits == {"inputs": 2 * 320, "sums": 2 * 192, "filters": 2 * 800}

"""Several units for one op: each node runs on the one that takes least."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import AccelsimError, DoesNotFitError, InputError, UnsupportedError
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.mapping.context import Context
from accelsim.mapping.layout import estimated_seconds, lay_out
from accelsim.mapping.lower import lower
from accelsim.mapping.view import Workload
from tests.mapping.conftest import SMALL, linear_graph
from tests.mapping.test_spatial import conv_graph

TWO = """units:
  wide: {kind: dot, sourced: test, inputs: 2, outputs: 32, fill: 0 cycles, multiplier: [8 bit, 8 bit],
         holds: {w: wide_w}}
  deep: {kind: dot, sourced: test, inputs: 32, outputs: 2, fill: 0 cycles, multiplier: [8 bit, 8 bit],
         holds: {w: deep_w}}
"""
BUFFERS = """memories:
  wide_w: {kind: buffer, sourced: test, words: 4096, width: 64 bit, copies: 2, technology: bram}
  deep_w: {kind: buffer, sourced: test, words: 64, width: 64 bit, copies: 2, technology: bram}
"""


def _load(folder: Path, linear: str) -> Hardware:
    text = SMALL.replace("units:\n", TWO).replace("memories:\n", BUFFERS)
    path = folder / "two.yaml"
    path.write_text(text.replace("linear: array", f"linear: {linear}, conv2d: [wide, deep]"), encoding="utf-8")
    return load_hardware(path)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Hardware:
    return _load(tmp_path_factory.mktemp("hw"), "[wide, deep]")


def _unit(hardware: Hardware, *sizes: int) -> str:
    return lower(Workload(linear_graph(*sizes)), hardware).stages[-1].unit


def test_a_wide_layer_runs_on_the_wide_array_and_a_deep_one_on_the_deep(two: Hardware) -> None:
    assert _unit(two, 64, 2, 64) == "wide"
    assert _unit(two, 64, 128, 2) == "deep"


def test_equal_units_are_told_apart_by_their_order(tmp_path: Path) -> None:
    assert _unit(_load(tmp_path, "[wide, deep]"), 16, 32, 32) == "wide"
    assert _unit(_load(tmp_path, "[deep, wide]"), 16, 32, 32) == "deep"


def test_a_unit_without_room_is_passed_over(two: Hardware) -> None:
    assert _unit(two, 64, 600, 2) == "wide"  # a column of 600 weights is more than the 512 bytes of the other
    with pytest.raises(DoesNotFitError, match=r"none of the units wide, deep runs 'linear.main': .*'wide'.*'deep'"):
        _unit(two, 4, 40_000, 2)


def test_the_unit_chosen_is_never_estimated_slower_than_another(two: Hardware) -> None:
    for shape in ((1, 3, 9, 5, 3, 1, 1), (1, 64, 5, 4, 1, 1, 1), (2, 4, 8, 40, 1, 1, 1), (1, 8, 8, 8, 3, 1, 8)):
        workload = Workload(conv_graph(*shape))
        node = workload.graph.nodes[0]
        context = Context(workload, two)
        times = {}
        for unit in ("wide", "deep"):
            try:
                times[unit] = estimated_seconds(two, lay_out(context, unit, node, workload.nests(node)))
            except AccelsimError:
                continue
        chosen = lower(workload, two).stages[-1].unit
        assert times[chosen] == min(times.values())


def test_units_that_cannot_run_it_are_told_one_by_one(tmp_path: Path) -> None:
    hardware = _load(tmp_path, "[vector, wide]")
    assert _unit(hardware, 4, 4, 4) == "wide"
    vectors = hardware.units.with_items({"zero": hardware.units["vector"]})
    placement = hardware.placement.with_items({"linear": ("vector", "zero")})
    without = hardware.model_copy(update={"units": vectors, "placement": placement})
    with pytest.raises(UnsupportedError, match=r"none of the units vector, zero .*makes no products"):
        _unit(without, 4, 4, 4)


def test_an_unknown_unit_in_a_list_is_a_located_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two.yaml:\d+:\d+: placement.linear: 'wode' is not a unit.*'wide'"):
        _load(tmp_path, "[wode, deep]")
    with pytest.raises(InputError, match=r"two.yaml:\d+:\d+: placement.linear"):
        _load(tmp_path, "[]")
    with pytest.raises(InputError, match=r"two.yaml:\d+:\d+: placement.linear"):
        _load(tmp_path, "3")

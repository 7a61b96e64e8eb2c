"""Chips of their own: energy of operations and accesses, and area, beside the published table they come from."""

from __future__ import annotations

import pytest

from accelsim.cost.chip import access_joules, area_mm2, operation_joules
from accelsim.cost.energy import ACCELERATOR, STATIC, Usage, energy
from accelsim.cost.resources import AREA, KINDS, resources
from accelsim.hw.energy import AsicEnergy
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Buffer, Hardware

PJ = 1e-12


def _chip(table: str = "asic-45nm", **values: object) -> Hardware:
    memories = {f"memories.{name}.technology": "sram" for name in ("inputs", "weights", "outputs")}
    return load_hardware("systolic-16", {"energy": table, "board": "chip"} | memories | values)


def _table(hardware: Hardware) -> AsicEnergy:
    assert isinstance(hardware.energy, AsicEnergy)
    return hardware.energy


@pytest.mark.parametrize(("bits", "published"), [(8, 0.2), (32, 3.1)])
def test_a_multiplier_takes_what_the_45_nm_table_says(bits: int, published: float) -> None:
    table = _table(_chip())
    low, high = table.multiply_bit2.low * bits * bits, table.multiply_bit2.high * bits * bits
    assert low * 0.999 <= published * PJ <= high * 1.001
    assert table.multiply_bit2.value * bits * bits == pytest.approx(published * PJ, rel=0.03)


@pytest.mark.parametrize(("bits", "published"), [(8, 0.03), (16, 0.05), (32, 0.1)])
def test_an_adder_takes_what_the_45_nm_table_says(bits: int, published: float) -> None:
    table = _table(_chip())
    assert table.add_bit.low * bits * 0.99 <= published * PJ <= table.add_bit.high * bits * 1.01


@pytest.mark.parametrize(("size_kib", "published"), [(8, 10), (32, 20), (1024, 100)])
def test_an_access_takes_what_the_45_nm_table_says_and_more_in_a_larger_memory(size_kib: int, published: float) -> None:
    words = size_kib * 1024 // 16
    hardware = _chip(**{"memories.inputs.words": words, "memories.inputs.technology": "sram"})
    buffer = hardware.memories["inputs"]
    assert isinstance(buffer, Buffer)
    assert access_joules(_table(hardware), buffer).value == pytest.approx(published * PJ)
    banked = hardware.with_values({"memories.inputs.banks": 4}).memories["inputs"]
    assert isinstance(banked, Buffer)
    assert access_joules(_table(hardware), banked).value < published * PJ


def test_a_small_private_memory_lies_on_the_continued_line() -> None:
    """0.4 KB: 0.71 pJ read and 1.13 pJ written for 16 bit in the Sparseloop artifact, a quarter of a 64-bit access."""
    hardware = _chip(**{"memories.inputs.words": 28})
    buffer = hardware.memories["inputs"]
    assert isinstance(buffer, Buffer)
    assert 0.4 * PJ < access_joules(_table(hardware), buffer).value / 4 < 1.2 * PJ


def test_newer_processes_take_less_for_the_same_operation() -> None:
    order = ("asic-65nm", "asic-45nm", "asic-28nm", "asic-7nm")
    joules = []
    for name in order:
        hardware = _chip(name)
        joules.append(operation_joules(hardware, _table(hardware), hardware.units["array"]).value)
    assert joules == sorted(joules, reverse=True)


def test_operations_and_accesses_are_counted_not_cycles() -> None:
    hardware = _chip()
    base = Usage(1e-3, {"array": 1000}, 0, 0, {"array": 1e6}, {"weights": 6.4e6})
    report = energy(hardware, base)
    twice = energy(hardware, Usage(1e-3, {"array": 9000}, 0, 0, {"array": 2e6}, {"weights": 12.8e6}))
    assert twice.units["array"].value == pytest.approx(2 * report.units["array"].value)
    weights = report.components["memory weights"]
    assert (weights.count, weights.event) == (1e5, "access of 64 bit")
    assert weights.each == pytest.approx(weights.joules.value / 1e5)
    assert report.components["memory leakage"].scope == STATIC
    own = sum(c.joules.value for c in report.components.values() if c.scope == ACCELERATOR)
    assert report.scopes[ACCELERATOR].value == pytest.approx(own)
    assert report.unknown == ()


def test_a_chip_takes_area_and_no_blocks() -> None:
    area = {"name": "chip", "area": {"value": "0.1 mm2", "sourced": "a small die"}}
    hardware = load_hardware("gemmini-16x16", {"board": area})
    demands = resources(hardware)
    assert all(demands[kind].amount == 0 for kind in KINDS)
    area = demands[AREA]
    assert area.bound == pytest.approx(0.1)
    assert not area.fits
    assert area.amount == pytest.approx(sum(part.value for part in area_mm2(hardware, _table(hardware)).values()))


def test_the_area_of_a_multiplier_is_that_of_its_source() -> None:
    """Aladdin's 40 nm table: 6,350 um2 for a 32-bit multiplier, 278 um2 for a 32-bit adder."""
    hardware = _chip(**{"units.array.multiplier.0": "32 bit", "units.array.multiplier.1": "32 bit"})
    each = area_mm2(hardware, _table(hardware))["units.array"].value / 256
    assert each == pytest.approx((6350 + 278) * 1e-6, rel=0.01)


def test_each_instance_takes_area_of_its_own_and_what_is_not_known_is_named() -> None:
    one, three = (resources(load_hardware("gemmini-16x16").with_values({"instances": n}))[AREA] for n in (1, 3))
    assert three.amount == pytest.approx(3 * one.amount)
    assert one.interval.low < one.amount < one.interval.high
    assert one.unknown == ("units.other",)
    assert resources(load_hardware("eyeriss"))[AREA].unknown == ()  # its host is no part of the chip


def test_eyeriss_and_the_tpu_are_lower_bounds_of_their_dies() -> None:
    eyeriss = resources(load_hardware("eyeriss"))[AREA]
    assert 0 < eyeriss.amount < eyeriss.bound
    assert 20 < resources(load_hardware("tpu-v1-like"))[AREA].amount < 331

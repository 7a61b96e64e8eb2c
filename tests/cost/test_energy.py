from __future__ import annotations

import pytest

from accelsim.cost.energy import ACCELERATOR, BOARD, DRAM, STATED, STATIC, Usage, energy
from accelsim.errors import InternalError
from accelsim.hw.load import load_hardware
from tests.cost.conftest import Tiny

SIMPLE: dict[str, object] = {
    "energy.process_scale": 0.5,
    "energy.dsp_cycle": "4 pJ",
    "energy.bram36_cycle": "20 pJ",
    "energy.lut_cycle": "10 fJ",
    "energy.net_cycle": "5 fJ",
    "energy.nets_per_lut": 2,
    "energy.ff_cycle": "30 fJ",
    "energy.clock_manager": "0.1 W",
    "energy.dram_read": "10 pJ/bit",
    "energy.dram_write": "5 pJ/bit",
    "energy.dram_standby": "0.4 W",
    "board.static_power": "0.5 W",
    "board.system_power": "2 W",
    "board.rest_power": "10 W",
    "units.dot.resources.lut": 1000,
    "units.dot.resources.ff": 2000,
    "links.port.resources.lut": 0,
    "links.port.resources.ff": 0,
}
USAGE = Usage(seconds=1e-3, unit_active_cycles={"dot": 40_000}, dram_read_bytes=1000, dram_write_bytes=200)
CYCLES = 100e6 * 1e-3


def test_every_component_is_the_product_computed_by_hand(tiny: Tiny) -> None:
    report = energy(tiny(SIMPLE), USAGE)
    joules = {name: part.joules.value for name, part in report.components.items()}
    assert joules == pytest.approx(
        {
            "units": 16 * 4e-12 * 0.5 * 40_000,
            "memory weights": 1 * 20e-12 * 0.5 * 40_000,  # held by the unit: one block while it works
            "link buffers": 0.0,
            "logic": 1000 * 10e-15 * 0.5 * CYCLES,
            "wires": 1000 * 2 * 5e-15 * 0.5 * CYCLES,
            "clock tree": 2000 * 30e-15 * 0.5 * CYCLES,
            "clock managers": 0.1 * 1e-3,
            "DRAM transfers": 8000 * 10e-12 + 1600 * 5e-12,
            "DRAM standby": 0.4 * 1e-3,
            "device static": 0.5 * 1e-3,
            "processing system": 2 * 1e-3,
            "rest of the board": 10 * 1e-3,
        }
    )
    assert report.unknown == ()


def test_scopes_are_sums_of_their_own_components_and_the_board_has_all(tiny: Tiny) -> None:
    report = energy(tiny(SIMPLE), USAGE)
    for scope in (ACCELERATOR, DRAM, STATIC):
        own = sum(part.joules.value for part in report.components.values() if part.scope == scope)
        assert report.scopes[scope].value == pytest.approx(own)
    parts = sum(report.scopes[scope].value for scope in (ACCELERATOR, DRAM, STATIC))
    assert report.scopes[BOARD].value == pytest.approx(parts + 12e-3)


def test_an_idle_unit_spends_nothing_in_its_multipliers(tiny: Tiny) -> None:
    idle = energy(tiny(SIMPLE), Usage(1e-3, {}, 0, 0))
    assert idle.units["dot"].value == 0
    assert idle.components["DRAM transfers"].joules.value == 0
    assert idle.components["clock tree"].joules.value > 0


def test_a_memory_that_no_unit_holds_operands_in_is_on_all_the_time(tiny: Tiny) -> None:
    free = energy(tiny({**SIMPLE, "units.dot.holds": {}}), USAGE)
    assert free.components["memory weights"].joules.value == pytest.approx(20e-12 * 0.5 * CYCLES)


def test_ranges_of_constants_widen_the_scopes(tiny: Tiny) -> None:
    uncertain = {"value": "4 pJ", "estimate": "x", "range": ["2 pJ", "8 pJ"]}
    report = energy(tiny({**SIMPLE, "energy.dsp_cycle": uncertain}), USAGE)
    unit = report.units["dot"]
    assert (unit.low, unit.high) == pytest.approx((unit.value / 2, unit.value * 2))
    dynamic = report.scopes[ACCELERATOR]
    assert dynamic.high - dynamic.value == pytest.approx(unit.value)


def test_parts_without_an_estimate_are_named(tiny: Tiny) -> None:
    assert energy(tiny(), USAGE).unknown == ("units.dot", "links.port")


def test_a_stated_power_is_a_scope_of_its_own() -> None:
    report = energy(load_hardware("m3vit-zcu104-analytic"), Usage(68.931e-3, {}, 0, 0))
    assert report.scopes[STATED].value == pytest.approx(0.689, abs=5e-4)
    assert STATED not in energy(load_hardware("edge-moe-zcu102"), Usage(1e-3, {}, 0, 0)).scopes


def test_a_unit_the_hardware_does_not_have_is_our_mistake(tiny: Tiny) -> None:
    with pytest.raises(InternalError, match="energy of unknown units: dott"):
        energy(tiny(), Usage(1e-3, {"dott": 1}, 0, 0))


def test_energy_grows_with_time_activity_and_traffic(tiny: Tiny) -> None:
    hardware = tiny(SIMPLE)
    base = energy(hardware, USAGE).scopes[BOARD].value
    for more in (
        Usage(2e-3, {"dot": 40_000}, 1000, 200),
        Usage(1e-3, {"dot": 80_000}, 1000, 200),
        Usage(1e-3, {"dot": 40_000}, 2000, 200),
        Usage(1e-3, {"dot": 40_000}, 1000, 400),
    ):
        assert energy(hardware, more).scopes[BOARD].value > base

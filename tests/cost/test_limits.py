"""What can be built: fill of a device, and the clock that arrays of a size have reached."""

from __future__ import annotations

import pytest

from accelsim.cost.limits import FILL, clock_demands, reached_clock
from accelsim.cost.resources import resources
from accelsim.hw.load import hardware_names, load_hardware
from accelsim.sim.fit import PRACTICE, over_budget
from tests.cost.conftest import Tiny


@pytest.mark.parametrize(("products", "mhz"), [(1664, 300), (8192, 261)])
def test_the_curve_passes_through_the_published_arrays(products: int, mhz: float) -> None:
    assert reached_clock(products).value == pytest.approx(mhz * 1e6)


def test_a_larger_array_never_reaches_a_higher_clock_and_the_slowest_published_one_is_in_range() -> None:
    clocks = [reached_clock(2**power).value for power in range(40)]
    assert clocks == sorted(clocks, reverse=True)
    assert min(clocks) > 0
    slowest = reached_clock(12288)
    assert slowest.low == pytest.approx(136e6, rel=0.01)


def test_practical_fill_is_below_what_the_device_holds(tiny: Tiny) -> None:
    for kind, demand in resources(tiny()).items():
        assert demand.practical == pytest.approx(FILL[kind] * demand.bound)


def test_a_design_between_both_bounds_fits_but_not_in_practice(tiny: Tiny) -> None:
    hardware = tiny({"board.dsp": 17})
    demand = resources(hardware)["dsp"]
    assert demand.fits
    assert not demand.practicable
    failures = over_budget(hardware, resources(hardware))
    assert [failure.what for failure in failures] == [f"DSP slices of zcu102 {PRACTICE}"]
    assert failures[0].bound == pytest.approx(0.8 * 17)
    assert failures[0].levers


def test_a_design_that_was_built_is_measured_against_itself_and_no_further(tiny: Tiny) -> None:
    built = tiny({"board.dsp": 17, "built": {"dsp": {"value": 16, "sourced": "a board that ran"}}})
    assert over_budget(built, resources(built)) == ()
    larger = built.with_values({"board.dsp": 21, "units.dot.outputs": 5})
    assert [failure.bound for failure in over_budget(larger, resources(larger))] == [pytest.approx(0.8 * 21)]


def test_a_hard_bound_is_told_apart_and_told_first(tiny: Tiny) -> None:
    hardware = tiny({"board.dsp": 15, "clocks.pl.frequency": "600 MHz"})
    failures = over_budget(hardware, resources(hardware))
    assert [failure.what for failure in failures] == [
        "DSP slices of zcu102",
        f"clock of unit 'dot' with 16 products a cycle {PRACTICE}",
    ]


def test_a_clock_beyond_the_curve_needs_a_design_that_ran(tiny: Tiny) -> None:
    fast = tiny({"clocks.pl.frequency": "500 MHz"})
    assert [demand.practicable for demand in clock_demands(fast)] == [False]
    ran = tiny(
        {"clocks.pl.frequency": "500 MHz", "built": {"clock": {"value": "500 MHz", "sourced": "a board that ran"}}}
    )
    assert [demand.practicable for demand in clock_demands(ran)] == [True]
    assert clock_demands(load_hardware("tpu-v1-like")) == ()


@pytest.mark.parametrize("name", [name for name in hardware_names() if name != "m3vit-zcu104-analytic"])
def test_every_shipped_design_can_be_built(name: str) -> None:
    hardware = load_hardware(name)
    assert over_budget(hardware, resources(hardware)) == ()

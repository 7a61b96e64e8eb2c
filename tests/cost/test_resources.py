from __future__ import annotations

import pytest

from accelsim.cost.interval import Interval
from accelsim.cost.resources import KINDS, on_chip_bytes, resources
from accelsim.hw.load import hardware_names, load_hardware
from tests.cost.conftest import Tiny


def test_multipliers_are_counted_by_formula_and_divided_by_sharing(tiny: Tiny) -> None:
    assert resources(tiny())["dsp"].terms == (("units.dot", 16.0),)
    assert resources(tiny({"units.dot.multiplier.0": "32 bit", "units.dot.multiplier.1": "32 bit"}))["dsp"].amount == 64
    assert resources(tiny({"units.dot.dsp_sharing": 3}))["dsp"].amount == 6
    assert resources(tiny({"units.dot.rows": 4}))["dsp"].amount == 64


def test_declared_resources_are_added_and_keep_their_range(tiny: Tiny) -> None:
    extra = {"value": 5, "estimate": "adders", "range": [2, 9]}
    assert resources(tiny({"units.dot.resources.dsp": extra}))["dsp"].interval == Interval(21, 18, 25)


def test_a_part_without_an_estimate_is_named_not_counted_as_free(tiny: Tiny) -> None:
    demands = resources(tiny())
    assert demands["lut"].unknown == ("units.dot", "links.port")
    assert demands["dsp"].unknown == ()
    known = resources(tiny({"units.dot.resources.lut": 100, "links.port.resources.lut": 50}))["lut"]
    assert (known.unknown, known.amount) == ((), 150)


def test_a_demand_above_the_board_does_not_fit_and_names_levers(tiny: Tiny) -> None:
    demand = resources(tiny({"board.dsp": 15}))["dsp"]
    assert not demand.fits
    assert demand.levers == ("lower units.dot.outputs", "raise units.dot.dsp_sharing")
    assert resources(tiny({"board.dsp": 16}))["dsp"].fits


def test_a_memory_may_move_only_where_there_is_room(tiny: Tiny) -> None:
    crowded = {"board.bram36": 0.5}
    assert resources(tiny(crowded))["bram36"].levers == ("lower memories.weights.words",)
    roomy = {**crowded, "board.uram": 2}
    assert resources(tiny(roomy))["bram36"].levers[1] == "memories.weights.technology=uram"


@pytest.mark.parametrize("name", hardware_names())
def test_terms_add_up_to_the_amount_of_every_kind(name: str) -> None:
    demands = resources(load_hardware(name))
    assert tuple(demands)[: len(KINDS)] == KINDS
    for demand in demands.values():
        assert sum(amount for _, amount in demand.terms) == pytest.approx(demand.amount)
        assert demand.interval.low <= demand.amount <= demand.interval.high


def test_edge_moe_fits_its_board_with_the_expected_multipliers() -> None:
    demands = resources(load_hardware("edge-moe-zcu102"))
    terms = dict(demands["dsp"].terms)
    assert all(demand.fits and not demand.unknown for demand in demands.values())
    assert terms["units.linear"] == 256 * 2 + 96
    assert terms["units.scores"] == 32 * 4 + 42
    assert terms["units.patch"] == 86  # 256 products on 86 slices, three a slice
    assert dict(demands["bram36"].terms)["memories.weights"] == 2 * 114


def test_the_analytic_m3vit_does_not_fit_its_board() -> None:
    demands = resources(load_hardware("m3vit-zcu104-analytic"))
    assert [kind for kind, demand in demands.items() if not demand.fits] == ["bram36"]


def test_on_chip_memory_counts_every_copy(tiny: Tiny) -> None:
    assert on_chip_bytes(tiny()) == {"weights": 64 * 4 * 2}
    total = sum(on_chip_bytes(load_hardware("m3vit-zcu104-analytic")).values())
    assert total / 2**20 == pytest.approx(4.840, abs=0.001)

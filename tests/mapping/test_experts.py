"""Expert policies: what is loaded, how often, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, FrozenMap, Routing
from accelsim.mapping.lower import Lowered, lower
from accelsim.mapping.view import Workload
from tests.mapping.conftest import moe_graph

IDS = ((0, 1), (0, 1), (3, 0), (0, 3), (1, 0), (3, 1))  # expert 2 is never taken


def _lowered(hardware: Hardware, *, queues_only: bool = False) -> Lowered:
    routing = Routing.from_ids(IDS, 4)
    if queues_only:
        routing = Routing(routing.queues, routing.tokens, routing.top_k)
    return lower(Workload(moe_graph(), Activity("test", FrozenMap({"moe": routing}))), hardware)


def _experts(lowered: Lowered) -> list[tuple[str, int, bool]]:
    """(part, tiles, loaded) of the stages that belong to experts."""
    return [(s.part, s.tiles, bool(s.held)) for s in lowered.stages if s.part.startswith("expert")]


def test_expert_major_loads_each_active_expert_once_and_skips_empty_ones(small: Hardware) -> None:
    assert _experts(_lowered(small)) == [
        ("expert0.fc1", 5, True),
        ("expert0.fc2", 5, True),
        ("expert1.fc1", 4, True),
        ("expert1.fc2", 4, True),
        ("expert3.fc1", 3, True),
        ("expert3.fc2", 3, True),
    ]


def test_experts_of_a_layer_share_a_prefetch_group_and_nothing_else_does(small: Hardware) -> None:
    stages = _lowered(small).stages
    assert {s.group for s in stages if s.part.startswith("expert")} == {"wbuf:moe"}
    assert {s.group for s in stages if not s.part.startswith("expert")} == {""}


def test_prefetch_scope_is_a_setting(small_file: Path) -> None:
    every = _lowered(load_hardware(small_file, {"schedule.prefetch": "all"})).stages
    assert {s.group for s in every if s.memory} == {"wbuf"}
    none = _lowered(load_hardware(small_file, {"schedule.prefetch": "none"})).stages
    assert {s.group for s in none} == {""}


def test_token_major_without_a_cache_loads_for_every_visit(small_file: Path) -> None:
    hardware = load_hardware(small_file, {"schedule.experts.order": "token-major"})
    found = _experts(_lowered(hardware))
    assert len(found) == 2 * 12
    assert all(tiles == 1 and loaded for _, tiles, loaded in found)


def test_token_major_needs_only_queues_when_nothing_is_cached(small_file: Path) -> None:
    hardware = load_hardware(small_file, {"schedule.experts.order": "token-major"})
    assert len(_experts(_lowered(hardware, queues_only=True))) == 2 * 12


def _cached(small_file: Path, policy: str, experts: int) -> Hardware:
    cache = {"policy": policy, "experts": {"value": experts, "sourced": "test"}}
    return load_hardware(small_file, {"schedule.experts.order": "token-major", "schedule.experts.cache": cache})


def test_an_lru_cache_hits_what_was_used_last(small_file: Path) -> None:
    found = _experts(_lowered(_cached(small_file, "lru", 2)))
    loads = [part for part, _, loaded in found if loaded and part.endswith("fc1")]
    # 0 1 | 0 1 hit | 3 (drops 0) 0 (drops 1) | 0 3 hit | 1 (drops 0: 3 is younger) 0 (drops 3) | 3 (drops 1) 1
    assert loads == [f"expert{e}.fc1" for e in (0, 1, 3, 0, 1, 0, 3, 1)]


def test_an_lru_cache_of_all_experts_loads_each_once(small_file: Path) -> None:
    found = _experts(_lowered(_cached(small_file, "lru", 4)))
    assert sum(loaded for _, _, loaded in found) == 2 * 3


def test_an_lru_cache_asks_for_the_order_of_visits(small_file: Path) -> None:
    with pytest.raises(InputError, match="needs the expert ids of each token"):
        _lowered(_cached(small_file, "lru", 2), queues_only=True)


def test_expected_hits_load_the_missing_share_and_one_cold_expert(small_file: Path) -> None:
    lowered = _lowered(_cached(small_file, "expected-hit", 1))
    loads = next(s for s in lowered.stages if s.part == "expert_loads")
    assert loads.outer == 12 * 3 // 4 + 1
    assert sum(t.size_bytes for t in loads.held) == 2 * (8 * 8 + 8)  # both layers of an expert with biases
    assert not any(loaded for part, _, loaded in _experts(lowered) if part != "expert_loads")


@pytest.mark.parametrize(("order", "kept"), [("expert-major", {}), ("resident", {"wbuf": 4 * 2 * 8 * 8})])
def test_resident_experts_need_room_for_all_of_a_layer(small_file: Path, order: str, kept: dict[str, int]) -> None:
    assert _lowered(load_hardware(small_file, {"schedule.experts.order": order})).kept_bytes == kept


def test_all_orders_do_the_same_products(small_file: Path, small: Hardware) -> None:
    def macs(hardware: Hardware) -> int:
        return sum(stage.macs for stage in _lowered(hardware).stages)

    expected = 6 * 4 * 8 + 12 * 2 * 8 * 8
    assert macs(small) == expected
    assert macs(load_hardware(small_file, {"schedule.experts.order": "token-major"})) == expected
    assert macs(_cached(small_file, "lru", 2)) == expected
    assert macs(_cached(small_file, "expected-hit", 2)) == expected


def test_a_routed_node_without_activity_says_what_to_give(small: Hardware) -> None:
    with pytest.raises(InputError, match="give an activity"):
        lower(Workload(moe_graph()), small)

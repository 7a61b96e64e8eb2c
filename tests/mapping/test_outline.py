"""What lowering keeps of a graph for the next hardware with the same names, and what it looks at anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph, LoopNest, Tensor
from accelsim.mapping.context import Context
from accelsim.mapping.lower import Lowered, lower
from accelsim.mapping.outline import outline_of
from accelsim.mapping.view import Workload
from accelsim.ops.build import GraphBuilder
from accelsim.sim.assumption import activity_for
from tests.mapping.conftest import moe_graph, parameter


def _layers(count: int) -> Graph:
    builder = GraphBuilder("layers")
    x = "x"
    builder.add_input(x, Tensor((1, 4, 8)))
    for layer in range(count):
        x = builder.add1("linear", [x, parameter(builder, f"w{layer}", 8, 8)], name=f"fc{layer}")
        x = builder.add1("add", [x, parameter(builder, f"p{layer}", 1, 4, 8)], name=f"add{layer}")
    return builder.finish([x])


def _told(lowered: Lowered) -> tuple[object, ...]:
    return (lowered.stages, lowered.folded, lowered.fused, lowered.included, lowered.kept_bytes, lowered.needs)


OTHERS: dict[str, dict[str, object]] = {
    "numbers": {"memories.wbuf.words": 64, "links.data.latency": "9 cycles"},
    "an absorbed op": {"units.array.absorbs": ["moe.gate_softmax", "moe.gate_div", "moe.top_k", "add"]},
    "a placement": {"placement.add": "vector"},
    "branches side by side": {"schedule.branches": "concurrent"},
    "an order of experts": {"schedule.experts.order": "token-major"},
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_lowering_is_the_same_after_others_of_the_same_graph(small_file: Path, other: str) -> None:
    hardware, changed = load_hardware(small_file), load_hardware(small_file, OTHERS[other])
    for graph in (_layers(3), moe_graph()):
        workload = Workload(graph, activity_for(graph, "uniform"))
        for point in (hardware, changed, hardware):
            fresh = Workload(graph, activity_for(graph, "uniform"))
            assert _told(lower(workload, point)) == _told(lower(fresh, point))


def _step(workload: Workload, hardware: Hardware, name: str) -> object:
    node = next(node for node in workload.graph.nodes if node.name == name)
    return outline_of(workload, hardware).step(Context(workload, hardware), node)


def test_where_names_decide_a_node_is_placed_once_and_where_numbers_may_each_time(small_file: Path) -> None:
    hardware = load_hardware(small_file)
    other = hardware.with_values({"memories.wbuf.words": 64})
    workload = Workload(_layers(1))
    assert _step(workload, hardware, "fc0") is _step(workload, other, "fc0")
    chosen = [load_hardware(small_file, {"placement.linear": ["array", "scores"]}) for _ in range(2)]
    assert _step(workload, chosen[0], "fc0") is not _step(workload, chosen[1], "fc0")
    assert outline_of(workload, hardware) is not outline_of(workload, chosen[0])


def test_numbers_of_values_differ_whoever_draws_them() -> None:
    workload = Workload(_layers(1))
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(workload.number, [value for value in range(2_000) for _ in range(2)]))
    assert numbers[::2] == numbers[1::2]
    assert len(set(numbers)) == 2_000


def test_what_follows_from_nests_is_worked_out_once_for_them_and_anew_for_others() -> None:
    workload = Workload(_layers(2))
    first, second = (workload.nests(node) for node in workload.graph.nodes if node.op == "linear")
    made: list[str] = []

    def told(nests: tuple[LoopNest, ...], what: str) -> str:
        return workload.remembered(what, nests, lambda: made.append(what) or f"{what} {nests[0].operands[1].tensor}")

    assert [told(first, "a"), told(second, "a"), told(first, "b"), told(first, "a")] == ["a w0", "a w1", "b w0", "a w0"]
    assert made == ["a", "a", "b"]

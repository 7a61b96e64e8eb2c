"""The arena: nothing that is alive is overwritten, and reuse brings it near the least that is possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import engine
from accelsim.engine.arena import Arena
from accelsim.engine.memory import ALIGNMENT, Block, place_blocks
from accelsim.engine.plan import Plan
from accelsim.errors import InternalError, UnsupportedError
from accelsim.ir import FrozenMap, Tensor
from accelsim.ir.dtype import DType, Numerics
from accelsim.ops.build import GraphBuilder
from tests.engine.graphs import floats, interpret, moe_graph, one_node, random_graph, type_of


def live_bytes(plan: Plan) -> int:
    """The largest sum of blocks alive at one step: no plan can be smaller."""
    steps = range(-1, len(plan.graph.nodes) + 1)
    blocks = [slot.block for slot in plan.slots.values()]
    return max(sum(b.size_bytes for b in blocks if b.first <= step <= b.last) for step in steps)


blocks = st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 20), st.integers(0, 6)), min_size=1, max_size=40).map(
    lambda items: [Block(f"b{i}", size, first, first + span) for i, (size, first, span) in enumerate(items)]
)


@given(blocks)
@settings(deadline=None)
def test_blocks_alive_together_never_overlap(blocks: list[Block]) -> None:
    slots = place_blocks(blocks)
    for i, a in enumerate(slots):
        assert a.offset % ALIGNMENT == 0
        for b in slots[:i]:
            together = a.block.first <= b.block.last and b.block.first <= a.block.last
            assert not together or a.end <= b.offset or b.end <= a.offset


@given(blocks)
@settings(deadline=None)
def test_blocks_never_alive_together_share_their_bytes(blocks: list[Block]) -> None:
    apart = [Block(b.name, b.size_bytes, i, i) for i, b in enumerate(blocks)]
    assert {slot.offset for slot in place_blocks(apart)} == {0}


def test_a_small_block_goes_into_the_smallest_gap_that_holds_it() -> None:
    slots = place_blocks(
        [
            Block("a", 1024, 0, 9),
            Block("gone", 512, 0, 4),
            Block("b", 500, 0, 9),
            Block("less", 256, 0, 4),
            Block("c", 200, 0, 9),
            Block("late", 128, 5, 9),
        ]
    )
    offsets = {slot.block.name: slot.offset for slot in slots}
    assert offsets["late"] == offsets["less"] != offsets["gone"]


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_equal_their_references_with_all_dead_bytes_poisoned(seed: int) -> None:
    graph, inputs = random_graph(seed)
    plan = engine.compile(graph).plan
    arena = Arena(plan)
    expected = interpret(graph, inputs)
    arena.buffer[:] = 0xFF
    for name, array in inputs.items():
        np.copyto(arena.arrays[name], array)
    for bound in arena:
        dead = np.ones(plan.arena_bytes, bool)
        for slot in plan.slots.values():
            if slot.block.first < bound.step.index <= slot.block.last:
                dead[slot.offset : slot.end] = False
        arena.buffer[dead] = 0xFF  # every float32 of it is a NaN
        bound.run()
    for name in graph.outputs:
        np.testing.assert_allclose(arena.arrays[name], expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(60))
def test_kept_tensors_of_random_graphs_equal_their_references(seed: int) -> None:
    graph, inputs = random_graph(seed)
    run = engine.compile(graph)(inputs, keep="all")
    expected = interpret(graph, inputs)
    assert set(run.kept) == {*graph.inputs, *(name for node in graph.nodes for name in node.outputs)}
    for name, array in run.kept.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-5)


def test_a_long_chain_needs_two_tensors_only() -> None:
    builder = GraphBuilder("chain")
    x = builder.add_input("x", Tensor((64, 64)))
    for _ in range(20):
        x = builder.add1("gelu", (x,))
    plan = engine.compile(builder.finish([x])).plan
    assert plan.arena_bytes == 2 * 64 * 64 * 4 == live_bytes(plan)


def test_arena_counts_scratch_and_peak_is_the_sum() -> None:
    plan = engine.compile(moe_graph(64, width=16, experts=4, hidden=32, top_k=2)).plan
    scratch = sum(slot.block.size_bytes for name, slot in plan.slots.items() if "#scratch" in name)
    assert scratch == 4 * 64 * 4 + 8 * 5 + 8 * 128 + 4 * 128 * 16 + 2 * 4 * 64 * (16 + 32)
    assert plan.arena_bytes >= live_bytes(plan) > scratch
    weights = 4 * (4 * 16 + 2 * 4 * 32 * 16 + 4 * 32 + 4 * 16)
    assert (plan.weight_bytes, plan.scratch_bytes) == (weights, 0)
    assert plan.peak_bytes == plan.arena_bytes + weights


def test_results_of_a_reference_lie_beside_the_arena() -> None:
    graph, _ = one_node("softmax", (floats(3, 4, 5),), {"axis": 1})
    plan = engine.compile(graph).plan
    assert plan.fallbacks == ("node",)
    assert plan.scratch_bytes == 4 * 60


def test_layout_ops_are_views_where_the_bytes_allow_it() -> None:
    builder = GraphBuilder("views")
    x = builder.add_input("x", Tensor((4, 6)))
    y = builder.add1("gelu", (x,))
    split = builder.add1("reshape", (y,), {"shape": (4, 2, 3)}, name="split")
    turned = builder.add1("transpose", (split,), {"perm": (1, 0, 2)}, name="turned")
    half = {"starts": (1,), "ends": (2,), "axes": (0,), "steps": (1,)}
    part = builder.add1("slice", (turned,), half, name="part")
    joined = builder.add1("reshape", (turned,), {"shape": (8, 3)}, name="joined")
    graph = builder.finish([part, joined])
    executable = engine.compile(graph)
    assert executable.plan.views == ("split", "turned", "part")
    assert executable.plan.fallbacks == ()
    inputs = {"x": floats(4, 6)}
    expected = interpret(graph, inputs)
    for name, array in executable(inputs).outputs.items():
        np.testing.assert_allclose(array, expected[name], atol=1e-6)


def test_nodes_of_constants_alone_are_computed_once() -> None:
    builder = GraphBuilder("folded")
    x = builder.add_input("x", Tensor((5, 3)))
    token = builder.add_parameter("token", floats(1, 3), Tensor((1, 3)))
    wide = builder.add1("expand", (token,), {"shape": (5, 3)}, name="wide")
    graph = builder.finish([builder.add1("add", (x, wide))])
    executable = engine.compile(graph)
    assert executable.plan.folded == ("wide",)
    assert executable.plan.weight_bytes == 12 + 60
    run = executable(floats(5, 3, seed=2), keep="all")
    np.testing.assert_array_equal(run.kept["wide"], np.broadcast_to(floats(1, 3), (5, 3)))


def test_tied_weights_are_counted_once() -> None:
    builder = GraphBuilder("tied")
    x = builder.add_input("x", Tensor((5, 3)))
    for name in ("a", "b"):
        x = builder.add1("linear", (x, builder.add_parameter(name, floats(3, 3), Tensor((3, 3)))))
    assert engine.compile(builder.finish([x])).plan.weight_bytes == 36


def test_equal_graphs_have_equal_plans() -> None:
    plans = [engine.compile(random_graph(3)[0]).plan for _ in range(2)]
    assert plans[0].slots == plans[1].slots
    assert plans[0].places == plans[1].places


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (Tensor((2,), DType.parse("fixed<16,6>")), "tensor 'x' is fixed<16,6>"),
        (Tensor((2,), numerics=Numerics((0.5,))), "tensor 'x' is float32 with its own scale"),
    ],
)
def test_formats_the_engine_lacks_are_refused_by_name(tensor: Tensor, text: str) -> None:
    builder = GraphBuilder("formats")
    graph = builder.finish([builder.add1("relu", (builder.add_input("x", tensor),))])
    with pytest.raises(UnsupportedError, match=text):
        engine.compile(graph)


def test_a_parameter_that_is_not_what_the_graph_says_is_our_mistake() -> None:
    builder = GraphBuilder("wrong")
    x = builder.add_input("x", Tensor((2, 3)))
    w = builder.add_parameter("w", floats(3, 3), Tensor((4, 3)))
    graph = builder.finish([builder.add1("linear", (x, w))])
    with pytest.raises(InternalError, match="parameter 'w' is float32"):
        engine.compile(graph)


def test_memory_mapped_weights_stay_mapped(tmp_path: object) -> None:
    path = f"{tmp_path}/w.npy"
    np.save(path, floats(4, 3))
    mapped = np.load(path, mmap_mode="r")
    graph, inputs = one_node("linear", (floats(2, 3), mapped), constants=(1,))
    executable = engine.compile(graph)
    weight = executable.plan.constants["in1"]
    assert type(weight) is np.ndarray
    assert np.shares_memory(weight, mapped)
    np.testing.assert_allclose(executable(inputs).outputs["node"], floats(2, 3) @ floats(4, 3).T, rtol=1e-5)


def test_frozen_maps_of_tensors_are_left_as_they_were() -> None:
    graph, inputs = random_graph(5)
    before = graph.digest
    engine.compile(graph)(inputs)
    assert graph.digest == before
    assert isinstance(graph.tensors, FrozenMap)
    assert type_of(inputs["x"]) == graph.tensors["x"]


def test_parts_of_a_split_and_a_reversed_tensor_lie_in_the_bytes_of_their_source() -> None:
    builder = GraphBuilder("parts")
    x = builder.add_input("x", Tensor((4, 6)))
    left, right = builder.add("split", (x,), {"axis": 1, "sizes": (2, 4)}, name="cut")
    turned = builder.add1("reverse", (right,), {"axes": (0, 1)}, name="turned")
    graph = builder.finish([builder.add1("relu", (left,)), builder.add1("relu", (turned,))])
    executable = engine.compile(graph)
    assert executable.plan.views == ("cut", "turned")
    inputs = {"x": floats(4, 6)}
    outputs, expected = executable(inputs).outputs, interpret(graph, inputs)
    for name in graph.outputs:
        np.testing.assert_array_equal(outputs[name], expected[name])


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "uint8", "int16", "uint32"])
def test_other_formats_run_on_the_references(dtype: str) -> None:
    x = (np.abs(floats(3, 4)) * 20).astype(dtype)
    graph, inputs = one_node("maximum", (x, x[::-1].copy()), constants=(1,))
    (made,) = engine.compile(graph)(inputs).outputs.values()
    np.testing.assert_array_equal(made, np.maximum(x, x[::-1]))
    assert made.dtype == np.dtype(dtype)


def test_constants_fold_without_a_warning_where_numbers_leave_their_range() -> None:
    builder = GraphBuilder("endless")
    x = builder.add_input("x", Tensor((2,)))
    none = builder.add_parameter("none", np.full(2, -np.inf, np.float32), Tensor((2,)))
    shares = builder.add1("softmax", (none,))
    graph = builder.finish([builder.add1("where", (builder.add1("equal", (shares, shares)), shares, x))])
    executable = engine.compile(graph)
    assert executable.plan.folded == ("softmax", "equal")
    (made,) = executable({"x": floats(2)}).outputs.values()
    np.testing.assert_array_equal(made, floats(2))

"""Calling an executable: checks, activity, forced routing, determinism, several threads at once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from accelsim import engine
from accelsim.engine.compare import activity_flips
from accelsim.errors import InputError, InternalError
from accelsim.ir import Activity, FrozenMap, Graph, Routing, Tensor
from accelsim.ops.build import GraphBuilder
from tests.engine.graphs import floats, interpret, moe_graph, one_node, random_graph


@pytest.fixture(scope="module")
def graph() -> Graph:
    return moe_graph(20, width=8, experts=6, hidden=10, top_k=2, layers=2)


@pytest.fixture(scope="module")
def executable(graph: Graph) -> engine.Executable:
    return engine.compile(graph)


def test_outputs_equal_the_references_and_nothing_falls_back(graph: Graph, executable: engine.Executable) -> None:
    x = floats(20, 8)
    run = executable({"x": x})
    expected = interpret(graph, {"x": x})["sum1"]
    assert np.abs(run.outputs["sum1"] - expected).max() < 1e-5 * np.abs(expected).max()
    assert executable.plan.fallbacks == ()
    assert run.latency_s > 0
    assert run.peak_bytes == executable.plan.peak_bytes


def test_activity_tells_the_experts_and_gates_that_were_taken(graph: Graph, executable: engine.Executable) -> None:
    x = floats(20, 8)
    run = executable(x, keep=["layer0.ids", "layer1.gates"])
    expected = interpret(graph, {"x": x})
    assert list(run.activity.routings) == ["layer0", "layer1"]
    for name, routing in run.activity.routings.items():
        assert routing.ids == tuple(map(tuple, expected[f"{name}.ids"].tolist()))
        assert routing.gates is not None
        np.testing.assert_allclose(routing.gates, expected[f"{name}.gates"], rtol=1e-5)
        assert routing.queues == tuple(np.bincount(expected[f"{name}.ids"].ravel(), minlength=6))
    assert (run.activity.graph_digest, run.activity.precision) == (graph.digest, "float32")
    assert run.activity.source == "engine"
    assert set(run.kept) == {"layer0.ids", "layer1.gates"}
    np.testing.assert_array_equal(run.kept["layer0.ids"], expected["layer0.ids"])


def test_forcing_the_recorded_routing_changes_no_bit(executable: engine.Executable) -> None:
    free = executable(floats(20, 8))
    forced = executable(floats(20, 8), routing=free.activity)
    np.testing.assert_array_equal(forced.outputs["sum1"], free.outputs["sum1"])
    assert forced.activity.routings == free.activity.routings
    assert forced.activity.source == "forced"


def test_forced_experts_are_taken_with_the_probabilities_they_have(graph: Graph, executable: engine.Executable) -> None:
    x = floats(20, 8)
    ids = tuple((token % 6, (token + 1) % 6) for token in range(20))
    routing = Routing.from_ids(ids, 6)
    activity = Activity("test", FrozenMap({"layer0": routing, "layer1": routing}))
    run = executable(x, routing=activity, keep="all")
    assert run.activity.routings["layer1"].ids == ids
    logits = x @ graph.parameter("layer0.gate_w").T
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        run.kept["layer0.gates"], np.take_along_axis(probabilities, np.array(ids), axis=1), rtol=1e-5
    )
    assert activity_flips(executable(x).activity, run.activity)
    # The next free run is not touched by it.
    np.testing.assert_array_equal(executable(x).outputs["sum1"], engine.compile(graph)(x).outputs["sum1"])


@pytest.mark.parametrize(
    ("routings", "text"),
    [
        ({}, "node 'layer0' routes, but the activity has no routing for it"),
        (
            {"layer": Routing.from_ids([[0]], 6)},
            "routing of 'layer': no node of that name routes -- did you mean",
        ),
        ({"layer0": Routing((40, 0, 0, 0, 0, 0), 20, 2)}, "queue lengths only"),
        ({"layer0": Routing.from_ids([[0, 1]] * 19, 6)}, "19 tokens, top-2 of 6.*20 tokens, top-2 of 6"),
        ({"layer0": Routing.from_ids([[2, 2]] * 20, 6)}, "token 0 the same expert twice"),
        ({"layer0": replace(Routing.from_ids([[0, 1]] * 20, 6), ids=((0, 7),) * 20)}, "names expert 7"),
        ({"layer0": replace(Routing.from_ids([[0, 1]] * 20, 6), ids=((0, -1),) * 20)}, "names expert -1"),
    ],
)
def test_a_routing_that_does_not_fit_is_refused(
    executable: engine.Executable, routings: dict[str, Routing], text: str
) -> None:
    with pytest.raises(InputError, match=text):
        executable(floats(20, 8), routing=Activity("test", FrozenMap(routings)))


def _bad(value: float) -> np.ndarray:
    x = floats(20, 8)
    x[3, 4] = value
    return x


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({}, "needs input 'x'"),
        ({"x": floats(20, 8), "y": floats(1)}, "has no input 'y' -- known: x"),
        ({"x": floats(20, 9)}, r"input 'x' is float32 \[20, 9\], needs float32 \[20, 8\]"),
        ({"x": floats(20, 8).astype(np.float64)}, r"input 'x' is float64 \[20, 8\], needs float32"),
        ({"x": floats(20, 8).tolist()}, "input 'x' is a list, needs a NumPy array"),
        (floats(8, 20), r"input 'x' is float32 \[8, 20\]"),
        (_bad(np.nan), "1 of 160 values that are infinite or NaN"),
        (_bad(-np.inf), "1 of 160 values that are infinite or NaN"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(executable: engine.Executable, inputs: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        executable(inputs)  # type: ignore[arg-type]


def test_several_inputs_must_be_named() -> None:
    graph, _ = one_node("add", (floats(2), floats(2)))
    with pytest.raises(InputError, match="has 2 inputs, give them by name: in0, in1"):
        engine.compile(graph)(floats(2))


def test_keeping_an_unknown_tensor_suggests_one(executable: engine.Executable) -> None:
    with pytest.raises(InputError, match=r"cannot keep 'layer0\.id': no node makes it -- did you mean 'layer0\.ids'"):
        executable(floats(20, 8), keep=["layer0.id"])


def test_fewer_than_one_thread_is_refused(graph: Graph) -> None:
    with pytest.raises(InputError, match="threads is 0"):
        engine.compile(graph, threads=0)


def test_an_error_inside_a_node_names_the_node_and_frees_the_arena() -> None:
    graph, _ = one_node("gather", (floats(4, 3), np.array([1, 9])))
    executable = engine.compile(graph)
    with pytest.raises(InputError, match="node 'node': gather: indices holds 9"):
        executable({"in0": floats(4, 3), "in1": np.array([1, 9])})
    run = executable({"in0": floats(4, 3), "in1": np.array([1, 3])})
    np.testing.assert_array_equal(run.outputs["node"], floats(4, 3)[[1, 3]])


def test_a_reference_that_breaks_its_own_shape_is_our_mistake() -> None:
    graph, inputs = one_node("softmax", (floats(3, 4, 5),), {"axis": 1})
    wrong = replace(graph, tensors=graph.tensors.with_items({"node": Tensor((3, 4, 6))}))
    with pytest.raises(InternalError, match="node 'node': the reference of softmax gives float32"):
        engine.compile(wrong)(inputs)


def test_inputs_and_outputs_share_no_memory_with_the_executable(executable: engine.Executable) -> None:
    x = floats(20, 8)
    first = executable(x, keep="all")
    before = {name: array.copy() for name, array in {**first.outputs, **first.kept}.items()}
    executable(floats(20, 8, seed=9))
    for name, array in {**first.outputs, **first.kept}.items():
        np.testing.assert_array_equal(array, before[name])
    np.testing.assert_array_equal(x, floats(20, 8))


def test_inputs_may_lie_in_any_order_in_memory(executable: engine.Executable) -> None:
    x = floats(20, 8)
    turned = np.asfortranarray(x)
    np.testing.assert_array_equal(executable(turned).outputs["sum1"], executable(x).outputs["sum1"])


def test_repeated_runs_are_equal_bit_for_bit() -> None:
    for seed in range(10):
        graph, inputs = random_graph(seed)
        executable = engine.compile(graph)
        first, second, other = executable(inputs), executable(inputs), engine.compile(graph)(inputs)
        for name in graph.outputs:
            assert first.outputs[name].tobytes() == second.outputs[name].tobytes()
            assert first.outputs[name].tobytes() == other.outputs[name].tobytes()


def test_many_threads_may_call_at_once(executable: engine.Executable) -> None:
    images = [floats(20, 8, seed=seed) for seed in range(40)]
    alone = [executable(image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(executable, images))
    for one, other in zip(alone, together, strict=True):
        assert one.outputs["sum1"].tobytes() == other.outputs["sum1"].tobytes()
        assert one.activity == other.activity


def test_a_graph_may_give_back_its_input_and_its_constants() -> None:
    builder = GraphBuilder("direct")
    x = builder.add_input("x", Tensor((2, 3)))
    w = builder.add_parameter("w", floats(2, 3), Tensor((2, 3)))
    flat = builder.add1("reshape", (x,), {"shape": (6,)}, name="flat")
    run = engine.compile(builder.finish([x, w, flat]))(floats(2, 3, seed=4))
    np.testing.assert_array_equal(run.outputs["x"], floats(2, 3, seed=4))
    np.testing.assert_array_equal(run.outputs["w"], floats(2, 3))
    np.testing.assert_array_equal(run.outputs["flat"], floats(2, 3, seed=4).ravel())


def test_importing_the_engine_loads_no_numba() -> None:
    code = "import sys, accelsim.engine, accelsim.engine.compare; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_infinite_inputs_are_computed_with_where_that_is_asked_for() -> None:
    graph, _ = one_node("exp", (floats(4),))
    x = np.array([np.inf, -np.inf, np.nan, 0], np.float32)
    with pytest.raises(InputError, match="3 of 4 values that are infinite or NaN"):
        engine.compile(graph)(x)
    outputs = engine.compile(graph)(x, finite=False).outputs
    np.testing.assert_array_equal(outputs[graph.outputs[0]], np.array([np.inf, 0, np.nan, 1], np.float32))


@pytest.mark.parametrize("causal", [False, True])
def test_masked_attention_keeps_nan_and_gives_zeros_where_nothing_is_seen(causal: bool) -> None:
    q, k, v = floats(1, 1, 3, 4), floats(1, 1, 3, 4, seed=2), floats(1, 1, 3, 4, seed=3)
    mask = np.array([[False, True, True], [False, False, False], [True, True, True]])
    q[0, 0, 2] = np.nan
    graph, inputs = one_node("attention", (q, k, v, mask), {"scale": 0.5, "causal": causal})
    outputs = engine.compile(graph)(inputs, finite=False).outputs[graph.outputs[0]]
    assert np.isnan(outputs[0, 0, 2]).all()
    assert not outputs[0, 0, 1].any()
    assert bool(outputs[0, 0, 0].any()) is not causal

"""The engine beside PyTorch and ONNX Runtime: what agrees, what does not, and how that is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import AccelsimError, InputError
from accelsim.evaluate import verify
from accelsim.evaluate.verify import compares_nodes, verify_model
from accelsim.frontends.catalogue import LoadedModel, load_model
from accelsim.results.equivalence import Equivalence, EquivalenceEntry

pytestmark = pytest.mark.slow

TINY = Path(__file__).resolve().parents[1] / "frontends" / "tiny_model.py"
GATE = "encoder.blocks.1.ffn.gate.weight"
EXPERTS = "encoder.blocks.1.ffn"


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield patch


def tiny(**arguments: object) -> LoadedModel:
    return load_model(f"{TINY}:build", arguments=arguments)


def with_parameter(loaded: LoadedModel, name: str, array: np.ndarray) -> LoadedModel:
    """Our engine gets another constant; the others still run the stored model."""
    graph = loaded.graph
    digest = graph.weights.add(array.astype(np.float32))
    return replace(loaded, graph=replace(graph, parameters=graph.parameters.with_items({name: digest})))


def by_engine(result: Equivalence) -> dict[str, EquivalenceEntry]:
    return {entry.engine: entry for entry in result.entries}


@pytest.mark.parametrize("task", ["semseg", "depth"])
def test_m3vit_tiny_equals_torch_and_onnx_runtime(task: str) -> None:
    result = verify_model(load_model("m3vit-tiny", task=task))
    assert result.ok
    assert result.inputs_differ
    assert [entry.engine for entry in result.entries] == ["torch", "onnxruntime"]
    for entry in result.entries:
        assert entry.max_rel_err < 1e-5
        assert entry.first_bad is None
        assert entry.routing_flips == 0
        assert entry.nodes_compared > 200
        assert entry.version


def test_the_steps_are_told(cached: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    result = verify_model(tiny(), progress=told.append)
    assert result.ok
    assert told == [
        "running torch, onnxruntime and our engine",
        "comparing with torch",
        "comparing with onnxruntime",
    ]


def test_outputs_that_leave_the_tolerance_are_judged_by_what_rounding_does_to_torch(
    cached: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "TOLERANCE", 1e-9)
    loaded = tiny()
    result = verify_model(loaded)
    assert result.ok
    assert result.rounding is not None
    assert 1e-9 < result.rounding < 1e-5
    assert result.tolerance == pytest.approx(3 * result.rounding)
    name = "encoder.blocks.0.ffn.0.bias"
    wrong = verify_model(with_parameter(loaded, name, loaded.graph.parameter(name) + 0.01), against=["torch"])
    assert not wrong.ok
    assert wrong.rounding == pytest.approx(result.rounding)
    told = verify_model(loaded, tolerance=1e-9)
    assert not told.ok
    assert told.rounding is None


def test_what_rounding_allows_ends_at_a_thousandth(cached: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "TOLERANCE", 1e-9)
    monkeypatch.setattr(verify, "_rounding", lambda *_: 0.5)
    loaded = tiny()
    name = "encoder.blocks.0.ffn.0.bias"
    wrong = verify_model(with_parameter(loaded, name, loaded.graph.parameter(name) + 0.5))
    assert wrong.tolerance == 1e-3
    assert not wrong.ok


def test_exact_ties_go_to_the_lower_expert_in_every_engine(cached: pytest.MonkeyPatch) -> None:
    result = verify_model(tiny(gate="tied"))
    assert result.ok
    assert [entry.routing_flips for entry in result.entries] == [0, 0]


def test_a_wrong_constant_is_told_by_the_first_node_that_reads_it(cached: pytest.MonkeyPatch) -> None:
    loaded = tiny()
    name = "encoder.blocks.0.ffn.0.bias"
    spoiled = with_parameter(loaded, name, loaded.graph.parameter(name) + 0.01)
    wrong = verify_model(spoiled, against=["onnxruntime"])
    assert not wrong.ok
    for entry in wrong.entries:
        assert not entry.ok
        assert entry.first_bad == "encoder.blocks.0.ffn.0"
        assert entry.max_rel_err > 1e-4
        assert entry.worst[0].max_rel_err > 1e-4


def test_a_flip_near_a_tie_is_told_with_its_margin_and_forgiven(cached: pytest.MonkeyPatch) -> None:
    """Experts 0 and 1 are almost equally likely; our side has them the other way round."""
    loaded = tiny(gate="near")
    gate = loaded.graph.parameter(GATE)
    assert not np.array_equal(gate[0], gate[1])
    result = verify_model(with_parameter(loaded, GATE, gate[[1, 0, 2, 3]]))
    for entry in result.entries:
        assert entry.routing_flips > 0
        assert len(entry.flip_margins) == entry.routing_flips
        assert 0 < max(entry.flip_margins) < 1e-4
        assert entry.max_rel_err > 1e-4
        assert entry.forced_ok
        assert entry.forced_max_rel_err is not None
        assert entry.forced_max_rel_err < 1e-4
        assert entry.first_bad is None
    assert result.ok


def test_a_flip_with_a_wide_margin_is_an_error(cached: pytest.MonkeyPatch) -> None:
    loaded = tiny()
    spoiled = with_parameter(loaded, GATE, loaded.graph.parameter(GATE)[[1, 0, 2, 3]])
    result = verify_model(spoiled, against=["onnxruntime"])
    assert not result.ok
    for entry in result.entries:
        assert max(entry.flip_margins) > 1e-2
        assert not entry.ok
        assert entry.first_bad == EXPERTS


def test_a_model_that_ignores_its_input_is_not_verified(cached: pytest.MonkeyPatch) -> None:
    result = verify_model(tiny(blind=True), against=["onnxruntime"])
    assert result.entries[0].ok
    assert not result.inputs_differ
    assert not result.ok


def test_a_model_without_a_cache_entry_is_verified_too(cached: pytest.MonkeyPatch) -> None:
    loaded = load_model(f"{TINY}:build", cache=False)
    assert loaded.stored is None
    entry = by_engine(verify_model(loaded, against=["torch"]))["torch"]
    assert entry.ok
    assert entry.nodes_compared > 30


def test_an_unknown_engine_is_refused_before_anything_runs(cached: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"'onnxrt' is not an engine.*did you mean 'onnxruntime'"):
        verify_model(tiny(), against=["onnxrt"])


def test_an_engine_that_fails_is_told_with_the_end_of_what_it_wrote(cached: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded = tiny()
    gone = replace(loaded, spec=replace(loaded.spec, file=tmp_path / "gone.py"))
    with pytest.raises(InputError, match=r"running the model in torch failed \(exit code 2\).*gone\.py: no such file"):
        verify_model(gone)


def test_a_builder_that_fails_elsewhere_is_told_with_its_line(cached: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "crash.py").write_text("def build():\n    raise RuntimeError('out of luck')\n")
    loaded = tiny()
    crashing = replace(loaded, spec=replace(loaded.spec, file=tmp_path / "crash.py"))
    with pytest.raises(AccelsimError, match=r"exit code 2\): .*crash\.py:2: .*RuntimeError: out of luck"):
        verify_model(crashing)


@pytest.mark.parametrize("gate", ["random", "near"])
def test_the_outputs_alone_are_compared_where_asked_for(cached: pytest.MonkeyPatch, gate: str) -> None:
    """Flips are still found: routings are told, other tensors are not."""
    loaded = tiny(gate=gate)
    if gate == "near":
        loaded = with_parameter(loaded, GATE, loaded.graph.parameter(GATE)[[1, 0, 2, 3]])
    result = verify_model(loaded, nodes=False)
    assert result.ok
    for entry, whole in zip(result.entries, verify_model(loaded).entries, strict=True):
        assert entry.nodes_compared == 0 < whole.nodes_compared
        assert entry.max_rel_err == pytest.approx(whole.max_rel_err, rel=0.01, abs=1e-6)
        assert (entry.routing_flips, entry.flip_margins) == (whole.routing_flips, whole.flip_margins)
        assert (entry.routing_flips > 0) == (gate == "near")


def test_graphs_of_many_tensors_are_not_compared_node_by_node(cached: pytest.MonkeyPatch) -> None:
    assert compares_nodes(tiny().graph)
    assert not compares_nodes(load_model("densemtl-resnet101", weights=False).graph)

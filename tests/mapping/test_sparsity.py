"""Sparse formats of units: which weights they take, what is multiplied and what is moved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import DoesNotFitError
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, FrozenMap, Graph, Routing, Tensor
from accelsim.ir.sparsity import parse_sparsity
from accelsim.mapping.lower import lower
from accelsim.mapping.stage import Stage
from accelsim.mapping.view import Workload
from accelsim.ops.build import GraphBuilder
from tests.mapping.conftest import moe_graph


def sourced(**values: object) -> dict[str, object]:
    """A part as an override gives it: every number with its provenance."""
    return {k: v if isinstance(v, (str, bool)) else {"value": v, "sourced": "test"} for k, v in values.items()}


TWO_FOUR = sourced(kind="n-m", keep=2, of=4)
COMPACTED = sourced(kind="compacted")
CSC = {**sourced(kind="unstructured", queue=4), "index": "absolute"}
BITMAP = {**CSC, "index": "bitmap"}
BLOCKS = sourced(kind="block", outputs=4, inputs=4, queue=4)


def with_formats(file: Path, formats: Mapping[str, object], **values: object) -> Hardware:
    words = {"memories.wbuf.words": {"value": 4096, "sourced": "test"}}
    return load_hardware(file, {**words, "units.array.sparse": formats, **values})


def layer(weights: np.ndarray, rows: int = 8) -> Graph:
    builder = GraphBuilder("layer")
    builder.add_input("x", Tensor((1, rows, weights.shape[1])))
    builder.add_parameter("w", weights.astype(np.float32), Tensor(weights.shape))
    return builder.finish(builder.add("linear", ["x", "w"], name="fc"))


def stages_of(graph: Graph, hardware: Hardware, declared: str = "") -> tuple[Stage, ...]:
    activity = Activity("", sparsity=parse_sparsity(declared)) if declared else None
    return lower(Workload(graph, activity), hardware).stages


def busy(stages: tuple[Stage, ...]) -> int:
    return sum(stage.compute_cycles for stage in stages)


def loaded(stages: tuple[Stage, ...]) -> float:
    return sum(sum(t.size_bytes for t in stage.held) * stage.rounds for stage in stages)


def zeros(shape: tuple[int, int], keep: float, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=shape) * (generator.random(shape) < keep)


def two_four(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=shape).reshape(-1, 4)
    weights[np.arange(len(weights))[:, None], generator.random(weights.shape).argsort(axis=1)[:, :2]] = 0
    return weights.reshape(shape)


def test_two_of_four_halves_the_products_and_stores_an_index_for_each(small_file: Path) -> None:
    hardware = with_formats(small_file, {"tf": TWO_FOUR})
    graph = layer(two_four((32, 64)))
    dense, sparse = stages_of(layer(np.ones((32, 64))), hardware), stages_of(graph, hardware)
    assert busy(sparse) * 2 == busy(dense)
    assert loaded(dense) == 32 * 64
    assert loaded(sparse) == 32 * 32 * (8 + 2) / 8
    assert sum(stage.macs for stage in sparse) * 2 == sum(stage.macs for stage in dense)
    inputs = [t for stage in sparse for t in stage.streams if not t.write]
    assert sum(t.size_bytes for t in inputs) * 8 == 8 * 64  # every input is still read
    assert "32 of 64 inputs multiplied" in sparse[0].note


def test_weights_that_do_not_conform_are_dense_and_the_note_says_why(small_file: Path) -> None:
    hardware = with_formats(small_file, {"tf": TWO_FOUR})
    graph = layer(zeros((32, 64), 0.4))
    assert busy(stages_of(graph, hardware)) == busy(stages_of(layer(np.ones((32, 64))), hardware))
    note = stages_of(graph, hardware)[0].note
    assert "computed dense" in note
    assert "4 of 4 neighbours" in note


def test_a_unit_without_formats_looks_at_no_weight(small: Hardware) -> None:
    assert stages_of(layer(zeros((8, 8), 0.1)), small)[0].note == ""


def test_outputs_and_inputs_without_weights_are_compacted_away(small_file: Path) -> None:
    weights = np.ones((32, 64))
    weights[::2] = 0
    weights[:, 16:] = 0
    stages = stages_of(layer(weights), with_formats(small_file, {"c": COMPACTED}))
    assert loaded(stages) == 16 * 16
    assert sum(stage.macs for stage in stages) == 8 * 16 * 16
    written = sum(t.size_bytes * stage.tiles for stage in stages for t in stage.streams if t.write)
    assert written == 8 * 16


@pytest.mark.parametrize(
    ("index", "bits"),
    [("absolute", 8 + 3), ("bitmap", 8), ("relative", 8 + 4)],
)
def test_bytes_of_unstructured_weights_include_index_bitmap_and_pointers(
    small_file: Path, index: str, bits: int
) -> None:
    form = {**sourced(kind="unstructured", queue=4, pointer=16), "index": index}
    if index == "relative":
        form |= sourced(index_bits=4)
    form["pointer"] = {"value": "16 bit", "sourced": "test"}
    if index == "relative":
        form["index_bits"] = {"value": "4 bit", "sourced": "test"}
    weights = zeros((32, 64), 0.2)
    stages = stages_of(layer(weights), with_formats(small_file, {"u": form}))
    kept = np.count_nonzero(weights)
    bitmap = 32 * 64 if index == "bitmap" else 0
    assert loaded(stages) * 8 == kept * bits + bitmap + 16 * 4 * (64 + 1)
    assert sum(stage.weight_bits or 0 for stage in stages) == 8 * loaded(stages) * 8  # once for each of 8 rows


def test_long_runs_of_zeros_take_entries_of_padding(small_file: Path) -> None:
    form = {**CSC, "index": "relative", "index_bits": {"value": "1 bit", "sourced": "test"}}
    weights = np.zeros((32, 4))
    weights[28:] = 1.0  # each of the 4 lanes: seven zeros, then a weight; a run of one can be told
    stages = stages_of(layer(weights), with_formats(small_file, {"u": form}))
    assert loaded(stages) * 8 == 16 * (1 + 3) * (8 + 1)
    assert "more entries of padding" in stages[0].note


def test_weights_beyond_the_buffer_take_passes_that_fit(small_file: Path) -> None:
    hardware = with_formats(small_file, {"u": CSC}, **{"memories.wbuf.words": {"value": 32, "sourced": "test"}})
    stages = stages_of(layer(zeros((64, 64), 0.3)), hardware)
    assert len(stages) > 1
    assert all(stage.memory_bytes <= 256 for stage in stages)
    assert sum(stage.macs for stage in stages) == 8 * np.count_nonzero(zeros((64, 64), 0.3))
    assert f"{len(stages)} passes" in stages[0].note


def test_a_buffer_below_one_output_a_lane_does_not_fit_at_all(small_file: Path) -> None:
    hardware = with_formats(small_file, {"u": CSC}, **{"memories.wbuf.words": {"value": 1, "sourced": "test"}})
    with pytest.raises(DoesNotFitError, match="wbuf"):
        stages_of(layer(zeros((64, 64), 0.5)), hardware)


def test_blocks_skip_with_their_own_lanes_and_count_whole_blocks(small_file: Path) -> None:
    weights = np.zeros((16, 16))
    weights[0, 0] = weights[5, 9] = 1.0
    hardware = with_formats(small_file, {"b": BLOCKS})
    stages = stages_of(layer(weights), hardware)
    assert loaded(stages) * 8 == 2 * (16 * 8 + 2)
    # One lane of 4 outputs x 4 multipliers does a block a cycle; the four broadcasts of a row take a cycle each.
    assert busy(stages) + stages[0].fill_cycles - 7 == 8 * 4 - 1


def test_of_two_formats_the_faster_one_is_taken_and_dense_if_none_is(small_file: Path) -> None:
    hardware = with_formats(small_file, {"tf": TWO_FOUR, "u": CSC})
    assert stages_of(layer(two_four((32, 64))), hardware)[0].note.startswith("tf: ")
    assert stages_of(layer(zeros((32, 64), 0.05)), hardware)[0].note.startswith("u: ")
    assert "computed dense" in stages_of(layer(zeros((32, 64), 0.99)), hardware)[0].note


@pytest.mark.parametrize("declared", ["n:m=2:4", "unstructured=0.2", "block=4x4:0.25", "structured=0.5x0.5"])
def test_a_declared_scenario_stands_for_weights_of_its_kind(small_file: Path, declared: str) -> None:
    hardware = with_formats(small_file, {"tf": TWO_FOUR, "u": CSC, "b": BLOCKS, "c": COMPACTED})
    full = layer(np.ones((64, 64)))
    sparse = stages_of(full, hardware, declared)
    assert busy(sparse) < busy(stages_of(full, hardware))
    assert sparse == stages_of(full, hardware, declared)
    if "=0." in declared and not declared.startswith("structured"):
        assert sparse != stages_of(full, hardware, f"{declared},seed=1")


def test_weights_of_experts_are_looked_at_one_by_one(small_file: Path) -> None:
    graph = moe_graph(tokens=4, width=16, hidden=16)
    arrays = {name: graph.parameter(name) for name in graph.parameters}
    w1 = np.ones_like(arrays["w1"])
    w1[1] = 0
    weights = type(graph.weights)()
    digests = {name: weights.add(w1 if name == "w1" else np.ones_like(array)) for name, array in arrays.items()}
    sparse = type(graph)(**{**graph.__dict__, "parameters": FrozenMap(digests), "weights": weights})
    routing = Routing.from_ids(((0, 1), (1, 0), (0, 1), (1, 2)), 4)
    activity = Activity("test", FrozenMap({"moe": routing}))
    stages = lower(Workload(sparse, activity), with_formats(small_file, {"u": CSC})).stages
    first = {stage.part: stage for stage in stages if stage.part.endswith("fc1")}
    assert first["expert1.fc1"].macs == 0
    assert first["expert0.fc1"].macs == 3 * 16 * 16
    assert first["expert1.fc1"].compute_cycles < first["expert0.fc1"].compute_cycles


@pytest.fixture(scope="session")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Hardware]:
    """A plain systolic array of each dataflow with all formats it can have."""
    formats = {"tf": TWO_FOUR, "b": BLOCKS, "c": COMPACTED}
    small = {"rows": 8, "cols": 8}
    return {
        flow: load_hardware(
            "systolic-16",
            {
                "units.array.dataflow": flow,
                **{f"units.array.{side}": {"value": size, "sourced": "test"} for side, size in small.items()},
                "units.array.sparse": formats,
            },
        )
        for flow in ("weight-stationary", "output-stationary", "input-stationary")
    }


def test_a_systolic_array_skips_whole_folds_only(arrays: dict[str, Hardware]) -> None:
    weights = np.zeros((32, 64))
    weights[:, :8] = 1.0
    hardware = arrays["weight-stationary"]
    sparse, dense = stages_of(layer(weights), hardware), stages_of(layer(np.ones((32, 64))), hardware)
    assert sum(stage.macs for stage in sparse) * 8 == sum(stage.macs for stage in dense)
    place = np.arange(32)[:, None] % 8 // 4, np.arange(64)[None, :] % 8 // 4
    scattered = (place[0] == place[1]) * 1.0  # half of the blocks, but some in every fold: none can be skipped
    assert sum(stage.macs for stage in stages_of(layer(scattered), hardware)) == sum(stage.macs for stage in dense)


def test_random_zeros_on_random_units_are_never_slower_than_dense_and_move_what_they_keep(
    arrays: dict[str, Hardware], small_file: Path
) -> None:
    generator = np.random.default_rng(8)
    units = [*arrays.values(), with_formats(small_file, {"tf": TWO_FOUR, "u": CSC, "b": BLOCKS, "c": COMPACTED})]
    for case in range(250):
        shape = tuple(int(n) for n in generator.integers(1, 50, 2))
        keep = float(generator.choice([0.0, 0.05, 0.3, 0.7, 1.0]))
        weights = zeros(shape, keep, case)
        hardware = units[case % len(units)]
        rows = int(generator.integers(1, 20))
        dense = stages_of(layer(np.ones(shape), rows), hardware)
        sparse = stages_of(layer(weights, rows), hardware)
        kept = np.count_nonzero(weights)
        assert busy(sparse) <= busy(dense)
        assert rows * kept <= sum(stage.macs for stage in sparse) or sum(stage.macs for stage in sparse) == 0
        macs_a_cycle = 64 if case % len(units) < 3 else 16
        assert busy(sparse) + sum(s.fill_cycles for s in sparse) >= rows * kept / macs_a_cycle
        assert sum(s.loaded_constant_bytes for s in sparse) >= kept - 1e-6  # eight bits a weight that is kept, at least


def test_a_datapath_known_by_its_rate_skips_what_needs_no_lanes() -> None:
    formats = {"units.datapath.sparse": {"tf": TWO_FOUR, "c": COMPACTED}}
    hardware = load_hardware("m3vit-zcu104-analytic", formats)
    weights = np.ones((256, 256)), two_four((256, 256))
    dense, sparse = (busy(stages_of(layer(values), hardware)) for values in weights)
    assert 2 * sparse == pytest.approx(dense, abs=2)


def test_convolutions_skip_weights_at_every_pixel_and_count_channels_as_neighbours() -> None:
    weights = zeros((64, 8 * 9), 0.3).reshape(64, 8, 3, 3)
    weights[0, 0, 0, 0] = 1.0
    paired = two_four((64 * 9, 8)).reshape(64, 3, 3, 8).transpose(0, 3, 1, 2)

    def conv(values: np.ndarray) -> Graph:
        builder = GraphBuilder("conv")
        builder.add_input("x", Tensor((1, 8, 10, 10)))
        builder.add_parameter("w", values.astype(np.float32), Tensor(values.shape))
        return builder.finish(builder.add("conv2d", ["x", "w"], {"padding": (1, 1, 1, 1)}, name="conv"))

    changes = {"placement.conv2d": "linear", "units.linear.sparse": {"tf": TWO_FOUR, "u": CSC}}
    hardware = load_hardware("edge-moe-zcu102", changes)
    irregular, regular, dense = (stages_of(conv(w), hardware) for w in (weights, paired, np.ones_like(weights)))
    assert sum(stage.macs for stage in irregular) == 100 * np.count_nonzero(weights)
    assert irregular[0].note.startswith("u: ")
    assert sum(stage.macs for stage in regular) * 2 == sum(stage.macs for stage in dense) == 2 * 100 * 64 * 36
    assert busy(regular) < busy(dense)
    assert busy(irregular) < busy(dense)

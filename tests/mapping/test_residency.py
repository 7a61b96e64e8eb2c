"""Tensors that stay on chip between nodes: which, for how long, and what that saves."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.frontends.catalogue import load_model
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph, Tensor
from accelsim.mapping.lower import Lowered, lower
from accelsim.mapping.view import Workload
from accelsim.ops.build import GraphBuilder
from accelsim.results import Result
from accelsim.sim.assumption import activity_for
from accelsim.sim.simulate import simulate
from tests.mapping.conftest import SMALL, linear_graph, moe_graph, parameter

KEEPER = """memories:
  tensors: {kind: buffer, sourced: test, words: 64, width: 64 bit, technology: bram, keeps: ["*"]}
"""


def _load(folder: Path, text: str) -> Hardware:
    path = folder / "keeping.yaml"
    path.write_text(text, encoding="utf-8")
    return load_hardware(path)


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Hardware:
    return _load(tmp_path_factory.mktemp("hw"), SMALL.replace("memories:\n", KEEPER))


def _sized(hardware: Hardware, words: int) -> Hardware:
    return hardware.with_values({"memories.tensors.words": words})


def _chain(*widths: int) -> Graph:
    """linear, linear, ... and a sum of the first result and the last."""
    builder = GraphBuilder("chain")
    builder.add_input("x", Tensor((1, 8, 16)))
    first = out = builder.add("linear", ["x", parameter(builder, "w", widths[0], 16)], name="fc0")[0]
    for k, (a, b) in enumerate(itertools.pairwise(widths), start=1):
        out = builder.add("linear", [out, parameter(builder, f"w{k}", b, a)], name=f"fc{k}")[0]
    if widths[0] == widths[-1] and len(widths) > 1:
        out = builder.add("add", [first, out], name="sum")[0]
    return builder.finish([out])


def _moved(lowered: Lowered, node: str) -> tuple[int, int]:
    stages = [stage for stage in lowered.stages if stage.node == node]
    return tuple(sum(s.moved_bytes(write=write) for s in stages) for write in (False, True))


def test_a_kept_tensor_crosses_no_link_and_results_and_inputs_do(keeping: Hardware, small: Hardware) -> None:
    graph = _chain(16, 16)
    kept, plain = (lower(Workload(graph), hardware) for hardware in (_sized(keeping, 64), small))
    assert _moved(plain, "fc0") == (8 * 16 + 256, 128)
    assert _moved(kept, "fc0") == (8 * 16 + 256, 0)  # the model's input and weights come, the result stays
    assert _moved(plain, "fc1") == (8 * 16 + 256, 128)
    assert _moved(kept, "fc1") == (256, 0)
    assert _moved(kept, "sum") == (0, 128)  # both operands are there, the model's result leaves
    one = kept.occupancy["tensors"]
    assert (one.kept, one.kept_bytes, one.spilled, one.peak_bytes) == (2, 256, 0, 256)


def test_what_does_not_fit_is_spilled_and_what_was_there_stays(keeping: Hardware) -> None:
    graph = _chain(16, 16)
    lowered = lower(Workload(graph), _sized(keeping, 31))  # 248 bytes: room for one tensor of 128
    one = lowered.occupancy["tensors"]
    assert (one.kept, one.spilled, one.spilled_bytes, one.peak_bytes) == (1, 1, 128, 128)
    assert _moved(lowered, "fc0")[1] == 0
    assert _moved(lowered, "fc1")[1] == 128
    assert _moved(lowered, "sum") == (128, 128)


def test_room_is_free_again_after_the_last_reader(keeping: Hardware) -> None:
    chain = _chain(16, 16, 16, 16, 8)  # each tensor is read by the next node only
    one = lower(Workload(chain), _sized(keeping, 32)).occupancy["tensors"]
    assert (one.kept, one.spilled) == (4, 0)
    assert one.peak_bytes == 256  # a node's operand and its result at once


def test_fused_results_take_no_room(keeping: Hardware) -> None:
    builder = GraphBuilder("fused")
    builder.add_input("x", Tensor((1, 8, 16)))
    out = builder.add("linear", ["x", parameter(builder, "w", 16, 16)], name="fc")[0]
    out = builder.add("gelu", [out], name="act")[0]
    graph = builder.finish([builder.add("linear", [out, parameter(builder, "v", 16, 16)], name="fc2")[0]])
    lowered = lower(Workload(graph), keeping)
    assert lowered.fused["fc"] == ("act",)
    assert lowered.occupancy["tensors"].kept == 1
    assert _moved(lowered, "fc")[1] == 0
    assert _moved(lowered, "fc2")[0] == 256


def test_layout_ops_look_through_and_joined_tensors_are_stored(keeping: Hardware) -> None:
    builder = GraphBuilder("joined")
    builder.add_input("x", Tensor((1, 8, 16)))
    a = builder.add("linear", ["x", parameter(builder, "w", 16, 16)], name="a")[0]
    turned = builder.add("reshape", [a], {"shape": (8, 1, 16)}, name="turn")[0]
    b = builder.add("linear", [turned, parameter(builder, "v", 16, 16)], name="b")[0]
    c = builder.add("linear", [turned, parameter(builder, "u", 16, 16)], name="c")[0]
    both = builder.add("concat", [b, c], {"axis": 0}, name="both")[0]
    graph = builder.finish([builder.add("linear", [both, parameter(builder, "t", 16, 16)], name="d")[0]])
    lowered = lower(Workload(graph), keeping)
    assert _moved(lowered, "a")[1] == 0
    assert _moved(lowered, "b") == (256, 128)
    assert _moved(lowered, "d")[0] == 256 + 256


def test_more_room_never_moves_more(keeping: Hardware) -> None:
    rng = np.random.default_rng(4)
    for _ in range(25):
        widths = [int(8 * rng.integers(1, 5)) for _ in range(int(rng.integers(2, 7)))]
        graph = _chain(*widths, widths[0])
        moved = []
        for words in (1, 8, 16, 24, 40, 64, 4096):
            lowered = lower(Workload(graph), _sized(keeping, words))
            one = lowered.occupancy["tensors"]
            assert one.peak_bytes <= 8 * words
            assert one.kept + one.spilled == len(widths) + 1  # all but the sum are read again
            moved.append(sum(stage.moved_bytes(write=w) for stage in lowered.stages for w in (False, True)))
        assert moved[-1] == min(moved)
        assert moved[0] == max(moved)


def test_the_report_and_the_record_say_how_full_each_memory_was(keeping: Hardware) -> None:
    result = simulate(_chain(16, 16), keeping)
    uses = {use.name: use for use in result.memories}
    assert uses["tensors"].peak_bytes == 256
    assert uses["tensors"].capacity_bytes == 512
    assert (uses["tensors"].kept, uses["tensors"].spilled) == (2, 0)
    assert uses["wbuf"].peak_bytes == 512  # two copies of 16 x 16 weights
    assert uses["wbuf"].capacity_bytes == 1024
    assert Result.from_json(result.to_json()).memories == result.memories


def test_keeping_tensors_is_never_slower_on_a_real_model() -> None:
    graph = load_model("m3vit-tiny").graph
    plain = load_hardware("systolic-16")
    memory = plain.memories["inputs"].model_copy(update={"keeps": ("*",)})
    activity = activity_for(graph, "uniform")
    totals = [simulate(graph, plain, activity=activity)]
    for words in (64, 4096, 262_144):
        sized = memory.model_copy(update={"words": memory.words.with_value(words)})
        hardware = plain.model_copy(update={"memories": plain.memories.with_items({"tensors": sized})})
        totals.append(simulate(graph, hardware, activity=activity))
    assert [r.dram_bytes for r in totals] == sorted((r.dram_bytes for r in totals), reverse=True)
    assert totals[-1].cycles < totals[0].cycles
    kept = {use.name: use for use in totals[-1].memories}["tensors"]
    assert kept.spilled == 0
    assert kept.peak_bytes <= kept.capacity_bytes


CONTRADICTIONS = {
    ("tensors", 'keeps: ["*"]', 'keeps: ["*"], resident: true'): r"memories.tensors.keeps: a resident memory",
    ("copied", "prefetch: experts,", "prefetch: experts, layout: copied,"): r"schedule.layout: 'copied' makes new",
    ("branches", "prefetch: experts,", "prefetch: experts, branches: concurrent,"): r"one node after the other",
    ("held", "holds: {w: wbuf,", "holds: {w: tensors,"): r"'tensors' holds tiles of units.array",
}


@pytest.mark.parametrize("change", CONTRADICTIONS)
def test_contradictions_are_located(tmp_path: Path, change: tuple[str, str, str]) -> None:
    _, old, new = change
    with pytest.raises(InputError, match=CONTRADICTIONS[change]):
        _load(tmp_path, SMALL.replace("memories:\n", KEEPER).replace(old, new))


def _with_room(small: Hardware, what: str, words: int, banks: int, tmp_path: Path) -> Hardware:
    size = f"words: {words}, width: 32 bit, banks: {banks}, technology: bram"
    memory = f"  room: {{kind: buffer, sourced: test, {size}, room_for: {{what: {what}, of: array}}}}"
    return _load(tmp_path, SMALL.replace("memories:", f"memories:\n{memory}"))


def test_a_queue_longer_than_its_bank_does_not_fit(small: Hardware, tmp_path: Path) -> None:
    graph = moe_graph(tokens=12)
    activity = activity_for(graph, "concentrated")
    longest = max(max(routing.queues) for routing in activity.routings.values())
    for words, fits in ((longest * 4, True), (longest * 4 - 1, False)):
        result = simulate(graph, _with_room(small, "expert-queue", words, 4, tmp_path), activity=activity)
        assert result.fits is fits
        if not fits:
            (failure,) = result.misfits
            assert (failure.demand, failure.bound, failure.unit) == (longest, longest - 1, "tokens")
            assert "raise memories.room.words" in failure.levers


def test_a_row_longer_than_its_cache_does_not_fit(small: Hardware, tmp_path: Path) -> None:
    graph = linear_graph(4, 40, 8)
    wide, narrow = (simulate(graph, _with_room(small, "input-row", words, 1, tmp_path)) for words in (10, 9))
    assert wide.fits
    assert {use.name: use.peak_bytes for use in wide.memories}["room"] == 40
    assert [(f.demand, f.bound) for f in narrow.misfits] == [(40, 36)]
    assert narrow.misfits[0].unit == "bytes"
    outputs = simulate(graph, _with_room(small, "output-row", 1, 1, tmp_path))
    assert [(f.demand, f.bound) for f in outputs.misfits] == [(8, 4)]

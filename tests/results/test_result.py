"""Results as values: derived numbers, JSON and back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from accelsim.errors import InputError
from accelsim.ir.frozen import FrozenMap
from accelsim.results import Equivalence, EquivalenceEntry, Executor, Failure, Result
from tests.results.sample import MISFIT, sample_frames, sample_result

KEYS = [
    *("model", "hardware", "scenario", "cycles", "latency_s", "initiation_interval_s", "throughput_per_s"),
    *(
        "energy_j",
        "energy",
        "dram_bytes",
        "on_chip_bytes",
        "macs",
        "utilisation",
        "resources",
        "fits",
        "stalls",
    ),
    *("nodes", "equivalence", "executor", "ranges", "assumptions"),
]


def test_json_round_trip_keeps_everything_but_the_events() -> None:
    result = replace(sample_result(), frames=sample_frames(), misfits=(MISFIT,), accuracy=FrozenMap({"miou": 0.7}))
    assert Result.from_json(json.loads(result.dumps())) == replace(result, events=())


def test_json_round_trip_keeps_what_rounding_allowed() -> None:
    result = replace(sample_result(), events=())
    assert result.equivalence is not None
    judged = replace(result, equivalence=replace(result.equivalence, tolerance=8.4e-4, rounding=2.8e-4))
    assert Result.from_json(json.loads(judged.dumps())) == judged


def test_json_round_trip_keeps_absent_parts_absent() -> None:
    result = replace(sample_result(), equivalence=None, executor=None, power_w=None, events=())
    assert Result.from_json(json.loads(result.dumps())) == result


def test_json_has_the_documented_keys() -> None:
    record = sample_result().to_json()
    assert [key for key in KEYS if key not in record] == []
    assert set(record["resources"]) == {"dsp", "bram36", "uram", "lut"}
    assert record["equivalence"]["onnxruntime"]["ok"] is True
    assert record["equivalence"]["torch"]["max_abs_err"] == 3.1e-6
    assert record["ranges"]["energy_j"] == [0.14, 0.33]
    assert record["dram_bytes"] == record["dram_read_bytes"] + record["dram_write_bytes"]


def test_energy_sums_the_chip_scopes_and_leaves_the_board_out() -> None:
    energy = FrozenMap({"accelerator_dynamic": 1.0, "dram": 0.5, "device_static": 0.25, "board": 100.0})
    assert replace(sample_result(), energy=energy).energy_j == 1.75


def test_a_misfit_means_that_it_does_not_fit() -> None:
    assert sample_result().to_json()["fits"] is True
    assert replace(sample_result(), misfits=(MISFIT,)).to_json()["fits"] is False


def test_comparable_leaves_out_what_this_machine_measured() -> None:
    fast, slow = (replace(sample_result(), executor=Executor(seconds, 10, 2)) for seconds in (0.1, 0.2))
    assert fast.dumps() != slow.dumps()
    assert fast.comparable().dumps() == slow.comparable().dumps()


def test_not_a_number_is_refused_rather_than_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        replace(sample_result(), utilisation=float("nan")).dumps()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "something-else"}, "not a result of accelsim"),
        ({"cycles": "many"}, r"result\.cycles: expected int, found 'many'"),
        ({"cycles": True}, r"result\.cycles: expected int"),
        ({"stalls": [1]}, r"result\.stalls: expected a map"),
        ({"nodes": {}}, r"result\.nodes: expected a list"),
        ({"scenario": {"tasks": ["a"], "bach": 1}}, "unknown key 'bach' -- did you mean 'batch'"),
        ({"scenario": {"batch": 1}}, "missing 1 required positional argument: 'tasks'"),
        (
            {"scenario": {"tasks": [], "active_experts": {"moe": [1]}}},
            r"active_experts\.moe: expected 2 values",
        ),
    ],
)
def test_a_broken_record_is_an_input_error_that_says_where(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Result.from_json({**sample_result().to_json(), **change})


def test_a_failure_says_what_made_of_what_and_what_helps() -> None:
    text = MISFIT.text()
    assert text.startswith("on-chip memory: needs 4.84 MiB, has 4.75 MiB (activations 2.584 MiB + expert weights")
    assert "would help: fewer experts in the cache" in text
    assert Failure("DSP", 3000, 2520, "blocks").text() == "DSP: needs 3,000 blocks, has 2,520 blocks"
    assert Failure("deadline", 0.05, 0.033, "s").text() == "deadline: needs 50 ms, has 33 ms"


def test_equivalence_needs_every_engine_and_outputs_that_depend_on_the_input() -> None:
    good = EquivalenceEntry("torch", 0.0, 0.0, True, 3)
    bad = replace(good, engine="onnxruntime", ok=False)
    assert Equivalence((good,), inputs_differ=True).ok
    assert not Equivalence((good,), inputs_differ=False).ok
    assert not Equivalence((good, bad), inputs_differ=True).ok


def test_nodes_of_the_sample_have_causes_that_sum_to_their_cycles() -> None:
    for node in sample_result().nodes:
        assert sum(node.stalls.values()) == node.cycles == sum(part.cycles for part in node.split())


def test_a_node_without_stages_is_one_stage() -> None:
    node = replace(sample_result().nodes[0], stages=())
    (only,) = node.split()
    assert (only.name, only.unit, only.cycles, only.stalls) == (node.op, node.unit, node.cycles, node.stalls)

"""Scenarios of zeros: how they read, and what they tell of a parameter."""

from __future__ import annotations

import pytest

from accelsim.errors import InputError
from accelsim.ir import Pattern
from accelsim.ir.sparsity import parse_pattern, parse_sparsity, sparsity_from_record


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("dense", Pattern()),
        ("unstructured=0.1", Pattern("unstructured", 0.1)),
        ("n:m=2:4", Pattern("n-m", 0.5, (2, 4))),
        ("block=4x8:0.25", Pattern("block", 0.25, (4, 8))),
        ("structured=0.7", Pattern("structured", 0.7)),
        ("structured=0.7x0.5", Pattern("structured", 0.7, inputs_density=0.5)),
    ],
)
def test_a_pattern_reads_and_writes_itself(text: str, pattern: Pattern) -> None:
    assert parse_pattern(text) == pattern
    assert parse_pattern(pattern.text) == pattern


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("n:m=4:2", "more than the 2 of a group"),
        ("n:m=2", "n:m=KEEP:OF"),
        ("unstructured=1.5", "does not lie between 0 and 1"),
        ("block=4:0.5", "block=OUTPUTSxINPUTS:SHARE"),
        ("unstructred=0.5", "did you mean 'unstructured'"),
        ("dense=1", "takes no value"),
        ("n:m=2:4,unstructured=0.5", "two patterns for all weights"),
        ("activations=most", "activations=most"),
        ("seed=x", "seed=x"),
    ],
)
def test_a_scenario_that_does_not_read_says_what_would(text: str, told: str) -> None:
    with pytest.raises(InputError, match="sparsity: ") as error:
        parse_sparsity(text)
    assert told in str(error.value)


def test_one_line_holds_for_every_weight_and_node() -> None:
    found = parse_sparsity("unstructured=0.1, activations=0.35, seed=3")
    assert found.pattern("any.weight") == Pattern("unstructured", 0.1)
    assert found.activation_density("any") == 0.35
    assert found.seed == 3
    assert found.seed_of("a") != found.seed_of("b") != parse_sparsity("unstructured=0.1").seed_of("b")


def test_the_first_pattern_of_a_file_that_matches_counts() -> None:
    record = {"source": "test", "weights": {"fc1.*": "n:m=2:4", "fc*": "dense"}, "activations": {"fc1": 0.5}}
    found = sparsity_from_record(record, where="zeros.yaml")
    assert found.pattern("fc1.weight") == Pattern("n-m", 0.5, (2, 4))
    assert found.pattern("fc2.weight") == Pattern()
    assert found.pattern("conv.weight") is None
    assert (found.activation_density("fc1"), found.activation_density("fc2")) == (0.5, None)


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ([], "a sparsity file is a mapping"),
        ({"source": "x", "weight": {}}, "did you mean 'weights'"),
        ({"weights": {}}, "source: required"),
        ({"source": "x", "weights": {"a": "sparse"}}, "is no pattern"),
        ({"source": "x", "activations": {"a": 2}}, "between 0 and 1"),
        ({"source": "x", "weights": ["a"]}, "map names to values"),
    ],
)
def test_a_file_that_does_not_read_is_named(record: object, told: str) -> None:
    with pytest.raises(InputError, match=r"zeros\.yaml: ") as error:
        sparsity_from_record(record, where="zeros.yaml")
    assert told in str(error.value)

"""A seeded sample of ONNX's own node tests; `make conformance` runs all of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.conformance.onnx_cases import PASSED, WRONG, known_not_to_pass, node_cases, run_case

pytestmark = pytest.mark.slow

SAMPLE = 150
LEAST_PASSED = 100


def test_no_case_of_a_sample_is_wrong_and_most_pass() -> None:
    cases = node_cases()
    chosen = np.random.Generator(np.random.Philox(3)).choice(len(cases), SAMPLE, replace=False)
    outcomes = [run_case(cases[index]) for index in sorted(chosen)]
    assert [f"{outcome.name}: {outcome.reason}" for outcome in outcomes if outcome.verdict == WRONG] == []
    counts = Counter(outcome.verdict for outcome in outcomes)
    assert counts[PASSED] >= LEAST_PASSED, counts
    known = known_not_to_pass()
    assert [outcome.name for outcome in outcomes if outcome.verdict != PASSED and outcome.name not in known] == []


def test_the_list_of_cases_that_do_not_pass_names_cases_and_reasons() -> None:
    known = known_not_to_pass()
    assert set(known) <= {case.name for case in node_cases()}
    assert all(known.values())

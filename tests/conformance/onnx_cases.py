"""ONNX's own backend node tests, run through our front end and our engine: what passes, what not, and why.

`python -m tests.conformance.onnx_cases [--write]` runs all of them; --write makes the checked-in list anew.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test import loader

from accelsim.engine import compile
from accelsim.errors import AccelsimError, InputError, UnsupportedError
from accelsim.frontends.onnx_import import import_model
from accelsim.frontends.onnx_load import check_model
from tests.conformance.onnx_scope import FORMAT, OPERATOR, OPSET, out_of_scope

LIST = Path(__file__).with_name("onnx_not_passed.txt")
PASSED, REFUSED, WRONG = "passed", "refused", "wrong"
LEAST_SHARE = 0.95
_HEADER = """\
# ONNX's own node tests that the engine does not pass, each with the reason; written by
# `python -m tests.conformance.onnx_cases --write`, held by tests/conformance/test_onnx_node_cases.py.
# What is in scope is told from the models alone: tests/conformance/onnx_scope.py. No result is wrong.
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one case; `reason` tells why it did not pass, `outside` the kind of reason to be out of scope."""

    name: str
    verdict: str
    reason: str = ""
    outside: str = ""


@cache
def node_cases() -> tuple[Any, ...]:
    """Every node test of the installed onnx, in its order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(loader.load_model_tests(kind="node"))


def run_case(case: Any) -> Outcome:
    """Errors of ours are refusals; anything else that does not equal what ONNX expects is wrong."""
    path = Path(f"{case.name}.onnx")
    outside, about = out_of_scope(case.model)
    try:
        for given, expected in case.data_sets:
            reason = _wrong(case, path, given, expected)
            if reason:
                return Outcome(case.name, WRONG, reason, outside)
    except AccelsimError as error:
        bad = not isinstance(error, UnsupportedError | InputError)
        told, _, _ = str(error).partition("\nsupported: ")  # what is supported is the same for all
        reason = " ".join(told.split()).removeprefix(f"{path}: ")
        return Outcome(case.name, WRONG if bad else REFUSED, reason if bad or not outside else about, outside)
    return Outcome(case.name, PASSED, outside=outside)


def _wrong(case: Any, path: Path, given: Sequence[Any], expected: Sequence[Any]) -> str:
    model: onnx.ModelProto = case.model
    check_model(model, path)
    names = [info.name for info in model.graph.input]
    given, wanted = [_held(_array(path, item)) for item in given], [_array(path, item) for item in expected]
    arrays = dict(zip(names, given, strict=False))
    sizes = {name: array.shape for name, array in arrays.items()}
    graph = import_model(model, path, sizes=sizes, given=arrays)
    run = compile(graph, threads=1)({name: arrays[name] for name in graph.inputs}, finite=False)
    for name, exact in zip(graph.outputs, wanted, strict=False):
        got, want = run.outputs[name], _held(exact)
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"'{name}' is {got.dtype}{list(got.shape)}, expected {want.dtype}{list(want.shape)}"
        if not np.allclose(got, want, rtol=case.rtol, atol=max(case.atol, _unit(exact)), equal_nan=True):
            both = np.abs(got.astype(np.float64) - want.astype(np.float64)).max()
            return f"'{name}' is off by {both}"
    return ""


def _held(array: np.ndarray) -> np.ndarray:
    """NumPy has no bfloat16: the engine takes and gives its values in float32."""
    return array.astype(np.float32) if str(array.dtype) == "bfloat16" else array


def _unit(want: np.ndarray) -> float:
    """Two units in the last place of the largest value of half precision, where every step of a sum is rounded."""
    spacing = {"float16": 2.0**-10, "bfloat16": 2.0**-7}.get(str(want.dtype), 0.0)
    if not spacing or not want.size:
        return 0.0
    return float(2 * spacing * np.abs(want.astype(np.float64)).max())


def _array(path: Path, item: Any) -> np.ndarray:
    if isinstance(item, onnx.TensorProto):
        return numpy_helper.to_array(item)
    if isinstance(item, np.ndarray | np.generic):
        return np.asarray(item)
    raise UnsupportedError(f"{path}: sequences, maps and optional values are not supported")


def known_not_to_pass() -> dict[str, str]:
    """The checked-in list: names of cases, and why each does not pass."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def summary(outcomes: Sequence[Outcome]) -> str:
    """Counts of all cases and the share of those in scope that pass."""
    inside = [outcome for outcome in outcomes if not outcome.outside]
    counts = Counter(outcome.verdict for outcome in inside)
    outside = Counter(outcome.outside for outcome in outcomes if outcome.outside)
    return (
        f"{len(outcomes)} cases. In scope: {len(inside)}, of these {counts[PASSED]} passed "
        f"({100 * counts[PASSED] / len(inside):.1f} %), {counts[REFUSED]} refused, {counts[WRONG]} wrong.\n"
        f"Out of scope: {sum(outside.values())}: "
        + ", ".join(f"{count} for {kind}" for kind, count in sorted(outside.items()))
        + f"; {sum(bool(o.outside) and o.verdict == PASSED for o in outcomes)} of them passed, "
        f"{sum(bool(o.outside) and o.verdict == WRONG for o in outcomes)} wrong."
    )


def listed(outcomes: Sequence[Outcome]) -> str:
    """The text of the list: what does not pass, by kind."""
    parts = [_HEADER]
    for kind in ("", FORMAT, OPERATOR, OPSET):
        lines = [f"{o.name}: {o.reason[:200]}\n" for o in outcomes if o.outside == kind and o.verdict != PASSED]
        title = f"out of scope for its {kind}" if kind else "in scope, not passed"
        parts.append(f"\n# {title}: {len(lines)}\n\n{''.join(sorted(lines))}")
    return "".join(parts)


def main(arguments: Sequence[str]) -> int:
    """Print every case in scope that does not pass, and the counts; 5 where one is wrong, new or too many are left."""
    outcomes = [run_case(case) for case in node_cases()]
    if "--write" in arguments:
        LIST.write_text(listed(outcomes), encoding="utf-8")
    known = known_not_to_pass()
    new = [outcome for outcome in outcomes if outcome.verdict != PASSED and outcome.name not in known]
    for outcome in outcomes:
        if outcome.verdict == WRONG or (outcome.verdict == REFUSED and not outcome.outside):
            print(f"{outcome.verdict}: {outcome.name}: {outcome.reason[:300]}")
    for outcome in new:
        print(f"not in {LIST.name}: {outcome.name}: {outcome.reason[:300]}")
    stale = known.keys() - {outcome.name for outcome in outcomes if outcome.verdict != PASSED}
    for name in sorted(stale):
        print(f"passes now, take it out of {LIST.name}: {name}")
    print(
        f"Those out of scope are named in {LIST.relative_to(Path.cwd()) if LIST.is_relative_to(Path.cwd()) else LIST}."
    )
    print(summary(outcomes))
    inside = [outcome for outcome in outcomes if not outcome.outside]
    enough = sum(outcome.verdict == PASSED for outcome in inside) >= LEAST_SHARE * len(inside)
    return 5 if any(outcome.verdict == WRONG for outcome in outcomes) or new or stale or not enough else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""ONNX's own backend node tests, run through our front end and our engine: what passes, what not, and why."""

from __future__ import annotations

import sys
import warnings
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

LIST = Path(__file__).with_name("onnx_not_passed.txt")
PASSED, UNSUPPORTED, WRONG = "passed", "unsupported", "wrong"


@dataclass(frozen=True)
class Outcome:
    """What became of one case; `reason` tells why it did not pass."""

    name: str
    verdict: str
    reason: str = ""


@cache
def node_cases() -> tuple[Any, ...]:
    """Every node test of the installed onnx, in its order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(loader.load_model_tests(kind="node"))


def run_case(case: Any) -> Outcome:
    """Errors of ours are refusals; anything else that does not equal what ONNX expects is wrong."""
    path = Path(f"{case.name}.onnx")
    try:
        for given, expected in case.data_sets:
            reason = _wrong(case, path, given, expected)
            if reason:
                return Outcome(case.name, WRONG, reason)
    except AccelsimError as error:
        bad = not isinstance(error, UnsupportedError | InputError)
        reason = " ".join(str(error).split()).removeprefix(f"{path}: ")
        return Outcome(case.name, WRONG if bad else UNSUPPORTED, reason)
    return Outcome(case.name, PASSED)


def _wrong(case: Any, path: Path, given: Sequence[Any], expected: Sequence[Any]) -> str:
    model: onnx.ModelProto = case.model
    check_model(model, path)
    names = [info.name for info in model.graph.input]
    given, expected = [_array(path, item) for item in given], [_array(path, item) for item in expected]
    arrays = dict(zip(names, given, strict=False))
    sizes = {name: array.shape for name, array in arrays.items()}
    graph = import_model(model, path, sizes=sizes, given=arrays)
    run = compile(graph, threads=1)({name: arrays[name] for name in graph.inputs})
    for name, want in zip(graph.outputs, expected, strict=False):
        got = run.outputs[name]
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"'{name}' is {got.dtype}{list(got.shape)}, expected {want.dtype}{list(want.shape)}"
        if not np.allclose(got, want, rtol=case.rtol, atol=max(case.atol, _unit(want)), equal_nan=True):
            both = np.abs(got.astype(np.float64) - want.astype(np.float64)).max()
            return f"'{name}' is off by {both}"
    return ""


def _unit(want: np.ndarray) -> float:
    """Two units in the last place of the largest value of half precision, where every step of a sum is rounded."""
    if want.dtype.itemsize != 2 or want.dtype.kind not in "fV" or not want.size:
        return 0.0
    return float(2 * 2.0**-10 * np.abs(want.astype(np.float64)).max())


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


def main() -> int:
    """Print every case that does not pass with its reason, and the counts; 5 where one is wrong or newly fails."""
    outcomes = [run_case(case) for case in node_cases()]
    for verdict in (UNSUPPORTED, WRONG):
        for outcome in outcomes:
            if outcome.verdict == verdict:
                print(f"{verdict}: {outcome.name}: {outcome.reason[:300]}")
    counts = {verdict: sum(o.verdict == verdict for o in outcomes) for verdict in (PASSED, UNSUPPORTED, WRONG)}
    known = known_not_to_pass()
    new = [outcome.name for outcome in outcomes if outcome.verdict != PASSED and outcome.name not in known]
    for name in new:
        print(f"not in {LIST.name}: {name}")
    print(f"{len(outcomes)} cases: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 5 if counts[WRONG] or new else 0


if __name__ == "__main__":
    sys.exit(main())

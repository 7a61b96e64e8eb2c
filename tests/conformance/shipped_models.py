"""The models that ship, at the size of their papers: our engine beside torch and ONNX Runtime, a row each.

`python -m tests.conformance.shipped_models [NAME[:TASK]...]` takes those, or all of the catalogue. Each model runs in a
process of its own, and its row is kept in a file at once; rows that are there for the same model are not run again.
Models of many tensors are compared by their outputs alone (`verify.compares_nodes`). Weights are seeded, not trained:
the rows tell about numbers, never about accuracy.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import multiprocessing
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.evaluate.load import load_model
from accelsim.evaluate.overview import overview
from accelsim.evaluate.verify import verify_model
from accelsim.frontends.cache import digest_files, tracing_sources
from accelsim.frontends.catalogue import catalogue, find_model

TOLERANCE = 1e-3  # of max|a - b| / max|b|
ROWS = Path("reports/models.csv")
_ENGINES = ("torch", "onnxruntime")
_EVERY_TASK = "all"


@dataclass(frozen=True)
class Row:
    """A model for one task: its graph, the worst error of both inputs beside each engine, and a verdict.

    `key` changes with every source that the graph depends on. `seconds` are of the wall, loading included.
    """

    model: str
    task: str
    key: str
    nodes: int
    parameters: int
    torch: float
    onnxruntime: float
    seconds: float
    verdict: str

    @property
    def line(self) -> str:
        return (
            f"{self.model:27} {self.task:12} {self.nodes:5} {self.parameters:11,} {self.torch:8.1e} "
            f"{self.onnxruntime:11.1e} {self.seconds:7.0f} {self.verdict}"
        )


def wanted(names: Sequence[str]) -> list[tuple[str, str]]:
    """Model and task of every row: of a model without a task its first two, or all at once where that is a task."""
    chosen: list[tuple[str, str]] = []
    for name in names or list(catalogue()):
        model, _, task = name.partition(":")
        tasks = find_model(model).tasks
        first = tasks[:1] if _EVERY_TASK in tasks else tasks[:2]
        chosen += [(model, one) for one in ([task] if task else first or [""])]
    return chosen


def key_of(model: str, task: str) -> str:
    """Of the model's entry and of all sources that its graph depends on, wherever the project lies."""
    spec = find_model(model)
    settings = [spec.file.name, spec.builder, task, spec.scope, sorted(spec.arguments.items())]
    digest = hashlib.sha256(json.dumps(settings, default=str).encode())
    digest_files(digest, [*tracing_sources(), *sorted(spec.file.parent.glob("*.py"))])
    return digest.hexdigest()[:16]


def compared(model: str, task: str) -> Row:
    """Load and compare one model."""
    started = time.monotonic()
    loaded = load_model(model, task=task or None)
    found = verify_model(loaded, against=_ENGINES, tolerance=TOLERANCE)
    errors = {entry.engine: entry.max_rel_err for entry in found.entries}
    verdict = "equal" if found.ok else "DIFFERS" if found.inputs_differ else "TWO INPUTS, ONE OUTPUT"
    flips = sum(entry.routing_flips for entry in found.entries)
    return Row(
        model,
        task,
        key_of(model, task),
        nodes=len(loaded.graph.nodes),
        parameters=overview(loaded).total.parameters,
        torch=errors["torch"],
        onnxruntime=errors["onnxruntime"],
        seconds=round(time.monotonic() - started, 1),
        verdict=f"{verdict}, {flips} tokens took other experts" if flips else verdict,
    )


def read_rows(path: Path) -> dict[tuple[str, str], Row]:
    """The rows of a file that an earlier run left, by model and task."""
    if not path.is_file():
        return {}
    kinds: Mapping[str, type] = {
        "nodes": int,
        "parameters": int,
        "torch": float,
        "onnxruntime": float,
        "seconds": float,
    }
    with path.open(encoding="utf-8", newline="") as file:
        rows = [Row(**{name: kinds.get(name, str)(text) for name, text in one.items()}) for one in csv.DictReader(file)]
    return {(row.model, row.task): row for row in rows}


def write_rows(path: Path, rows: Mapping[tuple[str, str], Row]) -> None:
    """Replace the file at once, so that a run that is ended leaves all rows that were done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows.values())
    partial.replace(path)


def main(arguments: Sequence[str], path: Path = ROWS) -> int:
    """Print a line a model; 5 where one differs or could not be compared."""
    rows, bad = read_rows(path), 0
    print(
        f"{'model':27} {'task':12} {'nodes':>5} {'parameters':>11} {'torch':>8} {'onnxruntime':>11} {'seconds':>7}",
        flush=True,
    )
    for model, task in wanted(arguments):
        row = rows.get((model, task))
        if row is None or row.key != key_of(model, task) or not row.verdict.startswith("equal"):
            try:
                row = _in_own_process(model, task)
            except (AccelsimError, ValueError, OSError) as error:
                print(f"{model:27} {task:12} NOT COMPARED: {error}", flush=True)
                bad += 1
                continue
            rows[model, task] = row
            write_rows(path, rows)
        bad += not row.verdict.startswith("equal")
        print(row.line, flush=True)
    return 5 if bad else 0


def _in_own_process(model: str, task: str) -> Row:
    """Raises what `compared` does; OSError where the process was ended from outside."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(compared, model, task).result()
        except BrokenProcessPool as error:
            raise OSError(f"its process ended early: {error}") from error


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(main(sys.argv[1:]))

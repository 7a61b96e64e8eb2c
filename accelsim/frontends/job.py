"""What one process asks of another that runs a model in a different engine: JSON with paths and names."""

from __future__ import annotations

import contextlib
import ctypes
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from accelsim.errors import AccelsimError, InputError
from accelsim.frontends.modelspec import ModelSpec
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.tensorfile import read_tensors, write_tensors
from accelsim.ir.weights import Array

OUTPUT_PREFIX = "output:"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Job:
    """Run a model on each of `inputs` (safetensors files) and write `results` (the same, one for each).

    A result holds the model's outputs as `output:<tensor>` and every other tensor of the graph that the
    engine can show under its name, or only those of `tensors`. `graph` is the folder of the saved graph; `file`,
    `builder`, `arguments` and `task` say how to build the plain module.
    """

    graph: str
    inputs: tuple[str, ...]
    results: tuple[str, ...]
    tensors: tuple[str, ...] | None = None
    threads: int = 1
    model: str = ""
    file: str = ""
    builder: str = ""
    arguments: Mapping[str, Any] = FrozenMap()
    task: str = ""
    scope: str = ""

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self) | {"arguments": dict(self.arguments)}), encoding="utf-8")

    def model_spec(self) -> ModelSpec:
        return ModelSpec(self.model, Path(self.file), self.builder, FrozenMap(self.arguments), scope=self.scope)


def end_with_parent() -> None:
    """Ask the kernel (Linux) to end this process when the one that started it is gone, however that ended."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def read_job(path: Path) -> Job:
    """Raises InputError for what is not a job."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        names = {key: tuple(record[key]) for key in ("inputs", "results", "tensors") if record[key] is not None}
        return Job(**{**record, **names})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a job: {type(error).__name__}: {error}") from None


def write_result(path: str, outputs: Mapping[str, Array], tensors: Mapping[str, Array]) -> None:
    """Write one result; outputs are told apart from tensors that only lie on the way."""
    write_tensors(Path(path), {**{f"{OUTPUT_PREFIX}{name}": array for name, array in outputs.items()}, **tensors})


def read_result(path: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    """The outputs and the other tensors of one result."""
    arrays = read_tensors(path)
    outputs = {n.removeprefix(OUTPUT_PREFIX): a for n, a in arrays.items() if n.startswith(OUTPUT_PREFIX)}
    return outputs, {n: a for n, a in arrays.items() if not n.startswith(OUTPUT_PREFIX)}


def run_as_program(run: Callable[[Job], None], arguments: Sequence[str]) -> int:
    """The main function of a runner: its one argument is the job. Known errors become one line on stderr."""
    if len(arguments) != 2:
        print(f"usage: {Path(arguments[0]).name} JOB.json", file=sys.stderr)
        return 2
    end_with_parent()
    try:
        run(read_job(Path(arguments[1])))
    except AccelsimError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0

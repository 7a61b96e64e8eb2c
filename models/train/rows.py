"""Rows of the table on disk: one JSON file a row, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from safetensors.torch import save

from accelsim.errors import InputError, InternalError, did_you_mean
from models.train import MODELS
from models.train.counting import count_gmac
from models.train.loop import Job, Metrics, Outcome, seconds

ROWS = Path(__file__).resolve().parent / "rows"
WEIGHTS = MODELS / "weights"
SEEDS = (0, 1, 2)
SHIPPED_SEED = 0
"""The seed whose weights are in the repository."""

Train = Callable[[Job], Outcome]


@dataclass(frozen=True)
class Row:
    """What one row says. `data` is the data set, `kinds` those of the tasks that the metrics are about; `seconds` are
    CPU seconds of one thread, scoring included."""

    name: str
    seed: int
    data: str
    kinds: Mapping[str, str]
    metrics: Metrics
    steps: int = 0
    seconds: float = 0.0
    parameters: int | None = None
    gmac: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def row_file(name: str, seed: int, *, folder: Path = ROWS) -> Path:
    return folder / f"{name}.seed{seed}.json"


def is_done(name: str, seed: int, *, folder: Path = ROWS, weights: Path = WEIGHTS) -> bool:
    """Whether the row is there, and with it the weights that ship."""
    file = row_file(name, seed, folder=folder)
    if not file.is_file():
        return False
    has_weights = read_row(file).gmac is not None
    return seed != SHIPPED_SEED or not has_weights or (weights / f"{name}.safetensors").is_file()


def read_row(file: Path) -> Row:
    return Row(**json.loads(file.read_text(encoding="utf-8")))


def read_rows(folder: Path = ROWS) -> list[Row]:
    """All rows that are done, by name and seed."""
    return sorted((read_row(file) for file in folder.glob("*.json")), key=lambda row: (row.name, row.seed))


def chosen_rows(
    patterns: Iterable[str], names: Iterable[str], *, seedless: Collection[str] = ()
) -> list[tuple[str, int]]:
    """Rows that fit 'NAME' or 'NAME:SEED', where both may have wildcards (none given: all), seed by seed.

    Those of `seedless` have one seed. Raises InputError for a pattern that fits none.
    """
    known = [(name, seed) for seed in SEEDS for name in names if seed == SHIPPED_SEED or name not in seedless]
    wanted = [pattern if ":" in pattern else f"{pattern}:*" for pattern in patterns]
    for pattern in wanted:
        if not any(fnmatchcase(f"{name}:{seed}", pattern) for name, seed in known):
            raise InputError(f"no row fits '{pattern}'{did_you_mean(pattern.split(':')[0], {n for n, _ in known})}")
    return [(name, seed) for name, seed in known if not wanted or _fits(name, seed, wanted)]


def _fits(name: str, seed: int, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(f"{name}:{seed}", pattern) for pattern in patterns)


def train_row(
    name: str, seed: int, train: Train, *, folder: Path = ROWS, weights: Path = WEIGHTS, quiet: bool = False
) -> Row:
    """Train one row and write it; of the shipped seed the weights before it."""
    started = seconds()
    job = Job(name, seed, quiet=quiet)
    outcome = train(job)
    if job.scored is None:
        raise InternalError(f"row {name}:{seed} was scored on no data")
    row = Row(
        name=name,
        seed=seed,
        data=job.scored.name,
        kinds={task: job.scored.task(task).kind for task in outcome.metrics["test"]},
        metrics=outcome.metrics,
        steps=outcome.steps,
        seconds=round(seconds() - started, 1),
        parameters=_parameters(outcome),
        gmac=_gmac(outcome),
        details=outcome.details,
    )
    if outcome.module is not None and seed == SHIPPED_SEED:
        _write(
            weights / f"{name}.safetensors",
            save({key: tensor.contiguous() for key, tensor in outcome.module.state_dict().items()}),
        )
    _write(row_file(name, seed, folder=folder), (json.dumps(asdict(row), indent=1) + "\n").encode())
    return row


def _parameters(outcome: Outcome) -> int | None:
    if outcome.parameters is not None or outcome.module is None:
        return outcome.parameters
    return sum(parameter.numel() for parameter in outcome.module.parameters())


def _gmac(outcome: Outcome) -> float | None:
    if outcome.gmac is not None or outcome.module is None:
        return outcome.gmac
    return count_gmac(outcome.module, outcome.example)


def _write(file: Path, content: bytes) -> None:
    """Write by rename, so that a file that is there is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(file)

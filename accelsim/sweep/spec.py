"""Sweep files: which models, variants and hardware values are points, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainSerializer, ValidationError

from accelsim.errors import InputError, did_you_mean
from accelsim.hw.document import ConfigError, Document, read_yaml
from accelsim.hw.located import Registry, located
from accelsim.hw.part import Part
from accelsim.ir.frozen import FrozenMap
from accelsim.shipped import shipped_dir

Values = Any  # a list of values, or a range; read by `axis.values_of`
_FROZEN = (AfterValidator(FrozenMap), PlainSerializer(dict))
Frozen = Annotated[Mapping[str, Values], *_FROZEN]
Sense = Literal["minimise", "maximise"]


_DEFAULT_OBJECTIVES: dict[str, Sense] = {"latency_s": "minimise", "energy_j": "minimise"}


class ModelChoice(Part):
    """A model with the tasks and builder arguments to try: each argument is an axis of its own.

    `task` left out means the model's first. `batch` binds an open batch dimension.
    """

    model: str
    tasks: tuple[str, ...] = ()
    arguments: Frozen = FrozenMap()
    batch: int | None = Field(default=None, ge=1)


class Settings(Part):
    """Hardware values by dotted path: each path of `grid` is an axis, each mapping of `zip` one axis together."""

    grid: Frozen = FrozenMap()
    zip: tuple[Frozen, ...] = ()


class Grid(Part):
    """Every point, in order."""

    kind: Literal["grid"] = "grid"


class Random(Part):
    """`budget` different points, drawn uniformly."""

    kind: Literal["random"]
    budget: int = Field(ge=1)


class Search(Part):
    """`budget` points, `batch` at a time, proposed by Optuna's NSGA-II or TPE from those before."""

    kind: Literal["nsga2", "tpe"]
    budget: int = Field(ge=1)
    batch: int = Field(default=64, ge=1)


Strategy = Annotated[Grid | Random | Search, Field(discriminator="kind")]


class SweepSpec(Part):
    """A sweep file.

    Points are the product of models (with tasks and arguments), hardware, `settings.grid` and `settings.zip`, less
    those that a condition of `where` leaves out. `where` reads settings, `limits` reads results. `objectives` are
    columns of results. `part_points` is how many points one part of the store holds at most.
    """

    name: str
    title: str = ""
    models: tuple[ModelChoice, ...] = Field(min_length=1)
    hardware: tuple[str, ...] = Field(min_length=1)
    settings: Settings = Settings()
    activity: str = "uniform"
    where: tuple[str, ...] = ()
    objectives: Annotated[Mapping[str, Sense], *_FROZEN] = FrozenMap(_DEFAULT_OBJECTIVES)
    limits: tuple[str, ...] = ()
    strategy: Strategy = Grid()
    part_points: int = Field(default=4096, ge=1)
    seed: int = Field(default=0, ge=0)


def load_sweep(path: str | Path) -> SweepSpec:
    """The sweep in a YAML file, or the shipped one of that name.

    Raises InputError, with file, line and column for what is wrong inside.
    """
    file = sweep_path(path)
    document = read_yaml(file, name=str(path) if Path(path).is_file() else f"hwconfigs/sweeps/{file.name}")
    return read_sweep(document)


def read_sweep(document: Document) -> SweepSpec:
    """The sweep that a YAML document states. Raises ConfigError."""
    registry: Registry = {}
    try:
        return SweepSpec.model_validate(document.tree, context=registry)
    except ValidationError as error:
        raise ConfigError("\n".join(located(document, registry, error))) from None


def sweep_path(spec: str | Path) -> Path:
    """The file behind a path or a shipped name. Raises InputError."""
    path = Path(spec)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise InputError(f"{path}: no such sweep file")
        return path
    known = {file.stem: file for file in sorted((shipped_dir("hwconfigs") / "sweeps").glob("*.yaml"))}
    if str(spec) not in known:
        raise InputError(f"no sweep is called '{spec}'{did_you_mean(str(spec), known)}")
    return known[str(spec)]

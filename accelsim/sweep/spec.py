"""Sweep files: which models, variants and hardware values are points, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationError

from accelsim.hw.document import ConfigError, Document
from accelsim.hw.located import Registry, located
from accelsim.hw.part import Part
from accelsim.ir.frozen import FrozenMap

Values = Any  # a list of values, or a range; read by `axis.values_of`
_FROZEN = (AfterValidator(FrozenMap), PlainSerializer(dict))
Frozen = Annotated[Mapping[str, Values], *_FROZEN]
Sense = Literal["minimise", "maximise"]


_DEFAULT_OBJECTIVES: dict[str, Sense] = {"latency_s": "minimise", "energy_j": "minimise"}


class ModelChoice(Part):
    """A model with the tasks and variants to try: each argument of its builder is an axis of its own, such as
    `ratio: [0.1, 0.3]` of dynamic elements, `heads` kept, or `top_k` experts.

    `tasks` left out means the model's first. `batch` binds an open batch dimension. A model with wildcards stands for
    every model and variant of that name in the table of `accuracy`.
    """

    model: str
    tasks: tuple[str, ...] = ()
    arguments: Frozen = FrozenMap()
    batch: int | None = Field(default=None, ge=1)


def _named(given: object) -> object:
    """A name by itself is a model with nothing to vary."""
    return {"model": given} if isinstance(given, str) else given


class Measured(Part):
    """One measured number: `column` is what a sweep calls it."""

    model: str
    arguments: Frozen = FrozenMap()
    precision: str
    data: str
    task: str
    column: str
    value: float
    higher_is_better: bool


class Accuracy(Part):
    """A table that `accelsim evaluate --out` wrote, whose rows are joined to the points of their model, variant and
    precision.

    `data` picks rows of one data set. `precision` takes accuracies at that precision for all points instead of the
    hardware's own. `rows` are those that were found, filled in when the sweep is loaded.
    """

    file: str
    data: str = ""
    precision: str = ""
    rows: tuple[Measured, ...] = ()


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
    """`budget` points, `batch` at a time, proposed by Optuna's NSGA-II or TPE, and as neighbours of the front, from
    those before. Without `batch` it follows from the budget."""

    kind: Literal["nsga2", "tpe"]
    budget: int = Field(ge=1)
    batch: int | None = Field(default=None, ge=2)


Strategy = Annotated[Grid | Random | Search, Field(discriminator="kind")]


class SweepSpec(Part):
    """A sweep file.

    Points are the product of models (with tasks and arguments; a name alone is a model with nothing to vary), hardware,
    `settings.grid` and `settings.zip`, less those that a condition of `where` leaves out. Formats are settings too:
    `precision.weight: [int8, int4]`. `where` reads settings, `limits` reads results. `objectives` are columns of
    results, or of `accuracy`. `part_points` is how many points one part of the store holds at most.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    title: str = ""
    models: tuple[Annotated[ModelChoice, BeforeValidator(_named)], ...] = Field(min_length=1)
    hardware: tuple[str, ...] = Field(min_length=1)
    settings: Settings = Settings()
    activity: str = "uniform"
    accuracy: Accuracy | None = None
    where: tuple[str, ...] = ()
    objectives: Annotated[Mapping[str, Sense], *_FROZEN] = FrozenMap(_DEFAULT_OBJECTIVES)
    limits: tuple[str, ...] = ()
    strategy: Strategy = Grid()
    part_points: int = Field(default=4096, ge=1)
    seed: int = Field(default=0, ge=0)


def read_sweep(document: Document) -> SweepSpec:
    """The sweep that a YAML document states. Raises ConfigError."""
    registry: Registry = {}
    try:
        return SweepSpec.model_validate(document.tree, context=registry)
    except ValidationError as error:
        raise ConfigError("\n".join(located(document, registry, error))) from None

"""Many settings of one hardware under one model and task, as columns: what a sweep asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.evaluate.load import load_model
from accelsim.evaluate.simulate import activity_of, hardware_for
from accelsim.frontends.inputs import input_options
from accelsim.hw.schema import Hardware
from accelsim.results.causes import CAUSES
from accelsim.results.result import CHIP_SCOPES
from accelsim.sim.many import simulate_many

Column = npt.NDArray[Any]

RESOURCES = ("dsp", "bram36", "uram", "lut", "ff")
SCOPES = (*CHIP_SCOPES, "board")
WHOLE = ("cycles", "dram_bytes", *(f"stall_{cause}" for cause in CAUSES))
NUMBERS = (
    "latency_s",
    "throughput_per_s",
    "energy_j",
    *(f"energy_{scope}_j" for scope in SCOPES),
    *RESOURCES,
)
TEXTS = ("failure",)
"""Columns of results: whole numbers, numbers and texts; beside them `fits`. `failure` is '' for a point that has none;
its numbers are missing where the point could not be timed."""


class PointEvaluator:
    """A model on a hardware, ready for any values of its settings."""

    def __init__(
        self, model: str, hardware: str, *, task: str | None, arguments: Mapping[str, Any], batch: int | None,
        activity: str,
    ) -> None:  # fmt: skip
        options = input_options(None, batch, None)
        loaded = load_model(model, task=task, arguments=arguments or None, options=options, weights=False)
        self.task = loaded.task
        self._graph = loaded.graph
        self._activity = activity_of(loaded.graph, activity)
        self._name = hardware
        self._numbers = frozenset(path for path, _ in hardware_for(hardware).quantities())
        self._loaded: dict[tuple[Any, ...], Hardware | str] = {}

    def columns(self, settings: Mapping[str, Column], count: int, *, threads: int) -> dict[str, Column]:
        """Results of `count` points, a value of every setting each: numbers in SI, or words.

        A point that cannot be timed says why. Raises InputError for a setting that is none.
        """
        numbers = {path: c for path, c in settings.items() if path in self._numbers and c.dtype.kind in "iuf"}
        words = {path: column for path, column in settings.items() if path not in numbers}
        found = _empty(count)
        for values, members in _combinations(words, count):
            hardware = self._with(tuple(words), values)
            if isinstance(hardware, str):
                found["failure"][members] = hardware
                continue
            own = {path: column[members] for path, column in numbers.items()}
            own = own or {self._a_number(hardware): np.full(members.size, self._value(hardware))}
            many = simulate_many(self._graph, hardware, own, activity=self._activity, threads=threads)
            for name, column in _columns(many).items():
                found[name][members] = column
        return found

    def _with(self, paths: tuple[str, ...], values: tuple[Any, ...]) -> Hardware | str:
        """The hardware with these words in place, or why there is none."""
        if values not in self._loaded:
            try:
                self._loaded[values] = hardware_for(self._name, dict(zip(paths, values, strict=True)))
            except InputError as error:
                self._loaded[values] = f"invalid: {error}"
        return self._loaded[values]

    @staticmethod
    def _a_number(hardware: Hardware) -> str:
        """Any setting that is a number: points that differ in words alone still need a column."""
        return hardware.quantities()[0][0]

    @staticmethod
    def _value(hardware: Hardware) -> float:
        return float(hardware.quantities()[0][1].value)


def _empty(count: int) -> dict[str, Column]:
    found: dict[str, Column] = {name: np.zeros(count, np.int64) for name in WHOLE}
    found |= {name: np.full(count, np.nan) for name in NUMBERS}
    return found | {"fits": np.zeros(count, bool), "failure": np.full(count, "", object)}


def _combinations(words: Mapping[str, Column], count: int) -> list[tuple[tuple[Any, ...], npt.NDArray[np.int64]]]:
    """Each combination of words that occurs, with the points that have it."""
    rows = list(zip(*(column.tolist() for column in words.values()), strict=True)) if words else [()] * count
    members: dict[tuple[Any, ...], list[int]] = {}
    for index, row in enumerate(rows):
        members.setdefault(row, []).append(index)
    return [(values, np.array(own)) for values, own in members.items()]


def _columns(found: Mapping[str, Column]) -> dict[str, Column]:
    failure = found["failure"].astype(object)
    timed = failure == ""
    latency = np.where(timed, found["latency_s"], np.nan)
    energy = {scope: _known(found, f"energy.{scope}", timed) for scope in SCOPES}
    columns: dict[str, Any] = {
        "cycles": found["cycles"],
        "dram_bytes": found["dram_read_bytes"] + found["dram_write_bytes"],
        **{f"stall_{cause}": found[f"stalls.{cause}"] for cause in CAUSES},
        "latency_s": latency,
        "throughput_per_s": 1 / latency,
        "energy_j": sum(energy[scope] for scope in CHIP_SCOPES),
        **{f"energy_{scope}_j": joules for scope, joules in energy.items()},
        **{kind: _known(found, f"resources.{kind}", np.ones_like(timed)) for kind in RESOURCES},
        "fits": found["fits"].astype(bool) & timed,
        "failure": np.where(timed, found["misfits"].astype(object), failure),
    }
    return columns


def _known(found: Mapping[str, Column], name: str, there: npt.NDArray[np.bool_]) -> Column:
    values = found.get(name)
    return np.where(there, values, np.nan) if values is not None else np.full(there.size, np.nan)


def provenance_of(hardware: Sequence[str]) -> dict[str, str]:
    """Digests of the hardware descriptions by name, for a store to know whether it is still the same sweep."""
    return {f"hardware.{name}": hardware_for(name).digest for name in hardware}

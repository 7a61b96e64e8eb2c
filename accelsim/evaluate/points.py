"""Many settings of one hardware under one model and task, as columns: what a sweep asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import AccelsimError, DoesNotFitError, InputError, UnsupportedError
from accelsim.evaluate.load import load_model
from accelsim.evaluate.simulate import activity_of, hardware_for
from accelsim.frontends.inputs import input_options
from accelsim.frontends.modelspec import find_model
from accelsim.frontends.topology import SUFFIX as TOPOLOGY
from accelsim.hw.schema import Hardware
from accelsim.results.causes import CAUSES
from accelsim.results.failure import split_levers
from accelsim.results.result import CHIP_SCOPES
from accelsim.sim.many import simulate_many
from accelsim.sim.timing import Frame, time_frames
from accelsim.sim.totals import totals

Column = npt.NDArray[Any]
Members = npt.NDArray[np.int64]

AREA = "area_mm2"
RESOURCES = ("dsp", "bram36", "uram", "lut", "ff")
SCOPES = (*CHIP_SCOPES, "board")
WHOLE = ("cycles", "dram_bytes", *(f"stall_{cause}" for cause in CAUSES))
NUMBERS = (
    "latency_s",
    "throughput_per_s",
    "energy_j",
    *(f"energy_{scope}_j" for scope in SCOPES),
    *RESOURCES,
    AREA,
)
TEXTS = ("precision", "failure", "levers")
"""Columns of results: whole numbers, numbers and texts; beside them `fits`. `precision` is the format of activations
and weights, of each as `int8/int4`. `failure` is '' for a point that has none, `levers` what would help; numbers are
missing where the point could not be timed."""


class PointEvaluator:
    """A model on a hardware, ready for any values of its settings.

    `named` is what `hardware` was loaded by. A model or a hardware that cannot do it is a failure of every point.
    `intervals`: the interval of frames on several instances, and so their throughput, is worked out point by point, a
    hundred times slower than all else; without it their throughput is missing.
    Raises InputError for what is unknown.
    """

    def __init__(
        self,
        model: str,
        hardware: Hardware,
        *,
        named: str,
        task: str | None,
        arguments: Mapping[str, Any],
        batch: int | None,
        activity: str,
        intervals: bool = False,
    ) -> None:
        self.hardware, self._intervals = hardware, intervals
        self.task = task or ""
        self._name = named
        self._numbers = frozenset(path for path, _ in self.hardware.quantities())
        self._loaded: dict[tuple[tuple[str, Any], ...], Hardware | str] = {}
        self._refused = ""
        try:
            options = input_options(None, batch, None)
            loaded = load_model(model, task=task, arguments=arguments or None, options=options, weights=False)
            self.task = loaded.task
            self._frame = Frame(loaded.task, loaded.graph, activity_of(loaded.graph, activity))
        except (UnsupportedError, DoesNotFitError) as error:
            self._refused = str(error)

    def columns(self, settings: Mapping[str, Column], count: int, *, threads: int) -> dict[str, Column]:
        """Results of `count` points, a value of every setting each: numbers in SI, or words.

        A point that cannot be timed says why, and what would help.
        """
        found = _empty(count)
        found["precision"][:] = precision_of(self.hardware)
        if self._refused:
            _fail(found, np.arange(count), self._refused)
            return found
        numbers = {path: c for path, c in settings.items() if path in self._numbers and c.dtype.kind in "iuf"}
        words = {path: column for path, column in settings.items() if path not in numbers}
        for chosen, members in _combinations(words, count):
            hardware = self._with(chosen)
            if isinstance(hardware, str):
                _fail(found, members, hardware)
                continue
            found["precision"][members] = precision_of(hardware)
            self._time(found, members, hardware, {path: column[members] for path, column in numbers.items()}, threads)
        return found

    def _with(self, words: tuple[tuple[str, Any], ...]) -> Hardware | str:
        """The hardware with these words in place, or why there is none."""
        if not words:
            return self.hardware
        if words not in self._loaded:
            try:
                self._loaded[words] = hardware_for(self._name, dict(words))
            except InputError as error:
                self._loaded[words] = f"invalid: {error}"
        return self._loaded[words]

    def _time(
        self, found: dict[str, Column], members: Members, hardware: Hardware, numbers: dict[str, Column], threads: int
    ) -> None:
        """Put the results of points that differ in numbers alone into their rows; no numbers: all are the same."""
        try:
            many = simulate_many(self._frame.graph, hardware, numbers, activity=self._frame.activity, threads=threads)
        except (UnsupportedError, DoesNotFitError) as error:
            _fail(found, members, str(error))
            return
        single = np.broadcast_to(numbers.get("instances", hardware.instances.value) == 1, many["cycles"].shape)
        if self._intervals and not single.all():
            many = {**many, "initiation_interval_s": self._interval_column(many, hardware, numbers, single)}
        for name, column in _columns(many, single).items():
            found[name][members] = column
        for text, own in _by_text(many["failure"]):
            _fail(found, members[own], text)
        for text, own in _by_text(many["misfits"]):
            unfit = own[many["failure"][own] == ""]
            if unfit.size:
                point = _point(hardware, numbers, int(unfit[0]))
                found["failure"][members[unfit]] = text
                found["levers"][members[unfit]] = self._levers_of_misfits(point)

    def _interval_column(
        self, many: Mapping[str, Column], hardware: Hardware, numbers: Mapping[str, Column], single: Column
    ) -> Column:
        """Seconds between frames; of one instance the latency."""
        found = np.array(many["latency_s"], np.float64)
        for index in np.flatnonzero(~single & (many["failure"].astype(object) == "")).tolist():
            found[index] = time_frames([self._frame], _point(hardware, numbers, index)).interval_s
        return found

    def _levers_of_misfits(self, hardware: Hardware) -> str:
        """What would make a design fit that can be timed: of the first of all points with the same misfits."""
        try:
            misfits = totals(time_frames([self._frame], hardware)).misfits
        except AccelsimError:
            return ""
        return _joined(lever for failure in misfits for lever in failure.levers)


def _point(hardware: Hardware, numbers: Mapping[str, Column], index: int) -> Hardware:
    return hardware.with_values({path: column[index].item() for path, column in numbers.items()})


def precision_of(hardware: Hardware) -> str:
    """The format of activations and weights, or of both where they differ."""
    formats = [str(hardware.precision[kind]) for kind in ("activation", "weight") if kind in hardware.precision]
    return "/".join(dict.fromkeys(formats))


def _empty(count: int) -> dict[str, Column]:
    found: dict[str, Column] = {name: np.zeros(count, np.int64) for name in WHOLE}
    found |= {name: np.full(count, np.nan) for name in NUMBERS}
    found |= {name: np.full(count, "", object) for name in TEXTS}
    return found | {"fits": np.zeros(count, bool)}


def _fail(found: dict[str, Column], members: Members, text: str) -> None:
    reason, levers = split_levers(text)
    found["failure"][members], found["levers"][members] = reason, _joined(levers)


def _joined(levers: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(levers))


def _by_text(column: Column) -> Iterator[tuple[str, Members]]:
    """Each text of a column that is not empty, with the rows that have it."""
    rows = np.flatnonzero(column != "")
    texts = column[rows].astype(object)
    for text in dict.fromkeys(texts.tolist()):
        yield str(text), rows[texts == text]


def _combinations(words: Mapping[str, Column], count: int) -> Iterator[tuple[tuple[tuple[str, Any], ...], Members]]:
    """Each combination of words that occurs, with the points that have it."""
    if not words:
        yield (), np.arange(count)
        return
    members: dict[tuple[Any, ...], list[int]] = {}
    for index, row in enumerate(zip(*(column.tolist() for column in words.values()), strict=True)):
        members.setdefault(row, []).append(index)
    for values, own in members.items():
        yield tuple(zip(words, values, strict=True)), np.array(own)


def _columns(many: Mapping[str, Column], single: npt.NDArray[np.bool_]) -> dict[str, Column]:
    """Numbers of results; of points that could not be timed only what the design takes.

    The interval of frames is their latency where there is a `single` instance, else it is missing unless it is given.
    """
    timed = many["failure"].astype(object) == ""
    latency = np.where(timed, many["latency_s"], np.nan)
    interval = np.where(timed, many.get("initiation_interval_s", np.where(single, latency, np.nan)), np.nan)
    energy = {scope: _known(many, f"energy.{scope}", timed) for scope in SCOPES}
    return {
        "cycles": many["cycles"],
        "dram_bytes": many["dram_read_bytes"] + many["dram_write_bytes"],
        **{f"stall_{cause}": many[f"stalls.{cause}"] for cause in CAUSES},
        "latency_s": latency,
        "throughput_per_s": 1 / interval,
        "energy_j": np.sum([energy[scope] for scope in CHIP_SCOPES], axis=0),
        **{f"energy_{scope}_j": joules for scope, joules in energy.items()},
        **{kind: _known(many, f"resources.{kind}", np.ones_like(timed)) for kind in (*RESOURCES, AREA)},
        "fits": many["fits"].astype(bool) & timed,
    }


def _known(found: Mapping[str, Column], name: str, there: npt.NDArray[np.bool_]) -> Column:
    values = found.get(name)
    return np.where(there, values, np.nan) if values is not None else np.full(there.size, np.nan)


def provenance_of(models: Iterable[str], hardware: Mapping[str, Hardware]) -> dict[str, str]:
    """Digests of the files of models and of hardware descriptions by name, for a store to know whether it is still the
    same sweep. Raises InputError for what is unknown."""
    files = {name: Path(name) if name.endswith(TOPOLOGY) else find_model(name).file for name in models}
    try:
        found = {f"model.{name}": hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read: {error.strerror}") from None
    return found | {f"hardware.{name}": described.digest for name, described in hardware.items()}

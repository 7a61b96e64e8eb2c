"""Published numbers beside simulated ones, by suite.

A suite is a YAML file in `published/` (cases to simulate, and rows to compare), a table of published rows with a
reader in `suites/`, or a function that reads rows of another simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from accelsim.errors import InputError, did_you_mean
from accelsim.evaluate.measured import measured_rows
from accelsim.evaluate.scalesim.rows import scalesim_rows
from accelsim.evaluate.simulate import simulate_spec
from accelsim.evaluate.suites import GOLDEN
from accelsim.evaluate.suites.golden import read_rows
from accelsim.results import Result, ValidationRow
from accelsim.results.validation import compare

_FOLDER = Path(__file__).parent / "published"
_MIB = 2.0**20

Progress = Callable[[str], None]
Suite = Callable[[Path | None, Progress], list[ValidationRow]]
"""Takes a file of rows (None: those that ship with accelsim) and tells its progress."""

METRICS: dict[str, Callable[[Result], float]] = {
    "latency_ms": lambda result: result.latency_s * 1e3,
    "attention_share": lambda result: _share(result, "attention"),
    "energy_j": lambda result: result.energy_j,
    "energy_board_j": lambda result: result.energy["board"],
    "on_chip_mib": lambda result: result.on_chip_bytes / _MIB,
}
"""What a row may compare, in the unit that its name ends with."""

_RANGED = {"latency_ms": ("latency_s", 1e3), "energy_j": ("energy_j", 1.0), "energy_board_j": ("energy_board_j", 1.0)}


def _share(result: Result, op: str) -> float:
    """Share of the cycles spent in nodes of one op."""
    return sum(node.cycles for node in result.nodes if node.op == op) / result.cycles


def _suites() -> dict[str, Suite]:
    """Every suite by name."""
    described = {path.stem: partial(_simulated, path.stem) for path in sorted(_FOLDER.glob("*.yaml"))}
    return {
        **described,
        **{suite.name: suite for suite in GOLDEN},
        "scalesim": scalesim_rows,
        "measured": measured_rows,
    }


def suites() -> tuple[str, ...]:
    """Names of the suites that ship with accelsim."""
    return tuple(_suites())


def validate_suites(
    names: Sequence[str] = (), *, rows: Path | None = None, progress: Progress = lambda message: None
) -> list[ValidationRow]:
    """Simulate every case of the named suites (none named: all) and compare their rows. Raises InputError.

    `rows` is a file of the user's with the columns of the one suite that is named, read in place of its own; with none
    named, published rows go to the suites of their systems.
    """
    known = _suites()
    for name in names:
        if name not in known:
            raise InputError(f"no validation suite '{name}'{did_you_mean(name, known)}")
    if rows is not None and not names:
        names = _suites_of(rows)
    elif rows is not None and len(names) != 1:
        raise InputError(f"{rows}: rows belong to one suite: name it")
    return [row for name in (names or known) for row in known[name](rows, progress)]


def _suites_of(rows: Path) -> tuple[str, ...]:
    """The suites that know a system of the file. Raises InputError if there is none."""
    try:
        systems = {row.system for row in read_rows(rows)}
    except InputError as error:
        raise InputError(
            f"{rows}: rows belong to one suite: name it; published rows alone need no name ({error})"
        ) from None
    found = tuple(suite.name for suite in GOLDEN if systems & set(suite.systems))
    if not found:
        raise InputError(f"{rows}: no suite knows its systems; they are {', '.join(sorted(systems)) or 'none'}")
    return found


def _simulated(name: str, rows: Path | None, progress: Progress) -> list[ValidationRow]:
    """The rows of a YAML suite."""
    if rows is not None:
        raise InputError(f"{rows}: suite '{name}' simulates designs of its own and reads no file of rows")
    suite: dict[str, Any] = YAML(typ="safe").load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    results: dict[str, Result] = {}
    for case, spec in suite["cases"].items():
        progress(f"{name}: {case}")
        results[case] = simulate_spec(
            spec["model"],
            spec["hardware"],
            task=spec.get("task"),
            overrides=spec.get("set", {}),
            activity=spec.get("activity", "uniform"),
        )
    found = [_row(name, suite, spec, results) for spec in suite["rows"]]
    return found + [_order(name, suite, spec, results) for spec in suite.get("orders", ())]


def _row(name: str, suite: dict[str, Any], spec: dict[str, Any], results: dict[str, Result]) -> ValidationRow:
    metric = METRICS[spec["metric"]]
    result = results[spec["case"]]
    simulated = metric(result)
    case, low, high = spec["case"], None, None
    if "minus" in spec:
        simulated -= metric(results[spec["minus"]])
        case = f"{case} - {spec['minus']}"
    elif spec["metric"] in _RANGED:
        key, scale = _RANGED[spec["metric"]]
        if key in result.ranges:
            low, high = result.ranges[key].low * scale, result.ranges[key].high * scale
    return compare(
        name,
        case,
        metric=spec["metric"],
        unit=spec["unit"],
        published=spec.get("published"),
        simulated=simulated,
        evidence=spec["evidence"],
        source=suite["sources"][spec["source"]],
        band_pct=spec.get("band_pct"),
        scored=not spec.get("calibrates", False),
        note=spec.get("note", ""),
        low=low,
        high=high,
    )


def _order(name: str, suite: dict[str, Any], spec: dict[str, Any], results: dict[str, Result]) -> ValidationRow:
    """A claim that a metric falls along a list of cases: simulated is the number of steps where it does not."""
    values = [METRICS[spec["metric"]](results[case]) for case in spec["falling"]]
    wrong = sum(1 for before, after in pairwise(values) if after >= before)
    return ValidationRow(
        suite=name,
        case=spec["name"],
        metric="inversions",
        unit="1",
        published=0.0,
        simulated=float(wrong),
        error_pct=None,
        scored=True,
        band_pct=0.0,
        ok=wrong == 0,
        evidence="measured",
        source=suite["sources"][spec["source"]],
        note=f"{spec['metric']} falls along {', '.join(spec['falling'])}",
    )

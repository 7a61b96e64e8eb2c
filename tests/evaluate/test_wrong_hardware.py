"""Hardware files with one thing wrong: every field of every shipped file, changed at random.

Whatever stands in a file, it is read and timed, or refused with exit code 2 or 3 and a place; never a traceback.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from accelsim.errors import AccelsimError
from accelsim.evaluate.check import findings
from accelsim.evaluate.simulate import hardware_for
from accelsim.hw.load import hardware_names, hardware_path
from accelsim.ir import Activity, Graph
from accelsim.sim.assumption import activity_for
from accelsim.sim.simulate import simulate
from tests.mapping.conftest import attention_graph, linear_graph, moe_graph
from tests.mapping.mixing_graphs import difference

_TEXTS = ("name", "title", "sources", "notes", "not_modelled")
_ANY: tuple[Any, ...] = (0, -1, 1e30, math.nan, math.inf, 2**70, None, True, "x", "", [], {}, [1, "a"], "7 parsecs")
_AMOUNTS = ("0", "-1", "1", "3", "1e30", "nan", "1e-9", "12345.678", "1e400")
_CHANGES = 16  # of each file
_NUMBERS = (1, 3, 0.5, 2**40, 1e-12)

Spot = tuple[tuple[str | int, ...], Any, str | int]


def _spots(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[Spot]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        if not path and key in _TEXTS:
            continue
        yield (*path, key), node, key
        yield from _spots(child, (*path, key))


def _others(value: Any) -> list[Any]:
    """What may stand in place of a value: nonsense of every type, and for a quantity absurd amounts of it."""
    found = list(_ANY)
    if isinstance(value, str):
        number, _, unit = value.partition(" ")
        found += [f"{amount} {unit}" for amount in _AMOUNTS] if unit else []
        found += [value + "x", number, f"{number} bogus"]
    elif isinstance(value, (int, float)):
        found += [*_NUMBERS, value * 1e9]
    return found


def _change(rng: np.random.Generator, tree: dict[str, Any]) -> str:
    """Change, delete or rename one thing; what was done."""
    spots = list(_spots(tree))
    path, holder, key = spots[int(rng.integers(len(spots)))]
    dotted, how = ".".join(map(str, path)), rng.random()
    if how < 0.15:
        del holder[key]
        return f"no {dotted}"
    if how < 0.3 and isinstance(holder, dict):
        holder[f"{key}q"] = holder.pop(key)
        return f"{dotted} renamed"
    others = _others(holder[key])
    holder[key] = others[int(rng.integers(len(others)))]
    return f"{dotted} = {holder[key]!r}"


@pytest.fixture(scope="module")
def work() -> list[tuple[Graph, Activity | None]]:
    graphs = (linear_graph(40, 48, 60, gelu=True), attention_graph(3, 17, 16), moe_graph(), difference(side=12))
    return [(graph, activity_for(graph, "uniform")) for graph in graphs]


def _tried(file: Path, work: list[tuple[Graph, Activity | None]], what: str) -> str:
    """'refused', 'timed' or 'cannot run'. Fails for any other exception, and for a reason without a place."""
    try:
        hardware = hardware_for(str(file))
    except AccelsimError as error:
        assert error.exit_code == 2, what  # noqa: PT017
        # In the file itself, or in the one it extends where only that is left to blame.
        assert all(".yaml" in line for line in str(error).splitlines()), (what, str(error))  # noqa: PT017
        return "refused"
    findings(hardware)
    ran = 0
    for graph, activity in work:
        try:
            result = simulate(graph, hardware, activity=activity)
        except AccelsimError as error:
            assert error.exit_code in (2, 3), what  # noqa: PT017
            assert error.exit_code == 2 or error.failures, (what, str(error))  # type: ignore[attr-defined]  # noqa: PT017
            continue
        ran += 1
        assert sum(result.stalls.values()) == result.cycles, what
        assert 0 <= result.utilisation <= 1 + 1e-9, what
        numbers = (*result.energy.values(), result.latency_s, result.throughput_per_s)
        assert all(math.isfinite(number) and number >= 0 for number in numbers), what
    return "timed" if ran else "cannot run"


@pytest.mark.slow
@pytest.mark.parametrize("name", hardware_names())
def test_a_file_with_one_thing_wrong_is_timed_or_refused_with_its_place(
    name: str, tmp_path: Path, work: list[tuple[Graph, Activity | None]]
) -> None:
    yaml = YAML(typ="safe")
    tree = yaml.load(hardware_path(name).read_text(encoding="utf-8"))
    rng = np.random.default_rng(list(name.encode()))
    file = tmp_path / "wrong.yaml"
    seen = dict.fromkeys(("refused", "timed", "cannot run"), 0)
    for _ in range(_CHANGES):
        changed = copy.deepcopy(tree)
        what = _change(rng, changed)
        with file.open("w", encoding="utf-8") as out:
            yaml.dump(changed, out)
        seen[_tried(file, work, f"{name}: {what}")] += 1
    assert sum(seen.values()) == _CHANGES
    assert seen["refused"] > 4

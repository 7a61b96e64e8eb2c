"""The table of accuracies: every row that was trained, with its spread over seeds, and what the comparisons say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from accelsim.evaluate.metrics import METRICS, Metric
from models.train import MODELS
from models.train.rows import SEEDS, Row

TABLE = MODELS.parent / "reports" / "accuracy.md"
_DECIMALS = {"deg": 2, "": 4}
_HEAD = f"""# Accuracy of the small models

Measured, not quoted: trained by `python -m models.train` on data that `make data` composes, scored once on held-out
samples. A number is the mean over seeds, with the lowest and the highest in brackets; `seeds` says how many there are
(of {len(SEEDS)}). A comparison whose means differ by no more than the larger of the two spreads (highest less lowest)
is called undecided, and so is one with a single seed of a network on either side. Rows without GMAC are baselines that
no seed changes. GMAC is for one sample.
"""
_EXPERTS = """## Experts

On the validation split: experts with more than 1 % of the picks and the largest share, for each task that routes, and
which part of a token's experts two tasks have in common.
"""


@dataclass(frozen=True)
class Values:
    """A metric of one name over its seeds; `seeded`: whether another seed gives another value."""

    values: tuple[float, ...]
    seeded: bool = True

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    @property
    def spread(self) -> float:
        return max(self.values) - min(self.values)

    def text(self, decimals: int) -> str:
        if len(self.values) == 1:
            return f"{self.mean:.{decimals}f}"
        low, high = min(self.values), max(self.values)
        return f"{self.mean:.{decimals}f} ({low:.{decimals}f}..{high:.{decimals}f})"


def verdict(ours: Values, other: Values, *, higher_is_better: bool) -> str:
    """'better', 'worse' or 'undecided', with the difference of the means."""
    difference = ours.mean - other.mean
    if any(one.seeded and len(one.values) < 2 for one in (ours, other)):
        return f"undecided, one seed ({difference:+.4f})"
    if abs(difference) <= max(ours.spread, other.spread):
        return f"undecided ({difference:+.4f})"
    return f"{'better' if (difference > 0) == higher_is_better else 'worse'} ({difference:+.4f})"


def table(rows: Iterable[Row], compared: Sequence[tuple[str, str, str]]) -> str:
    """The table in Markdown, a part for each data set, rows in the order of their names."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    data_sets = sorted({same[0].data for same in by_name.values()})
    parts = [_part(data, {n: same for n, same in by_name.items() if same[0].data == data}) for data in data_sets]
    return "\n".join([_HEAD, *parts, _comparisons(by_name, compared), _routing(by_name)])


def write_table(rows: Iterable[Row], compared: Sequence[tuple[str, str, str]], *, file: Path = TABLE) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(table(rows, compared), encoding="utf-8")


def _part(data: str, by_name: Mapping[str, Sequence[Row]]) -> str:
    kinds = {task: METRICS[kind] for same in by_name.values() for task, kind in same[0].kinds.items()}
    shown = list(kinds)
    heads = [f"{task} {_title(kinds[task])}" for task in shown]
    lines = [f"## {data}\n", _line("model", *heads, "validation", "seeds", "parameters", "GMAC", "steps", "CPU s")]
    lines.append(_line(*["---"] * (len(shown) + 7)))
    for name, same in by_name.items():
        first = same[0]
        cells = [_cell(same, "test", task, kinds[task]) for task in shown]
        checked = " / ".join(_cell(same, "validation", t, kinds[t], brief=True) for t in shown if t in _tasks(same))
        size = "-" if first.parameters is None else f"{first.parameters:,}"
        work = "-" if first.gmac is None else f"{first.gmac:.4f}"
        seconds = sum(row.seconds for row in same) / len(same)
        lines.append(_line(name, *cells, checked, len(same), size, work, first.steps or "-", f"{seconds:.0f}"))
    return "\n".join(lines) + "\n"


def _tasks(rows: Sequence[Row]) -> set[str]:
    return set(rows[0].metrics["test"])


def _cell(rows: Sequence[Row], split: str, task: str, metric: Metric, *, brief: bool = False) -> str:
    if task not in _tasks(rows):
        return "-"
    values, decimals = _values(rows, task, split), _DECIMALS[metric.unit]
    return f"{values.mean:.{decimals}f}" if brief else values.text(decimals)


def _values(rows: Sequence[Row], task: str, split: str = "test") -> Values:
    return Values(tuple(row.metrics[split][task] for row in rows), seeded=rows[0].gmac is not None)


def _title(metric: Metric) -> str:
    return f"{metric.name}{f' ({metric.unit})' if metric.unit else ''} {'↑' if metric.higher_is_better else '↓'}"


def _comparisons(by_name: Mapping[str, Sequence[Row]], compared: Sequence[tuple[str, str, str]]) -> str:
    lines = ["## Comparisons\n", _line("claim", "compared", "task", "comes out"), _line(*["---"] * 4)]
    for claim, ours, other in compared:
        if ours not in by_name or other not in by_name:
            lines.append(_line(claim, f"{ours}, {other}", "-", "not trained"))
            continue
        for task in sorted(_tasks(by_name[ours]) & _tasks(by_name[other])):
            pair = (_values(by_name[name], task) for name in (ours, other))
            says = verdict(*pair, higher_is_better=METRICS[by_name[ours][0].kinds[task]].higher_is_better)
            lines.append(_line(claim, f"{ours}, {other}", task, says))
    return "\n".join(lines) + "\n"


def _routing(by_name: Mapping[str, Sequence[Row]]) -> str:
    """What the expert layers of networks do, where their rows say it."""
    lines = [
        _EXPERTS,
        _line("model", "seed", "layer", "experts used", "largest share", "in common"),
        _line(*["---"] * 6),
    ]
    for same in by_name.values():
        for row in same:
            for layer, usage in dict(row.details.get("routing", {})).items():
                used, largest = (", ".join(map(str, usage[key])) for key in ("experts_used", "largest_share"))
                lines.append(_line(row.name, row.seed, layer, used, largest, usage.get("experts_in_common", "-")))
    return "\n".join(lines) + "\n"


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"

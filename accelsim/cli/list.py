"""`accelsim list`: what there is to name."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence

import click

from accelsim.cli.options import format_option
from accelsim.cli.output import print_report, print_text
from accelsim.report.table import Table

Rows = tuple[tuple[str, ...], ...]


def _models() -> Rows:
    from accelsim.frontends.modelspec import catalogue

    return tuple((name, ", ".join(spec.tasks), spec.title) for name, spec in sorted(catalogue().items()))


def _hardware() -> Rows:
    from accelsim.hw.load import hardware_names, load_hardware

    loaded = [(name, load_hardware(name)) for name in hardware_names()]
    return tuple((name, hardware.board.name, hardware.title) for name, hardware in loaded)


def _ops() -> Rows:
    from accelsim.evaluate.coverage import ABSENT, op_coverage

    return tuple(
        (
            one.op,
            ABSENT if one.torch is None else ", ".join(_names(one.torch)),
            ABSENT if one.onnx is None else ", ".join(one.onnx),
            _SHORT.get(one.kernel, one.kernel),
            one.cost,
            one.export,
        )
        for one in op_coverage()
    )


_SHORT = {"reference": "numpy", "expanded": "parts"}
"""How the engine runs an op, in few letters: 100 columns hold no more."""


def _names(calls: Sequence[str]) -> list[str]:
    """Calls without their overloads, and without torch's inner ones where there are others."""
    names = list(dict.fromkeys(call.split(".")[0] for call in calls))
    return [name for name in names if not name.startswith("_")] or names


def _ops_note() -> str:
    from accelsim.evaluate.coverage import op_coverage, summary

    counts = ", ".join(f"{count} {name}" for name, count in summary(op_coverage()).items())
    return (
        f"{counts}. An op that no call of PyTorch becomes is reached by marking a module: ac.semantic(cls, op=...). "
        "Without a kernel of its own an op runs on its NumPy definition. Costs are loop nests, of a routing where the "
        "op routes; ops that only rename or move elements become addresses. Saved as ONNX an op is "
        "nodes of its own, or parts: other ops."
    )


def _passes() -> Rows:
    from accelsim.passes import PASSES

    return tuple((name, step.doc) for name, step in PASSES.items())


def _boards() -> Rows:
    from accelsim.hw.load import boards

    return tuple(
        (
            board.name,
            board.part,
            *(f"{getattr(board, kind).value:,.10g}" for kind in ("dsp", "bram36", "uram", "lut", "ff")),
        )
        for board in boards()
    )


def _sweeps() -> Rows:
    from accelsim.sweep.load import shipped_sweep, sweep_names
    from accelsim.sweep.space import axes_of

    def row(name: str) -> tuple[str, ...]:
        spec = shipped_sweep(name)
        varied = [path for axis in axes_of(spec.settings) for path in axis.paths if len(axis) > 1]
        return name, ", ".join(choice.model for choice in spec.models), ", ".join(varied), spec.title

    return tuple(map(row, sweep_names()))


def _suites() -> Rows:
    from accelsim.evaluate.validate import suites

    return tuple((name,) for name in suites())


KINDS: dict[str, tuple[tuple[str, ...], Callable[[], Rows]]] = {
    "models": (("model", "tasks", "title"), _models),
    "hardware": (("hardware", "board", "title"), _hardware),
    "ops": (("op", "PyTorch calls", "ONNX operators", "engine", "cost", "saved"), _ops),
    "passes": (("pass", "does"), _passes),
    "boards": (("board", "part", ">DSP", ">BRAM36", ">URAM", ">LUT", ">FF"), _boards),
    "suites": (("suite",), _suites),
    "sweeps": (("sweep", "models", "varies", "title"), _sweeps),
}


NOTES: dict[str, Callable[[], str]] = {"ops": _ops_note}
"""What stands below the table of a kind."""


@click.command("list")
@click.argument("kind", type=click.Choice(list(KINDS)))
@format_option("table", "json", "csv")
def list_names(kind: str, form: str) -> None:
    """List the models, hardware descriptions, ops, boards, validation suites or sweeps that accelsim knows.

    For ops the list is the coverage matrix: which front end makes each, how it runs, what it costs, how it is exported.
    """
    headings, make = KINDS[kind]
    rows = make()
    names = [heading.removeprefix(">") for heading in headings]
    if form == "json":
        print_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1) + "\n")
    elif form == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([names, *rows])
        print_text(text.getvalue())
    else:
        print_report((), [Table("", headings, rows, NOTES[kind]() if kind in NOTES else "")])

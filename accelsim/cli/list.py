"""`accelsim list`: what there is to name."""

from __future__ import annotations

import json
from collections.abc import Callable

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
    import accelsim.ops  # noqa: F401  registers them
    from accelsim.ops.registry import all_ops

    return tuple((op.name, ", ".join(op.inputs), ", ".join(op.outputs)) for op in all_ops())


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


def _suites() -> Rows:
    from accelsim.evaluate.validate import suites

    return tuple((name,) for name in suites())


KINDS: dict[str, tuple[tuple[str, ...], Callable[[], Rows]]] = {
    "models": (("model", "tasks", "title"), _models),
    "hardware": (("hardware", "board", "title"), _hardware),
    "ops": (("op", "inputs", "outputs"), _ops),
    "boards": (("board", "part", ">DSP", ">BRAM36", ">URAM", ">LUT", ">FF"), _boards),
    "suites": (("suite",), _suites),
}


@click.command("list")
@click.argument("kind", type=click.Choice(list(KINDS)))
@format_option("table", "json")
def list_names(kind: str, form: str) -> None:
    """List the models, hardware descriptions, ops, boards or validation suites that accelsim knows."""
    headings, make = KINDS[kind]
    rows = make()
    if form == "json":
        names = [heading.removeprefix(">") for heading in headings]
        print_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1) + "\n")
    else:
        print_report((), [Table("", headings, rows)])

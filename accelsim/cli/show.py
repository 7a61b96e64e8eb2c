"""`accelsim show`: one model's graph, or every number of one hardware description."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelsim.cli.options import format_option, input_options, parsed_settings
from accelsim.cli.output import print_report, print_text
from accelsim.report.table import Notes, Section, Table
from accelsim.units import format_value

if TYPE_CHECKING:
    from accelsim.frontends.inputs import InputOptions
    from accelsim.hw.quantity import Quantity
    from accelsim.hw.schema import Hardware


@click.group("show")
def show() -> None:
    """Show a model's graph, or the numbers of a hardware description and where they come from."""


@show.command("model")
@click.argument("name")
@click.option("--task", metavar="T", help="The task; by default the model's first.")
@click.option("--depth", type=click.IntRange(min=0), default=3, show_default=True, help="Levels of modules to show.")
@click.option("--graph", is_flag=True, help="Print the graph instead, one node a line.")
@input_options
@format_option("table", "json")
def show_model(*, name: str, task: str | None, depth: int, graph: bool, options: InputOptions, form: str) -> None:
    """Print the modules of model NAME with their shapes, parameters, MACs and bytes.

    NAME is a name of `accelsim list models`, file.py:builder or file.onnx. Weights are neither made nor read where a
    builder can do without. A model with operators that accelsim lacks gets the list of all of them, and exit code 3.
    """
    from accelsim.errors import CoverageError, UnsupportedError
    from accelsim.evaluate.load import load_model
    from accelsim.evaluate.overview import overview
    from accelsim.ir.text import graph_text
    from accelsim.report.overview import coverage_json, coverage_sections, overview_sections, overview_verdict

    try:
        loaded = load_model(name, task=task, options=options, weights=False)
    except CoverageError as error:
        count = len(error.missing)
        verdict = f"{error.model}: {count} operator{'s' if count > 1 else ''} missing"
        if form == "json":
            print_text(coverage_json(error))
        else:
            print_report((verdict,), coverage_sections(error))
        raise UnsupportedError(f"{verdict}; nothing was left out, so the model was not taken over") from None
    if graph:
        print_text(graph_text(loaded.graph))
        return
    shown = overview(loaded)
    if form == "json":
        print_text(shown.dumps())
    else:
        print_report(overview_verdict(shown), overview_sections(shown, depth=depth))


@show.command("hw")
@click.argument("name")
@click.option("-s", "--set", "settings", metavar="PATH=VALUE", multiple=True, help="Replace a value; repeatable.")
def show_hardware(name: str, settings: tuple[str, ...]) -> None:
    """Print the numbers of hardware NAME (or of a YAML file), each with its kind, range and source."""
    from accelsim.hw.load import load_hardware

    hardware = load_hardware(name, parsed_settings(settings))
    lines = (f"{hardware.name} on {hardware.board.name}: {hardware.title}", f"digest {hardware.digest[:16]}")
    print_report(lines, _sections(hardware))


def _sections(hardware: Hardware) -> list[Section]:
    given = [(path, quantity) for path, quantity in hardware.quantities() if quantity.kind != "default"]
    texts = {text: f"[{number}]" for number, text in enumerate(dict.fromkeys(q.text for _, q in given), 1)}
    rows = tuple(
        (
            path,
            format_value(quantity.value, quantity.dimension),
            quantity.kind,
            _range(quantity),
            texts[quantity.text],
        )
        for path, quantity in given
    )
    counts = ", ".join(f"{count} {kind}" for kind, count in hardware.provenance_counts().items())
    notes = (
        ("Where the numbers come from", tuple(f"{mark} {text}" for text, mark in texts.items())),
        ("Sources", hardware.sources),
        ("Notes", hardware.notes),
        ("Not modelled", hardware.not_modelled),
    )
    return [
        Table("Placement", ("op", "unit"), tuple(hardware.placement.items())),
        Table("Numbers", ("path", ">value", "kind", "range", "from"), rows, f"{counts}."),
        *(Notes(title, lines) for title, lines in notes if lines),
    ]


def _range(quantity: Quantity[int] | Quantity[float]) -> str:
    if quantity.low == quantity.high:
        return ""
    return " - ".join(format_value(end, quantity.dimension) for end in (quantity.low, quantity.high))

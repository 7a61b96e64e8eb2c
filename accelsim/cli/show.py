"""`accelsim show`: one model's graph, or every number of one hardware description."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from accelsim.cli.options import input_options, parsed_inputs, parsed_settings
from accelsim.cli.output import print_report, print_text
from accelsim.cli.show_plan import show_plan
from accelsim.cli.show_zeros import show_zeros
from accelsim.report.table import Notes, Section, Table
from accelsim.units import format_value

if TYPE_CHECKING:
    from accelsim.hw.quantity import Quantity
    from accelsim.hw.schema import Hardware


@click.group("show")
def show() -> None:
    """Show a model's graph, the numbers of a hardware description, or how the one is laid out on the other."""


@show.command("model")
@click.argument("name")
@click.option("--task", metavar="T", help="The task; by default the model's first.")
@input_options
def show_model(name: str, task: str | None, shapes: tuple[str, ...], batch: int | None, inputs: Path | None) -> None:
    """Print the graph of model NAME (a name, file.py:builder or file.onnx), one node a line."""
    options = parsed_inputs(shapes, batch, inputs)
    from accelsim.evaluate.load import load_model
    from accelsim.ir.text import graph_text

    print_text(graph_text(load_model(name, task=task, options=options).graph))


@show.command("hw")
@click.argument("name")
@click.option("-s", "--set", "settings", metavar="PATH=VALUE", multiple=True, help="Replace a value; repeatable.")
def show_hardware(name: str, settings: tuple[str, ...]) -> None:
    """Print the numbers of hardware NAME (or of a YAML file), each with its kind, range and source."""
    from accelsim.hw.load import load_hardware

    hardware = load_hardware(name, parsed_settings(settings))
    lines = (f"{hardware.name} on {hardware.board.name}: {hardware.title}", f"digest {hardware.digest[:16]}")
    print_report(lines, _sections(hardware))


show.add_command(show_plan)
show.add_command(show_zeros)


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
    placement = tuple(
        (op, unit if isinstance(unit, str) else ", ".join(unit)) for op, unit in hardware.placement.items()
    )
    counts = ", ".join(f"{count} {kind}" for kind, count in hardware.provenance_counts().items())
    notes = (
        ("Where the numbers come from", tuple(f"{mark} {text}" for text, mark in texts.items())),
        ("Sources", hardware.sources),
        ("Notes", hardware.notes),
        ("Not modelled", hardware.not_modelled),
    )
    return [
        Table("Placement", ("op", "unit"), placement),
        Table("Numbers", ("path", ">value", "kind", "range", "from"), rows, f"{counts}."),
        *(Notes(title, lines) for title, lines in notes if lines),
    ]


def _range(quantity: Quantity[int] | Quantity[float]) -> str:
    if quantity.low == quantity.high:
        return ""
    return " - ".join(format_value(end, quantity.dimension) for end in (quantity.low, quantity.high))

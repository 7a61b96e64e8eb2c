"""`accelsim show zeros`: which zeros the weights of a model have, and which pattern they follow."""

from __future__ import annotations

import click

from accelsim.cli.output import print_report
from accelsim.report.table import Table


@click.command("zeros")
@click.argument("name")
@click.option("--task", metavar="T", help="The task; by default the model's first.")
@click.option("--all", "every", is_flag=True, help="List weights without zeros too.")
def show_zeros(name: str, task: str | None, every: bool) -> None:
    """Print the share of non-zeros of each weight of model NAME, and the pattern in the words of --sparsity."""
    from accelsim.evaluate.load import load_model
    from accelsim.mapping.sparsity_found import found_zeros, overall_density

    found = found_zeros(load_model(name, task=task).graph)
    shown = [one for one in found if every or one.pattern != "dense"]
    rows = tuple(
        (one.node, one.parameter, f"{one.outputs} x {one.inputs}", f"{100 * one.density:.2f}", one.pattern)
        for one in shown
    )
    dense = sum(1 for one in found if one.pattern == "dense")
    verdict = f"{name}: {100 * overall_density(found):.2f} % of the values of {len(found)} weights are not zero"
    note = f"{dense} of {len(found)} weights have no zeros." if found else "No weight that a sparse format could store."
    columns = ("node", "parameter", ">outputs x inputs", ">not zero %", "pattern")
    print_report((verdict,), [Table("Zeros", columns, rows, note)])

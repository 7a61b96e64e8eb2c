"""`accelsim show plan`: how a model is laid out on a hardware."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from accelsim.cli.options import (
    ASSUMPTIONS,
    format_option,
    hardware_argument,
    input_options,
    mapping_option,
    model_argument,
    parsed_settings,
    quiet_option,
)
from accelsim.cli.output import print_report, print_text
from accelsim.cli.progress import progress

if TYPE_CHECKING:
    from accelsim.frontends.inputs import InputOptions


@click.command("plan")
@model_argument
@hardware_argument
@click.option("--task", metavar="T", help="The task; by default the model's first.")
@click.option("-s", "--set", "settings", metavar="PATH=VALUE", multiple=True, help="Replace a value; repeatable.")
@click.option(
    "--activity",
    metavar="FILE|" + "|".join(ASSUMPTIONS),
    default="uniform",
    show_default=True,
    help="Where the routing of tokens to experts comes from.",
)
@click.option("--sparsity", metavar="FILE|PATTERN", help="Zeros to assume, as for `accelsim simulate`.")
@mapping_option
@click.option("--all", "every", is_flag=True, help="A row for every part, also of repeated blocks.")
@input_options
@format_option("table", "json", "csv", "yaml")
@quiet_option
def show_plan(
    *,
    model: str,
    hardware: str,
    task: str | None,
    settings: tuple[str, ...],
    activity: str,
    sparsity: str | None,
    mapping: Path | None,
    every: bool,
    options: InputOptions,
    form: str,
    quiet: bool,
) -> None:
    """Print how MODEL is laid out on HARDWARE: tiles, order of loops, what is held, passes, room in the buffers.

    --format yaml prints a `mapping` section that fixes every choice as it is here: give it back with --mapping, or
    put it into a hardware file.
    """
    overrides = parsed_settings(settings)
    from accelsim.evaluate import api
    from accelsim.report.plan import plan_headline, plan_sections

    with progress(quiet=quiet) as step:
        plan = api.plan_spec(
            model,
            hardware,
            task=task,
            overrides=overrides,
            activity=activity,
            sparsity=sparsity,
            mapping=mapping,
            options=options,
            progress=step,
        )
    if form == "table":
        print_report(plan_headline(plan), plan_sections(plan, every=every))
        return
    forms = {"json": lambda: json.dumps(plan.to_json(), indent=1) + "\n", "csv": plan.to_csv, "yaml": plan.to_yaml}
    print_text(forms[form]())

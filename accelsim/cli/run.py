"""`accelsim run`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from accelsim.cli.options import (
    chosen_tasks,
    format_option,
    input_options,
    parsed_settings,
    quiet_option,
    scenario_options,
)
from accelsim.cli.output import print_report, print_text
from accelsim.cli.progress import progress
from accelsim.errors import DoesNotFitError, ToleranceError

if TYPE_CHECKING:
    from accelsim.frontends.inputs import InputOptions
    from accelsim.results.result import Result


@click.command("run")
@scenario_options("recorded")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write the report into this folder.")
@click.option("--trace/--no-trace", default=True, show_default=True, help="Write trace.json for Perfetto.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Compare with PyTorch and ONNX Runtime.")
@click.option("--allow-unfit", is_flag=True, help="Report even when the design does not fit the board.")
@input_options
@format_option("table", "json")
@quiet_option
def run(
    *,
    model: str,
    hardware: str,
    task: str | None,
    tasks: str | None,
    settings: tuple[str, ...],
    activity: str,
    out: Path | None,
    trace: bool,
    verify: bool,
    allow_unfit: bool,
    options: InputOptions,
    form: str,
    quiet: bool,
) -> None:
    """Trace MODEL, execute it, verify its numbers, time it on HARDWARE and report.

    MODEL is a name of `accelsim list models`, file.py:builder or file.onnx, HARDWARE a name of `accelsim
    list hardware` or a YAML file. With --out the folder gets report.txt, result.json, nodes.csv, latency.png and
    trace.json.
    """
    sequence, overrides = chosen_tasks(task, tasks), parsed_settings(settings)
    from accelsim.evaluate import api
    from accelsim.report.text import report_sections
    from accelsim.report.verdict import verdict
    from accelsim.report.write import check_run_folder, write_run_report

    if out is not None:
        check_run_folder(out)
    with progress(quiet=quiet) as step:
        result = api.run_main_job(
            model,
            hardware,
            task=task,
            tasks=sequence,
            overrides=overrides,
            activity=activity,
            verify=verify,
            allow_unfit=allow_unfit,
            options=options,
            progress=step,
        )
        _require_fit(result, allow_unfit)
        if out is not None:
            step(f"writing {out}")
            write_run_report(result, out, trace=trace)
    if form == "json":
        print_text(result.dumps())
    else:
        print_report(verdict(result), report_sections(result))
    if result.equivalence is not None and not result.equivalence.ok:
        raise ToleranceError("the outputs are not those of the other engines; see 'Outputs beside other engines'")


def _require_fit(result: Result, allow_unfit: bool) -> None:
    from accelsim.report.verdict import verdict

    if result.fits or allow_unfit:
        return
    for line in (*verdict(result), *(f"does not fit: {failure.text()}" for failure in result.misfits)):
        click.echo(line, err=True)
    where = result.board or result.hardware
    raise DoesNotFitError(f"{result.hardware} does not fit {where}; nothing was written (--allow-unfit reports anyway)")

"""`accelsim calibrate`: fit a few constants to measurements."""

from __future__ import annotations

import json
from pathlib import Path

import click

from accelsim.cli.options import format_option, hardware_argument, quiet_option
from accelsim.cli.output import print_report, print_text
from accelsim.cli.progress import progress
from accelsim.errors import InputError


@click.command("calibrate")
@hardware_argument
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="MEASURED.csv")
@click.option(
    "--free", required=True, metavar="PATH,...", help="The constants to fit, such as memories.ddr.efficiency."
)
@click.option("--holdout", type=int, metavar="K", help="Hold every K-th row out of the fit, to see the error on it.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.yaml",
    help="Where to write the overlay; by default HARDWARE-calibrated.yaml in this folder.",
)
@click.option("--force", is_flag=True, help="Replace an overlay that is there.")
@format_option("table", "json")
@quiet_option
def calibrate(
    *,
    hardware: str,
    file: Path,
    free: str,
    holdout: int | None,
    out: Path | None,
    force: bool,
    form: str,
    quiet: bool,
) -> None:
    """Fit a few numbers of HARDWARE to measured latencies and write an overlay that extends it.

    MEASURED.csv has a column model and a column latency_s, and may have task, batch, activity, settings
    (PATH=VALUE;...), id and split (fit or holdout). The values found are 'calibrated' and name their rows, which
    `accelsim validate measured --rows` then does not score.
    """
    target = out or Path(f"{Path(hardware).stem}-calibrated.yaml")
    if target.exists() and not force:
        raise InputError(f"{target}: is there already; give another --out, or --force to replace it")
    from accelsim.evaluate import api
    from accelsim.report.calibration import calibration_headline, calibration_sections

    with progress(quiet=quiet) as step:
        found = api.calibrate(
            hardware,
            file,
            [path.strip() for path in free.split(",") if path.strip()],
            holdout=holdout,
            out=target,
            progress=step,
        )
        step(f"writing {target}")
        try:
            target.write_text(found.overlay, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{target}: cannot be written: {error.strerror}") from error
    if form == "json":
        print_text(json.dumps({**found.to_json(), "file": str(target)}, indent=1) + "\n")
    else:
        print_report(calibration_headline(found), calibration_sections(found))

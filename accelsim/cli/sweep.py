"""`accelsim sweep`: many points into a folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from accelsim.cli.options import quiet_option
from accelsim.cli.output import print_report, print_text
from accelsim.cli.progress import point_progress
from accelsim.errors import FailedPointsError, InputError

if TYPE_CHECKING:
    from accelsim.sweep.run import Shard
    from accelsim.sweep.spec import SweepSpec


@click.command("sweep")
@click.argument("file", metavar="FILE")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the points; FILE's name + .sweep."
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Cores to use.")
@click.option("--resume", is_flag=True, help="Go on with a sweep; an error where there is none.")
@click.option("--shard", metavar="I/N", help="Do the I-th of N shares: one job of a job array.")
@click.option("--scheduler", metavar="ADDRESS", help="Let the workers of a Dask scheduler do it, tcp://host:port.")
@click.option("--dry-run", is_flag=True, help="Say how many points there are and how long they take; print the first.")
@click.option("--emit", type=click.Choice(["slurm", "lsf", "sge"]), help="Print the script of a job array instead.")
@click.option("--shards", type=click.IntRange(min=1), default=8, show_default=True, metavar="N", help="For --emit.")
@click.option("--strict", is_flag=True, help="Exit code 4 when a point failed.")
@quiet_option
def sweep(
    *,
    file: str,
    out: Path | None,
    jobs: int,
    resume: bool,
    shard: str | None,
    scheduler: str | None,
    dry_run: bool,
    emit: str | None,
    shards: int,
    strict: bool,
    quiet: bool,
) -> None:
    """Time all points of a sweep FILE into a folder of Parquet parts.

    Finished parts are never run again: killed at any moment, the same command goes on. FILE is a path or the name of
    a sweep that ships with accelsim (`accelsim list sweeps`).
    """
    from accelsim.sweep.job_array import job_array
    from accelsim.sweep.load import load_sweep
    from accelsim.sweep.run import Shard
    from accelsim.sweep.spec import Search

    spec = load_sweep(file)
    folder = out or Path(f"{spec.name}.sweep")
    if isinstance(spec.strategy, Search) and (shard is not None or scheduler is not None or emit is not None):
        raise click.UsageError(
            f"strategy {spec.strategy.kind} proposes points from those before: it runs in one process, "
            "without --shard, --scheduler and --emit; use --jobs"
        )
    if shard is not None and scheduler is not None:
        raise click.UsageError("--shard and --scheduler exclude each other")
    if emit is not None:
        print_text(job_array(emit, file=file, folder=folder, name=spec.name, shards=shards, jobs=jobs))
        return
    if dry_run:
        _preview(spec, jobs)
        return
    if resume and not (folder / "sweep.json").is_file():
        raise InputError(f"--resume: {folder} holds no sweep")
    failed = _run(spec, folder, jobs, Shard.parse(shard) if shard else None, scheduler, quiet=quiet)
    if failed and strict:
        raise FailedPointsError(f"{failed:,} points failed; see column 'failure' of {folder}")


def _run(spec: SweepSpec, folder: Path, jobs: int, shard: Shard | None, scheduler: str | None, *, quiet: bool) -> int:
    from accelsim.sweep.accuracy import measured_columns, not_measured
    from accelsim.sweep.run import run
    from accelsim.sweep.store import open_store

    counted = partial(point_progress, quiet=quiet)
    tally = run(spec, folder, jobs=jobs, shard=shard, scheduler=scheduler, counted=counted)
    told = f"{tally.found:,} points, {tally.failed:,} failed, {tally.left_out:,} left out by where"
    print_text(f"{folder}: {told}; {tally.before:,} were there before\n")
    if spec.accuracy is not None and tally.found:
        frame = open_store(folder).read(["model", "task", "precision", *measured_columns(spec)])
        for line in not_measured(spec, frame):
            click.echo(f"accelsim: {line}", err=True)
    return tally.failed


def _preview(spec: SweepSpec, jobs: int) -> None:
    from accelsim.report.sweep import preview_sections
    from accelsim.sweep.preview import preview

    seen = preview(spec, jobs=jobs)
    sections = preview_sections(
        spec.name,
        points=seen.points,
        before_where=seen.before_where,
        seconds=seen.seconds,
        cores=jobs,
        first=seen.first,
        varied=seen.varied,
    )
    print_report((), sections)

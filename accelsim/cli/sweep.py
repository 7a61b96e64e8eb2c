"""`accelsim sweep`: many points into a folder."""

from __future__ import annotations

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
    from accelsim.sweep.run import Shard
    from accelsim.sweep.spec import load_sweep

    spec = load_sweep(file)
    folder = out or Path(f"{spec.name}.sweep")
    if emit is not None:
        print_text(job_array(emit, file=file, folder=folder, name=spec.name, shards=shards, jobs=jobs))
        return
    if dry_run:
        _preview(spec)
        return
    if resume and not (folder / "sweep.json").is_file():
        raise InputError(f"--resume: {folder} holds no sweep")
    if shard is not None and scheduler is not None:
        raise click.UsageError("--shard and --scheduler exclude each other")
    failed = _run(spec, folder, jobs, Shard.parse(shard) if shard else Shard(), scheduler, quiet=quiet)
    if failed and strict:
        raise FailedPointsError(f"{failed:,} points failed; see column 'failure' of {folder}")


def _run(spec: SweepSpec, folder: Path, jobs: int, shard: Shard, scheduler: str | None, *, quiet: bool) -> int:
    from accelsim.sweep.run import prepare, run_here, run_on_dask
    from accelsim.sweep.search import run_search
    from accelsim.sweep.spec import Search

    parts, store = prepare(spec, folder)
    searching = isinstance(spec.strategy, Search)
    wanted = [] if searching else store.missing(shard.parts(len(parts)))
    total = parts.points if searching else parts.points_of(wanted)
    found = skipped = failed = 0
    with point_progress(total, quiet=quiet) as advance:

        def done(points: int, failures: int, asked: int) -> None:
            nonlocal found, skipped, failed
            found, failed, skipped = found + points, failed + failures, skipped + asked - points
            advance(asked)

        if searching:
            run_search(parts, store, jobs=jobs, done=done)
        elif scheduler is None:
            run_here(parts, store, wanted, jobs=jobs, done=done)
        else:
            run_on_dask(parts, store, wanted, address=scheduler, done=done)
    told = (
        f"{folder}: {found:,} points, {failed:,} failed, {skipped:,} left out by where; "
        f"{parts.points - total:,} were there before"
    )
    print_text(f"{told}\n")
    return failed


def _preview(spec: SweepSpec) -> None:
    from accelsim.report.sweep import preview_sections
    from accelsim.sweep.preview import preview

    seen = preview(spec)
    sections = preview_sections(
        spec.name,
        points=seen.points,
        before_where=seen.before_where,
        seconds=seen.seconds,
        first=seen.first,
        varied=seen.varied,
    )
    print_report((), sections)

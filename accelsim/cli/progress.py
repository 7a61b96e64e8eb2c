"""Progress of long steps on stderr: a spinner on a terminal, one plain line a step elsewhere, of steps that are counted
one now and then."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Step = Callable[[str], None]
"""Called with the name of the step that begins."""


@contextmanager
def progress(*, quiet: bool) -> Iterator[Step]:
    """Hands out the function that announces a step."""
    if quiet:
        yield lambda step: None
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _spinner() as announce:
            yield announce
    else:
        yield _plain_steps()


@contextmanager
def _spinner() -> Iterator[Step]:
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    current: list[tuple[str, float]] = []

    def finish() -> None:
        for step, started in current:
            console.print(f"{time.perf_counter() - started:6.1f} s  {step}", style="dim", markup=False)
        current.clear()

    with console.status("starting") as status:

        def announce(step: str) -> None:
            finish()
            current.append((step, time.perf_counter()))
            status.update(step)

        yield announce
        finish()


_PLAIN_EVERY_S = 20.0


def _plain_steps() -> Step:
    """A line a step; of steps under one head ('zu9: row 1 of 9', 'zu9: row 2 of 9') the first, then one every 20 s."""
    said: dict[str, float] = {}

    def announce(step: str) -> None:
        head, counted, _ = step.partition(": ")
        now = time.perf_counter()
        if not counted or now - said.get(head, -math.inf) >= _PLAIN_EVERY_S:
            said[head] = now
            click.echo(f"accelsim: {step}", err=True)

    return announce


@contextmanager
def point_progress(total: int, *, quiet: bool, unit: str = "points") -> Iterator[Callable[[int], None]]:
    """Hands out the function that counts points, or what `unit` says: a bar with rate and remaining time on a terminal,
    elsewhere a plain line now and then."""
    if quiet or not total:
        yield lambda points: None
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        rate = TextColumn(f"{{task.fields[rate]}} {unit}/s")
        columns = (TaskProgressColumn(), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(unit, total=total, rate="-")
            started = time.perf_counter()

            def advance(points: int) -> None:
                bar.advance(task, points)
                seconds = max(time.perf_counter() - started, 1e-9)
                bar.update(task, rate=f"{bar.tasks[0].completed / seconds:,.0f}")

            yield advance
    else:
        yield _plain_count(total, unit)


def _plain_count(total: int, unit: str) -> Callable[[int], None]:
    started = said = time.perf_counter()
    count = 0

    def advance(points: int) -> None:
        nonlocal said, count
        count += points
        now = time.perf_counter()
        if now - said >= _PLAIN_EVERY_S or count == total:
            said = now
            rate = count / max(now - started, 1e-9)
            left = (total - count) / rate
            click.echo(f"accelsim: {count:,} of {total:,} {unit}, {rate:,.0f} a second, {left:,.0f} s left", err=True)

    return advance

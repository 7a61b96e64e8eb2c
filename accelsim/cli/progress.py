"""Progress of long steps on stderr: a spinner on a terminal, one plain line a step elsewhere."""

from __future__ import annotations

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
        yield lambda step: click.echo(f"accelsim: {step}", err=True)


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

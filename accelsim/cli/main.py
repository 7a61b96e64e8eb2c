"""The entry point `accelsim`: the table of commands, and how every run ends.

Exit codes: 0 ok, 1 a bug of ours, 2 bad input or usage, 3 does not fit or unsupported, 4 failed points under --strict,
5 out of tolerance, 130 interrupted, 141 the reader of stdout went away, 143 terminated.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence

import click

from accelsim.cli.group import LazyCommand, LazyGroup
from accelsim.errors import AccelsimError
from accelsim.version import VERSION

INTERRUPTED = 130
BROKEN_PIPE = 141
_OUTPUT_ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EBADF)

COMMANDS = {
    "run": LazyCommand("accelsim.cli.run:run", "trace, execute, verify, time and report a model on hardware"),
    "simulate": LazyCommand("accelsim.cli.simulate:simulate", "time a model on hardware, without executing it"),
    "verify": LazyCommand("accelsim.cli.verify:verify", "compare our outputs with PyTorch's and ONNX Runtime's"),
    "evaluate": LazyCommand("accelsim.cli.evaluate:evaluate", "the accuracy of a model on held-out data"),
    "sweep": LazyCommand("accelsim.cli.sweep:sweep", "time many points of models, variants and hardware"),
    "pareto": LazyCommand("accelsim.cli.pareto:pareto", "the points of a sweep that no other beats"),
    "report": LazyCommand("accelsim.cli.report:report", "one HTML file of a sweep"),
    "compare": LazyCommand("accelsim.cli.compare:compare", "what changed between two runs or two hardware files"),
    "validate": LazyCommand("accelsim.cli.validate:validate", "published numbers beside simulated ones"),
    "calibrate": LazyCommand("accelsim.cli.calibrate:calibrate", "fit a few constants of hardware to measurements"),
    "check": LazyCommand("accelsim.cli.check:check", "check hardware files"),
    "show": LazyCommand("accelsim.cli.show:show", "show a model's graph, a hardware file, or a plan"),
    "list": LazyCommand("accelsim.cli.list:list_names", "list models, hardware, ops, boards, suites or sweeps"),
    "schema": LazyCommand("accelsim.cli.schema:schema", "the JSON schema of hardware files, for editors"),
    "doctor": LazyCommand("accelsim.cli.doctor:doctor", "check this installation"),
    "warmup": LazyCommand("accelsim.cli.warmup:warmup", "compile the kernels now, so that the first run is fast"),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of a bug (or set ACCELSIM_DEBUG=1).")
@click.version_option(VERSION, message="accelsim %(version)s")
def cli(debug: bool) -> None:
    """One graph, timed on an accelerator and executed for its numbers.

    \b
    accelsim run m3vit-tiny edge-moe-zcu102 --task semseg --out reports/m3vit-edge-moe
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; no exception leaves this function."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (lives as long as the process)
    ended: list[int] = []
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: _terminated(number, ended))
    try:
        with cli.make_context("accelsim", list(words)) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        return _usage(error)
    except AccelsimError as error:
        for line in str(error).splitlines():
            click.echo(f"accelsim: error: {line}", err=True)
        if error.exit_code == 1:
            _trace(words)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("accelsim: interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit; give it a place that takes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except MemoryError:
        click.echo("accelsim: error: not enough memory on this machine; try a smaller model or input", err=True)
        return 3
    except OSError as error:
        if error.errno not in _OUTPUT_ERRORS:
            return _bug(error, words)
        click.echo(f"accelsim: error: the output cannot be written: {error.strerror}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except Exception as error:
        if ended:  # compiled code that was interrupted can make another error of it
            return ended[0]
        return _bug(error, words)
    return 0


def _terminated(number: int, ended: list[int]) -> None:
    """End as an exception does, so that child processes and half-written files are cleaned up."""
    ended.append(128 + number)
    raise SystemExit(128 + number)


def _bug(error: Exception, words: Sequence[str]) -> int:
    click.echo(f"accelsim: error: this is a bug of accelsim: {type(error).__name__}: {error}", err=True)
    _trace(words)
    return 1


def _usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    hint = f" (see '{context.command_path} --help')" if context is not None else ""
    click.echo(f"accelsim: error: {error.format_message()}{hint}", err=True)
    return 2


def _trace(words: Sequence[str]) -> None:
    if "--debug" in words or os.environ.get("ACCELSIM_DEBUG", "") not in ("", "0"):
        traceback.print_exc()
    else:
        click.echo("accelsim: run it as 'accelsim --debug ...' to see the traceback", err=True)

"""`accelsim verify`: our outputs beside those of other engines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from accelsim.cli.options import format_option, input_options, model_argument, quiet_option
from accelsim.cli.output import print_report, print_text
from accelsim.cli.progress import progress
from accelsim.errors import ToleranceError, did_you_mean

if TYPE_CHECKING:
    from accelsim.frontends.inputs import InputOptions

ENGINES = ("torch", "onnxruntime")


@click.command("verify")
@model_argument
@click.option("--task", metavar="T", help="The task to verify; by default all of the model's.")
@click.option(
    "--against",
    metavar="ENGINE,...",
    help=f"What to compare with: {', '.join(ENGINES)}; by default all that can run the model.",
)
@input_options
@format_option("table", "json")
@quiet_option
def verify(
    *,
    model: str,
    task: str | None,
    against: str | None,
    options: InputOptions,
    form: str,
    quiet: bool,
) -> None:
    """Execute MODEL and compare every node's output with PyTorch's and ONNX Runtime's.

    An ONNX file is compared with ONNX Runtime running that file.

    Ends with exit code 5 when an output is outside the tolerance.
    """
    engines = None if against is None else _engines(against)
    from accelsim.evaluate.load import load_model
    from accelsim.evaluate.verify import verify_model
    from accelsim.report.evidence import EQUIVALENCE_TITLE, equivalence_sections
    from accelsim.report.verdict import correctness
    from accelsim.results.equivalence import equivalence_to_json

    with progress(quiet=quiet) as step:
        step(f"tracing {model}")
        loaded = load_model(model, task=task, options=options)
        tasks = (loaded.task,) if task is not None else (loaded.tasks or (loaded.task,))
        found = {}
        for name in tasks:
            step(f"comparing {name} with {', '.join(engines)}" if engines else f"comparing {name or model}")
            one = loaded if name == loaded.task else load_model(model, task=name, options=options)
            found[name] = verify_model(one, against=engines, progress=step)
    if form == "json":
        record = {"model": model, "tasks": {name: equivalence_to_json(found[name]) for name in found}}
        print_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
    else:
        lines = tuple(f"{_titled(loaded.model, name)}  {correctness(found[name])}" for name in found)
        sections = [
            section
            for name, equivalence in found.items()
            for section in equivalence_sections(
                equivalence, title=", ".join(part for part in (EQUIVALENCE_TITLE, name) if part), detailed=True
            )
        ]
        print_report(lines, sections)
    bad = [name for name, equivalence in found.items() if not equivalence.ok]
    if bad:
        named = ", ".join(name or loaded.model for name in bad)
        raise ToleranceError(f"{model}: the outputs of {named} are not those of the other engines")


def _titled(model: str, task: str) -> str:
    return f"{model} ({task})" if task else model


def _engines(against: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in against.split(","))
    for name in names:
        if name not in ENGINES:
            raise click.UsageError(f"--against: '{name}' is not an engine{did_you_mean(name, ENGINES)}")
    return names

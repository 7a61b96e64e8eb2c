"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from accelsim.frontends.inputs import InputOptions

Command = TypeVar("Command", bound=Callable[..., Any])


ASSUMPTIONS = ("uniform", "skewed", "concentrated", "worst-case")
"""Activities that need no execution; a file gives one that was recorded or published."""


def _known_model(context: click.Context, _: click.Parameter, name: str) -> str:
    """Raises InputError for what is no model, before anything is imported that may have to compile."""
    from accelsim.frontends.modelspec import find_model
    from accelsim.frontends.topology import SUFFIX

    if not context.resilient_parsing and not name.endswith(SUFFIX):
        find_model(name)
    return name


def _known_hardware(context: click.Context, _: click.Parameter, name: str) -> str:
    """As `_known_model`; of a file, that it is there."""
    from accelsim.hw.load import hardware_path

    if not context.resilient_parsing:
        hardware_path(name)
    return name


model_argument = click.argument("model", callback=_known_model)
hardware_argument = click.argument("hardware", callback=_known_hardware)


def scenario_options(default_activity: str) -> Callable[[Command], Command]:
    """MODEL HARDWARE and the options that say what is run on it."""
    decorators = (
        model_argument,
        hardware_argument,
        click.option("--task", metavar="T", help="The task to run; by default the model's first."),
        click.option("--tasks", metavar="T,U,...", help="A sequence of frames, each of one task."),
        click.option(
            *("-s", "--set", "settings"),
            metavar="PATH=VALUE",
            multiple=True,
            help="Replace a value of the hardware file, such as units.linear.rows=2; repeatable.",
        ),
        click.option(
            "--activity",
            metavar="FILE|" + "|".join(dict.fromkeys((default_activity, *ASSUMPTIONS))),
            default=default_activity,
            show_default=True,
            help="Where the routing of tokens to experts comes from.",
        ),
        click.option(
            "--sparsity",
            metavar="FILE|PATTERN",
            help="Zeros to assume: a YAML file, or n:m=2:4, unstructured=0.1, block=4x4:0.5, structured=0.7, "
            "activations=0.4; by default those that the weights have.",
        ),
    )
    return _stacked(decorators)


mapping_option = click.option(
    "--mapping",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PLAN.yaml",
    help="Fixed tile sizes, as `accelsim show plan --format yaml` prints them.",
)

quiet_option = click.option("--quiet", is_flag=True, help="No progress on stderr.")


def input_options(command: Command) -> Command:
    """--shape, --batch and --inputs, for models that leave their inputs open; --from and --to, for a part of one.

    The command gets them as `options`.
    """
    decorators = (
        click.option(
            "--shape",
            "shapes",
            metavar="NAME=SIZE",
            multiple=True,
            help="Size of an open dimension of an ONNX model, or an input's shape as 1x3x224x224; repeatable.",
        ),
        click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Size of open first dimensions."),
        click.option(
            "--inputs",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE.npz",
            help="Values of inputs of an ONNX model by name; others are seeded.",
        ),
        click.option(
            *("--from", "start"),
            metavar="NODE",
            multiple=True,
            help="Take the part of the model from this node on; repeatable. What crosses the cut becomes an input.",
        ),
        click.option(
            *("--to", "stop"),
            metavar="NODE",
            multiple=True,
            help="Take the part of the model up to this node, whose results become its outputs; repeatable.",
        ),
    )
    return _stacked(decorators)(_parsing(command))


def _parsing(command: Command) -> Command:
    """The command, called with the words of its inputs as `options`."""

    @functools.wraps(command)
    def called(
        *,
        shapes: Sequence[str],
        batch: int | None,
        inputs: Path | None,
        start: Sequence[str],
        stop: Sequence[str],
        **others: Any,
    ) -> Any:
        return command(options=parsed_inputs(shapes, batch, inputs, start=start, stop=stop), **others)

    return called  # type: ignore[return-value]


def parsed_inputs(
    shapes: Sequence[str],
    batch: int | None,
    inputs: Path | None,
    *,
    start: Sequence[str] = (),
    stop: Sequence[str] = (),
) -> InputOptions:
    """The words of these options. Raises click.UsageError for a word of --shape that is not NAME=SIZE."""
    from accelsim.frontends.inputs import input_options as options

    sizes: dict[str, tuple[int, ...]] = {}
    for word in shapes:
        name, equals, value = word.rpartition("=")
        numbers = value.replace(",", "x").split("x")
        if not equals or not name or not all(number.isascii() and number.isdigit() for number in numbers):
            raise click.UsageError(f"--shape {word!r} is not NAME=SIZE, such as seq=128 or pixels=1x3x224x224")
        sizes[name] = tuple(int(number) for number in numbers)
    return options(sizes, batch, inputs, start=start, stop=stop)


def format_option(*names: str) -> Callable[[Command], Command]:
    """--format with the given names, the first being the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="Form of the output.",
    )


def chosen_tasks(task: str | None, tasks: str | None) -> tuple[str, ...]:
    """The sequence of --tasks, or nothing. Raises click.UsageError when both options are given."""
    if tasks is None:
        return ()
    if task is not None:
        raise click.UsageError("--task and --tasks exclude each other")
    names = tuple(name.strip() for name in tasks.split(","))
    if not all(names):
        raise click.UsageError(f"--tasks {tasks!r} has an empty name; write it as semseg,depth,semseg")
    return names


def parsed_settings(
    settings: Sequence[str], *, option: str = "-s", example: str = "links.weights.port_width='256 bit'"
) -> dict[str, object]:
    """'-s a.b=c' words as a dict, values read as in a hardware file.

    Raises click.UsageError for a word without '=' and for a path given twice.
    """
    from accelsim.hw.document import parse_scalar

    values: dict[str, object] = {}
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals or not path.strip():
            raise click.UsageError(f"{option} {setting!r} is not PATH=VALUE, such as {option} {example}")
        if path.strip() in values:
            raise click.UsageError(f"{option} {path.strip()} is given twice")
        values[path.strip()] = parse_scalar(value.strip())
    return values


def _stacked(decorators: Sequence[Callable[[Any], Any]]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate

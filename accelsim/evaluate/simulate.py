"""Timing a named model on a named hardware: what `simulate`, `validate` and the second half of `run` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from accelsim.errors import DoesNotFitError, InputError
from accelsim.evaluate.levers import levers, remedies
from accelsim.evaluate.load import load_model
from accelsim.evaluate.plan import plan_of
from accelsim.evaluate.ranges import spread
from accelsim.evaluate.stops import stops
from accelsim.frontends.catalogue import LoadedModel
from accelsim.frontends.inputs import InputOptions
from accelsim.frontends.modelspec import ModelSpec
from accelsim.hw.load import load_hardware
from accelsim.hw.mapping_file import with_mapping
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, Graph
from accelsim.mapping.names import check_names
from accelsim.results import Alternative, Result
from accelsim.results.plan import Plan
from accelsim.shipped import shipped_dir
from accelsim.sim.assumption import activity_for, routed_nodes, sparsity_for
from accelsim.sim.simulate import result_of
from accelsim.sim.timing import Frame, time_frames
from accelsim.sim.totals import totals
from accelsim.sim.worst_case import worst_case
from accelsim.units import format_seconds

_REMEDIES = 6
WORST_CASE = "worst-case"
WORST_CASE_BOUND = "bound: no routing takes longer"

Progress = Callable[[str], None]


def silent(message: str) -> None:
    """Progress that nobody watches."""


def simulate_spec(
    model: str,
    hardware: str,
    *,
    task: str | None = None,
    tasks: Sequence[str] = (),
    overrides: Mapping[str, object] | None = None,
    activity: str = "uniform",
    sparsity: str | None = None,
    mapping: Path | None = None,
    allow_unfit: bool = True,
    with_levers: bool = False,
    options: InputOptions | None = None,
    progress: Progress = silent,
) -> Result:
    """Time one frame, or the frames of `tasks` in order, without computing numbers or touching weights.

    `activity` is an assumption (uniform, skewed, concentrated), `worst-case` (a routing that comes near the proven
    bound over all routings, which is among the `alternatives`), a file, or the name of one that ships with accelsim.
    `sparsity` declares zeros that the weights or activations have (see `sim.assumption.sparsity_for`). `mapping` is a
    file with tile sizes to use; `with_levers` adds what changes of the hardware gain and where resources stop helping.
    Raises InputError for what is unknown, UnsupportedError and DoesNotFitError where the hardware cannot run it.
    """
    if activity == "recorded":
        raise InputError("activity 'recorded' needs an execution: use `accelsim run`, or give a file or 'uniform'")
    described = hardware_for(hardware, overrides, mapping)
    names = tuple(tasks) or (task,)
    weights = _reads_weights(activity, described)
    loaded = load_tasks(model, names, options=options, progress=progress, weights=weights)
    order, bound = framed(loaded, names, activity, sparsity, described)
    progress(f"timing on {described.name}")
    try:
        result = timed(order, described, with_levers=with_levers, progress=progress)
    except DoesNotFitError as error:
        raise (_with_remedies(error, order, described) if with_levers else error) from None
    result = replace(
        result,
        alternatives=(*result.alternatives, *bound),
        assumptions=(*about_model(loaded[names[0]].spec), *result.assumptions),
    )
    return checked_fit(result, allow_unfit)


def about_model(spec: ModelSpec) -> tuple[str, ...]:
    """What the catalogue says of a model, for the assumptions of a result: what was pruned, seeded or reconstructed."""
    return tuple(f"model: {text}" for text in (spec.title, *spec.notes) if text)


def _with_remedies(error: DoesNotFitError, frames: Sequence[Frame], hardware: Hardware) -> DoesNotFitError:
    """The error, and the changes that were simulated and would make the design run."""
    lines = [str(error)]
    for lever in remedies(frames, hardware)[:_REMEDIES]:
        settings = " ".join(f"-s '{path}={value}'" for path, value in lever.settings.items())
        fits = "fits" if lever.fits else f"does not fit: {lever.reason}"
        lines.append(f"with {lever.name} it runs in {format_seconds(lever.latency_s or 0.0)} ({fits}): {settings}")
    if len(lines) == 1:
        lines.append("no single change that was tried makes it run")
    return DoesNotFitError("\n".join(lines), error.failures)


def plan_spec(
    model: str,
    hardware: str,
    *,
    task: str | None = None,
    overrides: Mapping[str, object] | None = None,
    activity: str = "uniform",
    sparsity: str | None = None,
    mapping: Path | None = None,
    options: InputOptions | None = None,
    progress: Progress = silent,
) -> Plan:
    """How one frame is laid out on the hardware. Raises what `simulate_spec` raises."""
    described = hardware_for(hardware, overrides, mapping)
    weights = _reads_weights(activity, described)
    loaded = load_tasks(model, (task,), options=options, progress=progress, weights=weights)
    (frame,), _ = framed(loaded, (task,), activity, sparsity, described)
    return plan_of(frame, described)


def _reads_weights(activity: str, hardware: Hardware) -> bool:
    """Whether a timing depends on the values of weights: an activity file says on which it was recorded, and units that
    skip zeros count them."""
    return activity.endswith(".json") or any(unit.sparse for unit in hardware.units.values())


def load_tasks(
    model: str,
    names: Sequence[str | None],
    *,
    options: InputOptions | None,
    progress: Progress,
    weights: bool = True,
) -> dict[str | None, LoadedModel]:
    """The model for each distinct task, in order of first use (None: its first task); see `load_model`."""
    loaded: dict[str | None, LoadedModel] = {}
    for name in dict.fromkeys(names):
        progress(f"loading {model}{f' for {name}' if name else ''}")
        loaded[name] = load_model(model, task=name, options=options, weights=weights)
        if loaded[name].note:
            progress(loaded[name].note)
    return loaded


def hardware_for(name: str, overrides: Mapping[str, object] | None = None, mapping: Path | None = None) -> Hardware:
    """A hardware description whose names of ops have been checked too; `mapping` is a file with tile sizes to use.
    Raises InputError."""
    described = load_hardware(name, dict(overrides or {}))
    check_names(described, name, overridden=tuple(overrides or ()))
    if mapping is not None:
        described = with_mapping(described, mapping)
    return described


def activity_of(graph: Graph, activity: str, sparsity: str | None = None) -> Activity | None:
    """The activity that an assumption, a shipped name or a path stands for, on this graph, with declared zeros.
    Raises InputError."""
    declared = sparsity_for(graph, sparsity) if sparsity else None
    shipped = shipped_dir("models") / "activity" / f"{activity}.json"
    return activity_for(graph, str(shipped) if shipped.is_file() else activity, declared)


def framed(
    loaded: Mapping[str | None, LoadedModel],
    names: Sequence[str | None],
    activity: str,
    sparsity: str | None,
    hardware: Hardware,
) -> tuple[list[Frame], tuple[Alternative, ...]]:
    """The frames of tasks `names` with an activity; for the worst case also what no routing exceeds on `hardware`."""
    bounded = activity == WORST_CASE
    assumed = "uniform" if bounded else activity
    frames = {name: frame_of(one, activity_of(one.graph, assumed, sparsity)) for name, one in loaded.items()}
    order = [frames[name] for name in names]
    if not bounded or not any(routed_nodes(frame.graph) for frame in order):
        return order, ()
    found = worst_case(order, hardware)
    return list(found.frames), (Alternative(WORST_CASE_BOUND, found.cycles, found.latency_s),)


def frame_of(loaded: LoadedModel, activity: Activity | None) -> Frame:
    return Frame(loaded.task, loaded.graph, activity)


def timed(
    frames: Sequence[Frame],
    hardware: Hardware,
    *,
    trace: bool = False,
    with_levers: bool = False,
    progress: Progress = silent,
) -> Result:
    """A result with the ranges that the hardware's estimates allow, how far the latency depends on the routing, and,
    if asked for, what would help."""
    timing = time_frames(frames, hardware)
    result = result_of(timing, trace=trace)
    nominal = totals(timing)
    found = spread(frames, hardware, nominal)
    result = replace(
        result,
        ranges=found.ranges,
        sensitivities=found.effects,
        assumptions=(*result.assumptions, *_left_out(found.left_out)),
        alternatives=_alternatives(frames, hardware),
    )
    if not with_levers:
        return result
    progress("trying what would help")
    return replace(result, levers=levers(frames, timing, nominal), stops=stops(frames, timing))


def _left_out(paths: Sequence[str]) -> Iterator[str]:
    if paths:
        yield f"ranges leave out {', '.join(paths)}: the design cannot run at both ends of them (see sensitivities)"


def _alternatives(frames: Sequence[Frame], hardware: Hardware) -> tuple[Alternative, ...]:
    """The same frames under other routings; nothing where no node routes."""
    if not any(routed_nodes(frame.graph) for frame in frames):
        return ()
    found = []
    ordered = hardware.schedule.experts.order == "expert-major"  # the only order that it is made for
    for assumption in ("uniform", "skewed", *(("concentrated",) if ordered else ())):
        assumed = [replace(frame, activity=_other_routing(frame, assumption)) for frame in frames]
        cycles = time_frames(assumed, hardware).cycles
        found.append(Alternative(assumption, cycles, cycles / hardware.clock_hz))
    return tuple(found)


def _other_routing(frame: Frame, assumption: str) -> Activity | None:
    return activity_for(frame.graph, assumption, frame.activity.sparsity if frame.activity is not None else None)


def checked_fit(result: Result, allow_unfit: bool) -> Result:
    """The result, if it fits or need not. Raises DoesNotFitError with every failure."""
    if result.fits or allow_unfit:
        return result
    raise DoesNotFitError("\n".join(failure.text() for failure in result.misfits), result.misfits)

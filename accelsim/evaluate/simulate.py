"""Timing a named model on a named hardware: what `simulate`, `validate` and the second half of `run` share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from accelsim.errors import DoesNotFitError, InputError
from accelsim.evaluate.load import load_model
from accelsim.evaluate.ranges import latency_range
from accelsim.frontends.catalogue import LoadedModel
from accelsim.frontends.inputs import InputOptions
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, FrozenMap, Graph
from accelsim.mapping.names import check_names
from accelsim.results import Alternative, Range, Result
from accelsim.shipped import shipped_dir
from accelsim.sim.assumption import activity_for, routed_nodes
from accelsim.sim.simulate import simulate_frames
from accelsim.sim.timing import Frame, time_frames

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
    allow_unfit: bool = True,
    options: InputOptions | None = None,
    progress: Progress = silent,
) -> Result:
    """Time one frame, or the frames of `tasks` in order, without computing numbers or touching weights.

    `activity` is an assumption (uniform, skewed, worst-case), a file, or the name of one that ships with accelsim.
    Raises InputError for what is unknown, UnsupportedError and DoesNotFitError where the hardware cannot run it.
    """
    if activity == "recorded":
        raise InputError("activity 'recorded' needs an execution: use `accelsim run`, or give a file or 'uniform'")
    described = hardware_for(hardware, overrides)
    names = tuple(tasks) or (task,)
    recorded = activity.endswith(".json")  # on a graph with weights, and it says on which
    loaded = load_tasks(model, names, options=options, progress=progress, weights=recorded)
    frames = {name: frame_of(one, activity_of(one.graph, activity)) for name, one in loaded.items()}
    progress(f"timing on {described.name}")
    return checked_fit(timed([frames[name] for name in names], described), allow_unfit)


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


def hardware_for(name: str, overrides: Mapping[str, object] | None = None) -> Hardware:
    """A hardware description whose names of ops have been checked too. Raises InputError."""
    described = load_hardware(name, dict(overrides or {}))
    check_names(described)
    return described


def activity_of(graph: Graph, activity: str) -> Activity | None:
    """The activity that an assumption, a shipped name or a path stands for, on this graph. Raises InputError."""
    shipped = shipped_dir("models") / "activity" / f"{activity}.json"
    return activity_for(graph, str(shipped) if shipped.is_file() else activity)


def frame_of(loaded: LoadedModel, activity: Activity | None) -> Frame:
    return Frame(loaded.task, loaded.graph, activity)


def timed(frames: Sequence[Frame], hardware: Hardware, *, trace: bool = False) -> Result:
    """A result with the range that the hardware's estimates allow, and how far the latency depends on the routing."""
    result = simulate_frames(frames, hardware, trace=trace)
    spread = latency_range(frames, hardware)
    ranges = {"latency_s": spread.total, **_energy_ranges(result, spread.total)}
    return replace(
        result,
        ranges=FrozenMap(ranges),
        alternatives=_alternatives(frames, hardware),
        provenance=replace(result.provenance, estimates=spread.effects),
    )


def _energy_ranges(result: Result, latency: Range) -> dict[str, Range]:
    """Ends of the energy of each scope: its constants at their ends, over the shortest and the longest run."""
    shortest, longest = latency.low / result.latency_s, latency.high / result.latency_s
    scopes = {name: result.ranges[f"energy_{name}_j"] for name in result.energy}
    found = {
        f"energy_{name}_j": Range(r.low * min(1.0, shortest), r.high * max(1.0, longest)) for name, r in scopes.items()
    }
    chip = [found[f"energy_{name}_j"] for name in ("accelerator_dynamic", "dram", "device_static")]
    found["energy_j"] = Range(sum(r.low for r in chip), sum(r.high for r in chip))
    return found


def _alternatives(frames: Sequence[Frame], hardware: Hardware) -> tuple[Alternative, ...]:
    """The same frames under other routings; nothing where no node routes."""
    if not any(routed_nodes(frame.graph) for frame in frames):
        return ()
    found = []
    ordered = hardware.schedule.experts.order == "expert-major"  # the only order that worst-case is made for
    for assumption in ("uniform", "skewed", *(("worst-case",) if ordered else ())):
        assumed = [replace(frame, activity=activity_for(frame.graph, assumption)) for frame in frames]
        cycles = time_frames(assumed, hardware).cycles
        found.append(Alternative(assumption, cycles, cycles / hardware.clock_hz))
    return tuple(found)


def checked_fit(result: Result, allow_unfit: bool) -> Result:
    """The result, if it fits or need not. Raises DoesNotFitError with every failure."""
    if result.fits or allow_unfit:
        return result
    raise DoesNotFitError("; ".join(failure.text() for failure in result.misfits))

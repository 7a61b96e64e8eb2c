"""Timing every sample of a data set: the engine runs it, the simulator times the routing that it recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from accelsim.engine import compile
from accelsim.errors import UnsupportedError
from accelsim.evaluate.accuracy import ALL
from accelsim.evaluate.data import Split, load_data, read_split
from accelsim.evaluate.load import load_model
from accelsim.evaluate.predictions import Counting, batches, uncounted
from accelsim.evaluate.simulate import Progress, hardware_for, silent
from accelsim.frontends.catalogue import LoadedModel
from accelsim.frontends.inputs import InputOptions
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity
from accelsim.results.distribution import Distribution, SampleTimes
from accelsim.sim.assumption import routed_nodes
from accelsim.sim.timing import Frame, time_frames
from accelsim.sim.worst_case import worst_case
from accelsim.version import VERSION

__all__ = ["distribution"]


def distribution(
    model: str,
    hardware: str,
    data: str | Path,
    *,
    task: str | None = None,
    split: str = "test",
    limit: int | None = None,
    overrides: Mapping[str, object] | None = None,
    mapping: Path | None = None,
    options: InputOptions | None = None,
    threads: int = 2,
    progress: Progress = silent,
    counting: Counting = uncounted,
) -> Distribution:
    """Execute each sample and time it with the routing that it took; beside them a bound over all routings.

    `data` is prepared data by name or folder, of which `split` is taken, or an .npz file with an array for each input,
    samples on the first axis. `task` is by default each task of the model. `limit` takes the first samples. Raises
    InputError for what is unknown or does not fit together, and what the simulator raises for a node it cannot run.
    """
    described = hardware_for(hardware, overrides, mapping)
    name, samples = _samples(data, split)
    samples = samples.head(limit) if limit else samples
    times = []
    for loaded in _loaded(model, task, described, options, progress):
        progress(f"running and timing {len(samples):,} samples{f' for {loaded.task}' if loaded.task else ''}")
        with counting(len(samples)) as done:
            times.append(_times(loaded, samples, described, threads, done))
    return Distribution(
        model=loaded.graph.name,
        hardware=described.name,
        data=name,
        split=samples.name,
        clock_hz=described.clock_hz,
        tasks=tuple(times),
        graph_digest=loaded.graph.digest,
        hardware_digest=described.digest,
        data_digest=samples.digest,
        accelsim_version=VERSION,
    )


def _samples(data: str | Path, split: str) -> tuple[str, Split]:
    path = Path(data)
    if path.suffix != ".npz":
        found = load_data(data)
        return found.name, found.split(split)
    return path.name, read_split(path, "all")


def _loaded(
    model: str, task: str | None, hardware: Hardware, options: InputOptions | None, progress: Progress
) -> Iterator[LoadedModel]:
    """The model for the task asked for or, one after the other, for each of its own. It has weights if they matter."""
    skips_zeros = any(unit.sparse for unit in hardware.units.values())
    progress(f"loading {model}{f' for {task}' if task else ''}")
    first = load_model(model, task=task, options=options, weights=skips_zeros)
    weights = skips_zeros or bool(routed_nodes(first.graph))
    for name in [first.task, *(other for other in first.tasks if task is None and other not in {first.task, ALL})]:
        if name != first.task:
            progress(f"loading {model} for {name}")
        yield load_model(model, task=name or None, options=options, weights=weights)


def _times(
    loaded: LoadedModel, samples: Split, hardware: Hardware, threads: int, done: Callable[[int], None]
) -> SampleTimes:
    graph = loaded.graph
    if not routed_nodes(graph):
        cycles = time_frames([Frame(loaded.task, graph)], hardware).cycles
        done(len(samples))
        return SampleTimes(loaded.task, (cycles,) * len(samples), routed=False, bound_cycles=cycles)
    executable = compile(graph, threads=threads)
    found: list[int] = []
    for inputs, count in batches(graph, samples):
        activity: Activity = executable(inputs).activity
        found += [time_frames([Frame(loaded.task, graph, activity)], hardware).cycles] * count
        done(count)
    try:
        bound = worst_case([Frame(loaded.task, graph)], hardware)
    except UnsupportedError as error:
        return SampleTimes(loaded.task, tuple(found), routed=True, reason=str(error))
    return SampleTimes(loaded.task, tuple(found), routed=True, bound_cycles=bound.cycles)

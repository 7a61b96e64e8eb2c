"""What the command line and `import accelsim` call: one function a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from accelsim.engine import compile
from accelsim.evaluate.calibrate import calibrate
from accelsim.evaluate.simulate import (
    Progress,
    about_model,
    frame_of,
    framed,
    hardware_for,
    load_tasks,
    plan_spec,
    silent,
    simulate_spec,
    timed,
)
from accelsim.evaluate.validate import suites, validate_suites
from accelsim.evaluate.verify import verify_model
from accelsim.frontends.inputs import InputOptions
from accelsim.ir import Activity, FrozenMap
from accelsim.results import Alternative, Equivalence, Executor, Result
from accelsim.sim.assumption import sparsity_for
from accelsim.sim.simulate import simulate_frames

__all__ = ["calibrate", "plan_spec", "run_main_job", "simulate_spec", "suites", "validate_suites"]

THREADS = 2


def run_main_job(
    model: str,
    hardware: str,
    *,
    task: str | None = None,
    tasks: Sequence[str] = (),
    overrides: Mapping[str, object] | None = None,
    activity: str = "recorded",
    sparsity: str | None = None,
    mapping: Path | None = None,
    verify: bool = True,
    allow_unfit: bool = False,
    with_levers: bool = True,
    options: InputOptions | None = None,
    progress: Progress = silent,
) -> Result:
    """Trace, execute, verify, and time with the activity that the execution recorded.

    `sparsity` declares zeros for the timing; what is executed are the weights as they are.
    `mapping` is a file with tile sizes to use; `with_levers` adds what changes of the hardware would gain.
    Over a sequence of tasks each distinct task is executed and verified once; the record of the first is kept.
    A design that does not fit comes back with `fits` false, and without `allow_unfit` nothing is executed for it.
    Raises what the steps raise (see `load_model`, `verify_model`, `simulate_frames`).
    """
    described = hardware_for(hardware, overrides, mapping)
    names = tuple(tasks) or (task,)
    loaded = load_tasks(model, names, options=options, progress=progress)
    if not allow_unfit:
        assumed = "uniform" if activity == "recorded" else activity
        expected = simulate_frames(framed(loaded, names, assumed, sparsity, described)[0], described)
        if not expected.fits:
            return expected
    activities: dict[str | None, Activity | None] = {}
    bound: tuple[Alternative, ...] = ()
    if activity != "recorded":
        assumed_frames, bound = framed(loaded, names, activity, sparsity, described)
        activities = {name: frame.activity for name, frame in zip(names, assumed_frames, strict=True)}
    executors: list[Executor] = []
    equivalences = []
    for name, one in loaded.items():
        progress(f"executing {one.task or one.model}")
        executable = compile(one.graph, threads=THREADS)
        executable(dict(one.inputs))  # the first call pays for cold caches
        run = executable(dict(one.inputs))
        executors.append(Executor(run.latency_s, run.peak_bytes, THREADS, tuple(executable.plan.fallbacks)))
        recorded = replace(run.activity, source=f"recorded by the engine on the example input of {one.model}")
        declared = sparsity_for(one.graph, sparsity) if sparsity else None
        recorded = replace(recorded, sparsity=declared)
        if activity == "recorded":
            activities[name] = recorded
        if verify:
            equivalences.append(verify_model(one, executable=executable, progress=progress))
    progress(f"timing on {described.name}")
    frames = {name: frame_of(one, activities[name]) for name, one in loaded.items()}
    order = [frames[name] for name in names]
    result = timed(order, described, trace=True, with_levers=with_levers, progress=progress)
    kept = {loaded[name].task: found for name, found in activities.items() if found is not None}
    return replace(
        result,
        executor=executors[0],
        equivalence=_worst(equivalences),
        activities=FrozenMap(kept),
        alternatives=(*result.alternatives, *bound),
        assumptions=(*about_model(loaded[names[0]].spec), *result.assumptions),
    )


def _worst(found: Sequence[Equivalence]) -> Equivalence | None:
    """One record for several tasks: of each engine the entry that is furthest from ours."""
    if not found:
        return None
    by_engine = zip(*(equivalence.entries for equivalence in found), strict=True)
    entries = tuple(max(entries, key=lambda entry: (not entry.ok, entry.max_rel_err)) for entries in by_engine)
    widest = max(found, key=lambda one: one.tolerance)
    return replace(widest, entries=entries, inputs_differ=all(one.inputs_differ for one in found))

"""Running a planned graph: checked inputs in; outputs, activity and measurements out."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from accelsim.engine.arena import Arena
from accelsim.engine.kernel import NUMPY_TYPES, Array
from accelsim.engine.plan import Plan, make_plan
from accelsim.engine.routed import RoutedNode, forced_ids, mixing_nodes, routed_nodes
from accelsim.engine.team import Team, one_blas_thread
from accelsim.errors import AccelsimError, InputError, InternalError, did_you_mean
from accelsim.ir import Activity, FrozenMap, Graph


@dataclass(frozen=True)
class Run:
    """What one execution gave.

    `latency_s` is wall time from checked inputs to outputs, copies for `kept` included. `peak_bytes` is
    planned, not measured: `plan.arena_bytes + plan.weight_bytes + plan.scratch_bytes`, each told at `Plan`.
    """

    outputs: dict[str, Array]
    activity: Activity
    latency_s: float
    peak_bytes: int
    kept: dict[str, Array] = field(default_factory=dict)


def compile(graph: Graph, *, threads: int = 2) -> Executable:
    """Plan `graph` for this CPU and `threads` threads; results do not depend on their number.

    Raises UnsupportedError where the graph needs number formats that the engine lacks.
    """
    from accelsim.engine.table import KERNELS  # brings Numba, which only those who execute should wait for

    if threads < 1:
        raise InputError(f"threads is {threads}, needs at least 1")
    return Executable(make_plan(graph, KERNELS, Team(threads)), graph, threads=threads)


class Executable:
    """A planned graph. Any number of threads may call it: each call has an arena of its own."""

    def __init__(self, plan: Plan, graph: Graph, *, threads: int) -> None:
        self.plan = plan
        self.graph = graph
        self.threads = threads
        self._routed: Mapping[str, RoutedNode] = routed_nodes(plan)
        self._mixing: Mapping[str, str] = mixing_nodes(plan)
        self._idle: list[Arena] = []

    def __call__(
        self,
        inputs: Mapping[str, Array] | Array,
        *,
        routing: Activity | None = None,
        keep: Collection[str] | str | None = None,
        finite: bool = True,
    ) -> Run:
        """Execute. `routing` gives the experts that tokens must take; gates are then read at those.

        `keep` names tensors to copy ('all': every node's outputs and the inputs). Without `finite` inputs may
        hold infinities and NaN. Raises InputError for inputs that do not fit the graph or must be finite and
        are not, and for a routing that does not fit its nodes.
        """
        arrays = self._checked(inputs, finite)
        forced = {} if routing is None else forced_ids(self._routed, routing)
        wanted = self._wanted(keep)
        try:
            arena = self._idle.pop()
        except IndexError:
            arena = Arena(self.plan)
        try:
            return self._run(arena, arrays, forced, wanted)
        finally:
            self._idle.append(arena)

    def _run(
        self, arena: Arena, inputs: Mapping[str, Array], forced: Mapping[str, Array], wanted: Collection[str]
    ) -> Run:
        routed: dict[str, tuple[Array, Array]] = {}
        shares: dict[str, Array] = {}
        kept = {name: arena.arrays[name].copy() for name in wanted if name in self.plan.constants}
        at_step = self._kept_at(wanted)
        started = time.perf_counter()
        for name, array in inputs.items():
            np.copyto(arena.arrays[name], array)
        kept |= {name: arena.arrays[name].copy() for name in at_step.get(-1, ())}
        with np.errstate(all="ignore"), one_blas_thread():
            for bound in arena:
                node = bound.step.node
                try:
                    bound.run(forced.get(node.name))
                except AccelsimError as error:
                    raise type(error)(f"node '{node.name}': {error}") from error
                except (ArithmeticError, LookupError, ValueError, TypeError) as error:
                    raise InternalError(f"node '{node.name}' ({node.op}) failed: {error}") from error
                if node.name in self._routed:
                    routed[node.name] = self._routed[node.name].copies(arena.arrays)
                if node.name in self._mixing:
                    shares[node.name] = arena.arrays[self._mixing[node.name]].copy()
                for name in at_step.get(bound.step.index, ()):
                    kept[name] = arena.arrays[name].copy()
        outputs = {name: arena.arrays[name].copy() for name in self.graph.outputs}
        latency_s = time.perf_counter() - started
        activity = Activity(
            source="forced" if forced else "engine",
            routings=FrozenMap({name: self._routed[name].routing(*pair) for name, pair in routed.items()}),
            graph_digest=self.graph.digest,
            kernel_shares=FrozenMap({name: tuple(map(tuple, rows.tolist())) for name, rows in shares.items()}),
        )
        return Run(outputs, activity, latency_s, self.plan.peak_bytes, kept)

    def _checked(self, inputs: Mapping[str, Array] | Array, finite: bool) -> dict[str, Array]:
        """Inputs by name, of the graph's shapes and formats, `finite` if wanted. Raises InputError."""
        graph = self.graph
        if not isinstance(inputs, Mapping):
            if len(graph.inputs) != 1:
                names = ", ".join(graph.inputs)
                raise InputError(f"graph '{graph.name}' has {len(graph.inputs)} inputs, give them by name: {names}")
            inputs = {graph.inputs[0]: inputs}
        for name in inputs:
            if name not in graph.inputs:
                raise InputError(f"graph '{graph.name}' has no input '{name}'{did_you_mean(name, graph.inputs)}")
        checked: dict[str, Array] = {}
        for name in graph.inputs:
            if name not in inputs:
                raise InputError(f"graph '{graph.name}' needs input '{name}'")
            array, tensor = inputs[name], graph.tensors[name]
            dtype = NUMPY_TYPES[tensor.dtype]
            if not isinstance(array, np.ndarray):
                raise InputError(f"input '{name}' is a {type(array).__name__}, needs a NumPy array")
            if array.shape != tensor.shape or array.dtype != dtype:
                raise InputError(
                    f"input '{name}' is {array.dtype} {list(array.shape)}, needs {dtype} {list(tensor.shape)}"
                )
            if finite and not np.isfinite(array).all():
                bad = int(array.size - np.isfinite(array).sum())
                raise InputError(f"input '{name}' has {bad} of {array.size} values that are infinite or NaN")
            checked[name] = array
        return checked

    def _wanted(self, keep: Collection[str] | str | None) -> tuple[str, ...]:
        if keep is None:
            return ()
        made = [*self.graph.inputs, *(name for node in self.graph.nodes for name in node.outputs)]
        if keep == "all":
            return tuple(made)
        names = (keep,) if isinstance(keep, str) else tuple(keep)
        for name in names:
            if name not in made:
                raise InputError(f"cannot keep '{name}': no node makes it{did_you_mean(name, made)}")
        return names

    def _kept_at(self, wanted: Collection[str]) -> dict[int, list[str]]:
        """Tensors to copy after each step, as soon as the bytes they lie in are written."""
        found: dict[int, list[str]] = {}
        for name in wanted:
            if name not in self.plan.constants:
                found.setdefault(self.plan.written[name], []).append(name)
        return found

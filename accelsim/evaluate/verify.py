"""Are the numbers right: our engine beside PyTorch and ONNX Runtime, on two inputs, node by node.

Of models whose tensors are too many to be held several times over, the outputs alone are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from accelsim.engine import Executable, Run, compile
from accelsim.engine.compare import (
    Comparison,
    Difference,
    NodeComparison,
    compare_nodes,
    compare_outputs,
    compare_tensor,
)
from accelsim.errors import AccelsimError
from accelsim.evaluate.flips import flip_margins, router_inputs, routing_tensors, told_routings
from accelsim.evaluate.peers import (
    IN_DOUBLE,
    Peer,
    PeerResult,
    RunningPeer,
    peer_outputs,
    peers_of,
    running_peers,
)
from accelsim.frontends.catalogue import LoadedModel
from accelsim.ir import Graph
from accelsim.ir.activity import Activity
from accelsim.ir.dtype import BFLOAT16, FLOAT16
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.weights import Array
from accelsim.results.equivalence import Equivalence, EquivalenceEntry, NodeDifference

_WORST = 5

NODE_BY_NODE_BYTES = 3 * 2**29
"""Two runs in each of three engines hold all tensors: 1.5 GiB of them are 9 GiB."""

TOLERANCE = 1e-4
MOST_TOLERANCE = 1e-3
_TIMES_ROUNDING = 3  # two engines that round at other places, and what a few inputs do not show
_ROUNDINGS = 8  # engines round at other places; single errors of a rounding add up over the depth of a model
_HALF_SPACING = {FLOAT16: 2.0**-11, BFLOAT16: 2.0**-8}


def tolerance_of(graph: Graph) -> float:
    """The error that is allowed by default: 1e-4, or eight roundings of the coarsest float format in the graph."""
    used = {tensor.dtype for tensor in graph.tensors.values()}
    return max([TOLERANCE, *(_ROUNDINGS * error for dtype, error in _HALF_SPACING.items() if dtype in used)])


def compares_nodes(graph: Graph) -> bool:
    """Whether the graph is small enough to be compared node by node."""
    made = (graph.tensors[name].size_bytes for node in graph.nodes for name in node.outputs if name)
    return sum(made) <= NODE_BY_NODE_BYTES


@dataclass(frozen=True)
class _OnInput:
    """Our run beside a peer's on one input; `forced` is ours with the peer's routing, if a token flipped.

    `nodes` is None where the outputs alone are compared.
    """

    outputs: Comparison
    nodes: NodeComparison | None
    margins: tuple[float, ...] = ()
    forced: Comparison | None = None

    @property
    def differences(self) -> tuple[Difference, ...]:
        return self.nodes.differences if self.nodes is not None else ()


def verify_model(
    loaded: LoadedModel,
    *,
    against: Collection[str] | None = None,
    tolerance: float | None = None,
    nodes: bool | None = None,
    executable: Executable | None = None,
    progress: Callable[[str], None] | None = None,
) -> Equivalence:
    """Compare the engine with others (None: all that can run it) on both example inputs of a model.

    Each other engine runs in a process of its own, while ours runs here. Errors are max|a-b| / max|b|. None for
    `tolerance` stands for `tolerance_of` the graph; where outputs leave that, for three times what rounding alone does
    to PyTorch's outputs (beside its own in float64), at most 1e-3: deep networks amplify it. An engine is `ok` where
    the outputs are within `tolerance`; or, where tokens took other experts, if ours preferred its own by at most
    `tolerance` and the outputs agree once ours follows the other's routing.
    `first_bad` is then looked for under that routing. Without `nodes` (None: what `compares_nodes` says) the outputs
    alone are compared, which takes less memory. `executable` saves compiling the graph again. Raises InputError for an
    unknown engine, MissingExtraError for one that is not installed, and the error that an engine ends with.
    """
    tell = progress or (lambda step: None)
    usual = tolerance_of(loaded.graph)
    nodes = compares_nodes(loaded.graph) if nodes is None else nodes
    tensors = None if nodes else routing_tensors(loaded.graph)
    peers = peers_of(loaded, against)
    with TemporaryDirectory(prefix="accelsim-verify-") as folder:
        tell(f"running {', '.join(peer.name for peer in peers)} and our engine")
        with running_peers(loaded, peers, Path(folder), tensors=tensors) as running:
            exe = executable or compile(loaded.graph)
            inputs = (loaded.inputs, loaded.other_inputs)
            ours = tuple(exe(dict(given), keep="all" if nodes else None) for given in inputs)

            def compared(allowed: float, rounding: float | None = None) -> Equivalence:
                entries: list[EquivalenceEntry] = []
                differ = [_differ(ours[0].outputs, ours[1].outputs, allowed)]
                for peer_running in running:
                    tell(f"comparing with {peer_running.peer.name}")
                    theirs = peer_running.wait()
                    found = [
                        _compare(exe, dict(given), run, result, allowed, nodes=nodes)
                        for given, run, result in zip(inputs, ours, theirs, strict=True)
                    ]
                    entries.append(_entry(peer_running.peer, found, allowed))
                    differ.append(_differ(theirs[0].outputs, theirs[1].outputs, allowed))
                return Equivalence(tuple(entries), all(differ), allowed, rounding)

            equivalence = compared(usual if tolerance is None else tolerance)
            torch = next((one for one in running if one.peer.name == "torch"), None)
            agree = all(entry.ok for entry in equivalence.entries)
            if agree or tolerance is not None or usual > TOLERANCE or torch is None:
                return equivalence
            tell("running torch in float64, to see what rounding does")
            rounding = _rounding(loaded, torch, Path(folder))
            allowed = min(MOST_TOLERANCE, _TIMES_ROUNDING * rounding) if rounding is not None else usual
            return compared(allowed, rounding) if allowed > usual else equivalence


def _rounding(loaded: LoadedModel, torch: RunningPeer, folder: Path) -> float | None:
    """How far torch's outputs are from those it gives in float64; None for a module that has none in float64."""
    inputs = (loaded.inputs, loaded.other_inputs)
    try:
        exact = list(peer_outputs(loaded, IN_DOUBLE, inputs, folder))
    except AccelsimError:
        return None
    return max(
        compare_outputs(
            single.outputs,
            {name: array.astype(single.outputs[name].dtype) for name, array in double.items()},
            TOLERANCE,
        ).max_rel_err
        for single, double in zip(torch.wait(), exact, strict=True)
    )


def _compare(
    exe: Executable, inputs: dict[str, Array], ours: Run, theirs: PeerResult, tolerance: float, *, nodes: bool
) -> _OnInput:
    graph = exe.graph

    def compared(run: Run) -> NodeComparison | None:
        return compare_nodes(graph, run.kept, theirs.tensors, tolerance) if nodes else None

    outputs = compare_outputs(ours.outputs, theirs.outputs, tolerance)
    routings = told_routings(graph, theirs.tensors)
    if all(ours.activity.routings[name].ids == routing.ids for name, routing in routings.items()):
        return _OnInput(outputs, compared(ours))
    kept = "all" if nodes else router_inputs(graph)
    forced = exe(inputs, routing=Activity("peer", FrozenMap(routings)), keep=kept)
    return _OnInput(
        outputs,
        compared(forced),
        flip_margins(graph, ours.activity, routings, forced.kept),
        compare_outputs(forced.outputs, theirs.outputs, tolerance),
    )


def _entry(peer: Peer, found: list[_OnInput], tolerance: float) -> EquivalenceEntry:
    margins = tuple(margin for one in found for margin in one.margins)
    forced = [one.forced for one in found if one.forced is not None]
    bad = [one.nodes.first_bad for one in found if one.nodes is not None and one.nodes.first_bad is not None]
    worst = sorted((d for one in found for d in one.differences), key=lambda d: -d.max_rel_err)
    return EquivalenceEntry(
        engine=peer.name,
        max_abs_err=max(one.outputs.max_abs_err for one in found),
        max_rel_err=max(one.outputs.max_rel_err for one in found),
        ok=all(_ok(one, tolerance) for one in found),
        nodes_compared=min(len(one.differences) for one in found),
        first_bad=bad[0].node if bad else None,
        routing_flips=len(margins),
        flip_margins=margins,
        forced_ok=all(one.ok for one in forced) if forced else None,
        forced_max_rel_err=max(one.max_rel_err for one in forced) if forced else None,
        version=peer.version,
        worst=tuple(NodeDifference(d.name, d.max_abs_err, d.max_rel_err) for d in worst[:_WORST]),
    )


def _ok(one: _OnInput, tolerance: float) -> bool:
    if one.forced is None or one.outputs.ok:
        return one.outputs.ok
    return one.forced.ok and all(margin <= tolerance for margin in one.margins)


def _differ(first: Mapping[str, Array], second: Mapping[str, Array], tolerance: float) -> bool:
    """Whether two inputs gave outputs that the comparison would tell apart."""
    return any(
        not compare_tensor(name, np.asarray(first[name]), np.asarray(second[name]), tolerance).ok for name in first
    )

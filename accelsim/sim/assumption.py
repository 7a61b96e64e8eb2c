"""Activity without an execution: declared assumptions about routing and zeros, deterministic and named in reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from accelsim.errors import InputError, did_you_mean
from accelsim.hw.document import read_yaml
from accelsim.ir import Activity, FrozenMap, Graph, Routing, Sparsity, load_activity
from accelsim.ir.sparsity import parse_sparsity, sparsity_from_record
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import types_of


def routed_nodes(graph: Graph) -> dict[str, tuple[int, int, int]]:
    """Nodes whose work depends on the input: name -> (tokens, top_k, experts)."""
    found = {}
    for node in graph.nodes:
        shape = op_spec(node.op).routing_shape
        if shape is not None:
            found[node.name] = shape(types_of(graph, node), node.attrs)
    return found


def uniform(tokens: int, top_k: int, experts: int) -> Routing:
    """Token t takes the experts after those of token t-1, round and round: queues differ by one at most."""
    ids = tuple(tuple((token * top_k + k) % experts for k in range(top_k)) for token in range(tokens))
    return Routing.from_ids(ids, experts)


def skewed(tokens: int, top_k: int, experts: int) -> Routing:
    """Popularity falls as 1/rank (Zipf): each token takes the k experts that are furthest behind their share."""
    shares = [1.0 / (rank + 1) for rank in range(experts)]
    total = sum(shares)
    given = [0] * experts
    ids = []
    for token in range(tokens):
        due = [(token + 1) * top_k * share / total - count for share, count in zip(shares, given, strict=True)]
        row = sorted(range(experts), key=lambda expert: (-due[expert], expert))[:top_k]
        for expert in row:
            given[expert] += 1
        ids.append(tuple(row))
    return Routing.from_ids(tuple(ids), experts)


def concentrated(tokens: int, top_k: int, experts: int) -> Routing:
    """Every expert active, and the visits beyond one each on as few experts as possible, the last ones.

    Under expert-major order a layer takes the sum over experts of max(load of the next, cycles x queue): convex in
    the queues, more for each active expert, and the last expert has no load to hide. No slower routing is known there;
    `sim/worst_case.py` has a proven bound.
    """
    last = experts - 1
    spare = experts - top_k + 1
    ids = tuple(
        (*(last - k for k in range(top_k - 1)), last - (top_k - 1) - (token if token < spare else 0))
        for token in range(tokens)
    )
    return Routing.from_ids(ids, experts)


_ASSUMPTIONS: dict[str, tuple[Callable[[int, int, int], Routing], str]] = {
    "uniform": (uniform, "assumed uniform: all experts active, queues equal to one token"),
    "skewed": (skewed, "assumed skewed: popularity of experts falls as 1/rank"),
    "concentrated": (concentrated, "assumed concentrated: all experts active, most visits on the last ones"),
}


def activity_for(graph: Graph, spec: str, sparsity: Sparsity | None = None) -> Activity | None:
    """The activity that `spec` names, an assumption or a file, with the zeros that are declared. None for a graph that
    routes nothing and a scenario that declares no zeros.

    Raises InputError for an unknown name or a file that does not fit the graph.
    """
    found = _routing_for(graph, spec)
    if sparsity is None:
        return found
    return replace(found, sparsity=sparsity) if found is not None else Activity("", sparsity=sparsity)


def _routing_for(graph: Graph, spec: str) -> Activity | None:
    nodes = routed_nodes(graph)
    path = Path(spec)
    if not nodes:
        found = load_activity(path, nodes={}, graph_digest=graph.digest) if path.is_file() else None
        return found if found is not None and (found.sparsity or found.kernel_shares) else None
    if spec in _ASSUMPTIONS:
        make, source = _ASSUMPTIONS[spec]
        return Activity(source, FrozenMap({name: make(*shape) for name, shape in nodes.items()}))
    if spec == "worst-case":
        raise InputError(
            "'worst-case' depends on the hardware: use `accelsim simulate --activity worst-case`, or 'concentrated'"
        )
    if path.suffix != ".json" and not path.exists():
        raise InputError(
            f"'{spec}' is neither an activity file (.json) nor an assumption{did_you_mean(spec, _ASSUMPTIONS)}"
        )
    return load_activity(path, nodes=nodes, graph_digest=graph.digest)


def sparsity_for(graph: Graph, spec: str) -> Sparsity:
    """The zeros that `spec` declares: a YAML file, or a line such as `n:m=2:4` or `unstructured=0.1,activations=0.4`.

    Raises InputError for what does not read, and for a pattern of names that no parameter or node of `graph` has.
    """
    path = Path(spec)
    if path.suffix not in (".yaml", ".yml"):
        return parse_sparsity(spec)
    declared = sparsity_from_record(read_yaml(path).tree, where=str(path))
    nodes = [node.name for node in graph.nodes]
    for key, globs, names in (
        ("weights", [glob for glob, _ in declared.weights], list(graph.parameters)),
        ("activations", [glob for glob, _ in declared.activations], nodes),
    ):
        for glob in globs:
            if not any(fnmatchcase(name, glob) for name in names):
                raise InputError(f"{path}: {key}: '{glob}' matches nothing in {graph.name}{did_you_mean(glob, names)}")
    return declared

"""Activity without an execution: declared assumptions about routing, deterministic and named in every report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from accelsim.errors import InputError, did_you_mean
from accelsim.ir import Activity, FrozenMap, Graph, Routing, load_activity
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
    the queues, more for each active expert, and the last expert has no load to hide. No slower routing is known,
    which is less than a proof.
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
    "worst-case": (
        concentrated,
        "assumed worst case of expert-major order: all experts active, most visits on the last",
    ),
}


def activity_for(graph: Graph, spec: str) -> Activity | None:
    """The activity that `spec` names: an assumption or a file. None for a graph that routes nothing.

    Raises InputError for an unknown name or a file that does not fit the graph.
    """
    nodes = routed_nodes(graph)
    if not nodes:
        return None
    if spec in _ASSUMPTIONS:
        make, source = _ASSUMPTIONS[spec]
        return Activity(source, FrozenMap({name: make(*shape) for name, shape in nodes.items()}))
    path = Path(spec)
    if path.suffix != ".json" and not path.exists():
        raise InputError(
            f"'{spec}' is neither an activity file (.json) nor an assumption{did_you_mean(spec, _ASSUMPTIONS)}"
        )
    return load_activity(path, nodes=nodes, graph_digest=graph.digest)

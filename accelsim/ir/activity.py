"""Activity: the record of what an input really made the network do.

The engine writes it, the simulator reads it. Ordered expert ids and not only counts, because a cache sees the order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accelsim.errors import InputError
from accelsim.ir.frozen import FrozenMap


@dataclass(frozen=True)
class Routing:
    """Which experts the tokens of one node took.

    `ids[t]` are the expert ids of token t, best first, `gates[t]` their weights. Where only the lengths of the
    queues are known (as in a publication), `ids` and `gates` are None.
    """

    queues: tuple[int, ...]
    tokens: int
    top_k: int
    ids: tuple[tuple[int, ...], ...] | None = None
    gates: tuple[tuple[float, ...], ...] | None = None

    @property
    def experts(self) -> int:
        return len(self.queues)

    @property
    def active(self) -> int:
        """Experts that at least one token takes."""
        return sum(1 for length in self.queues if length)

    @classmethod
    def from_ids(
        cls, ids: Sequence[Sequence[int]], experts: int, gates: Sequence[Sequence[float]] | None = None
    ) -> Routing:
        queues = [0] * experts
        for row in ids:
            for expert in row:
                queues[expert] += 1
        frozen_gates = None if gates is None else tuple(tuple(float(g) for g in row) for row in gates)
        frozen_ids = tuple(tuple(int(i) for i in row) for row in ids)
        return cls(tuple(queues), len(frozen_ids), len(frozen_ids[0]) if frozen_ids else 0, frozen_ids, frozen_gates)


Shares = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Activity:
    """Routings by node name. `source` says where they come from and is printed beside every number they lead to.

    `kernel_shares` are, by node that mixes kernels, the shares of its K kernels for each sample, which sum to 1.
    """

    source: str
    routings: FrozenMap[str, Routing] = field(default_factory=FrozenMap)
    graph_digest: str = ""
    precision: str = "float32"
    kernel_shares: FrozenMap[str, Shares] = field(default_factory=FrozenMap)

    def to_json(self) -> str:
        """The text of an activity file."""
        record = {
            "source": self.source,
            "graph_digest": self.graph_digest,
            "precision": self.precision,
            "routings": {
                name: {
                    "queues": r.queues,
                    "tokens": r.tokens,
                    "top_k": r.top_k,
                    **({} if r.ids is None else {"ids": r.ids}),
                    **({} if r.gates is None else {"gates": r.gates}),
                }
                for name, r in self.routings.items()
            },
            **({"kernel_shares": dict(self.kernel_shares)} if self.kernel_shares else {}),
        }
        return json.dumps(record) + "\n"


def load_activity(path: Path, *, nodes: Mapping[str, tuple[int, int, int]], graph_digest: str = "") -> Activity:
    """Read an activity file for a graph whose routed nodes are `nodes`: name -> (tokens, top_k, experts).

    A file recorded on another graph than that of `graph_digest`, or at another precision, says so in its source.

    A file that has one routing named `*` gives it to every node (the report says so). Raises InputError where the
    file does not fit the nodes.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such activity file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable activity file: {error}") from None
    try:
        found = {name: _routing(entry) for name, entry in record["routings"].items()}
        source = str(record["source"])
        shares = {name: _shares(name, rows) for name, rows in record.get("kernel_shares", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"{path}: not an activity file: {type(error).__name__}: {error}") from None
    shared = found.get("*")
    routings: dict[str, Routing] = {}
    for name, (tokens, top_k, experts) in nodes.items():
        routing = found.get(name, shared)
        if routing is None:
            raise InputError(f"{path}: no routing for node '{name}'; the file has {', '.join(sorted(found))}")
        if (routing.tokens, routing.top_k, routing.experts) != (tokens, top_k, experts):
            raise InputError(
                f"{path}: routing of '{name}' is for {routing.tokens} tokens, top-{routing.top_k} of "
                f"{routing.experts} experts; the model has {tokens} tokens, top-{top_k} of {experts}"
            )
        if max(routing.queues) > tokens:
            raise InputError(
                f"{path}: a queue of '{name}' holds {max(routing.queues)} tokens, but there are {tokens} and each "
                "takes an expert once"
            )
        if sum(routing.queues) != tokens * top_k:
            raise InputError(
                f"{path}: queues of '{name}' sum to {sum(routing.queues)}, but {tokens} tokens x {top_k} = "
                f"{tokens * top_k}"
            )
        routings[name] = routing
    recorded_on, precision = str(record.get("graph_digest", "")), str(record.get("precision", "float32"))
    remarks = {
        "one layer reused for all": shared is not None and len(nodes) > 1,
        "recorded on another graph": bool(recorded_on and graph_digest) and recorded_on != graph_digest,
        f"recorded at {precision}": precision != "float32",
    }
    told = ", ".join(remark for remark, holds in remarks.items() if holds)
    source = f"{source} ({told})" if told else source
    return Activity(source, FrozenMap(routings), recorded_on, precision, FrozenMap(shares))


def _shares(name: str, rows: Sequence[Sequence[float]]) -> Shares:
    shares = tuple(tuple(float(share) for share in row) for row in rows)
    if not shares or any(len(row) != len(shares[0]) or not row or min(row) < 0 for row in shares):
        raise ValueError(f"kernel_shares of '{name}' need a row of numbers >= 0 for each sample, all of one length")
    return shares


def _routing(entry: Mapping[str, object]) -> Routing:
    queues = entry["queues"]
    tokens, top_k = entry["tokens"], entry["top_k"]
    if not isinstance(queues, list) or not isinstance(tokens, int) or not isinstance(top_k, int):
        raise TypeError("a routing needs 'queues' (a list), 'tokens' and 'top_k'")
    if any(not isinstance(q, int) or q < 0 for q in queues):
        raise ValueError("queue lengths are whole numbers >= 0")
    ids, gates = entry.get("ids"), entry.get("gates")
    if isinstance(ids, list):
        if len(ids) != tokens:
            raise ValueError(f"'ids' has {len(ids)} rows for {tokens} tokens")
        for row in ids:
            if len(row) != top_k or len(set(row)) != top_k or any(not 0 <= expert < len(queues) for expert in row):
                raise ValueError(f"{row} in 'ids' are not {top_k} different experts of {len(queues)}")
        routing = Routing.from_ids(ids, len(queues), gates if isinstance(gates, list) else None)
        if routing.queues != tuple(queues):
            raise ValueError("'queues' do not count what 'ids' list")
        return routing
    return Routing(tuple(queues), tokens, top_k)

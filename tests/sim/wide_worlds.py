"""Random worlds wider than `random_worlds`: every semantic op, routed and mixed and sparse work, several instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from accelsim.errors import AccelsimError
from accelsim.hw.check import broken_references
from accelsim.hw.schema import Cache, DotUnit, Experts, Hardware
from accelsim.hw.sparse import Blocks, Compacted, NOfM, Unstructured
from accelsim.ir import Access, Activity, FrozenMap, Graph
from accelsim.ir.sparsity import parse_sparsity
from accelsim.mapping.view import Workload
from accelsim.sim.assumption import routed_nodes
from accelsim.sim.timing import Frame
from tests.mapping.conftest import attention_graph, moe_graph
from tests.mapping.mixing_graphs import adapted, difference, exchange, mixed_conv
from tests.mapping.test_expert_properties import draw
from tests.sim.random_worlds import KINDS, random_graph, random_hardware

_GRAPHS_EACH = 4  # on each design, which takes longest to read


class World(NamedTuple):
    frame: Frame
    hardware: Hardware


def _integer(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def _moe(rng: np.random.Generator) -> Graph:
    experts = _integer(rng, 2, 6)
    return moe_graph(
        _integer(rng, 1, 12), 4 * _integer(rng, 1, 5), _integer(rng, 1, 20), experts, _integer(rng, 1, min(3, experts))
    )


def _mixed(rng: np.random.Generator) -> Graph:
    share, form = float(rng.choice([1.0, 0.3])), str(rng.choice(["deployed", "mask"]))
    bias = str(rng.choice(["", "mixed", "plain"]))
    size = {"batch": _integer(rng, 1, 3), "channels": 4 * _integer(rng, 1, 3), "side": _integer(rng, 4, 9)}
    return mixed_conv(share=share, form=form, bias=bias, **size)


GRAPHS: tuple[Callable[[np.random.Generator], Graph], ...] = (
    random_graph,
    random_graph,
    lambda rng: attention_graph(_integer(rng, 1, 3), _integer(rng, 1, 20), _integer(rng, 1, 16)),
    _moe,
    _moe,
    _mixed,
    lambda rng: adapted(
        rank=_integer(rng, 0, 5), width=8 * _integer(rng, 1, 5), tokens=_integer(rng, 1, 20), kept=_integer(rng, 1, 4)
    ),
    lambda rng: difference(channels=_integer(rng, 1, 9), side=_integer(rng, 3, 9)),
    lambda rng: exchange(channels=4 * _integer(rng, 1, 2), side=4 * _integer(rng, 1, 2)),
)

_SPARSE = ("unstructured=0.2", "n:m=2:4", "block=2x2:0.5", "structured=0.5x0.5", "unstructured=0.3,activations=0.5")


def _quantity(**values: object) -> dict[str, object]:
    return {k: v if isinstance(v, (str, bool)) else {"value": v, "sourced": "test"} for k, v in values.items()}


_FORMATS: dict[str, Callable[[], Any]] = {
    "compacted": lambda: Compacted(kind="compacted"),
    "n-m": lambda: NOfM.model_validate(_quantity(kind="n-m", keep=2, of=4), context={}),
    "unstructured": lambda: Unstructured.model_validate(
        {
            **_quantity(kind="unstructured", index="relative", queue=4, activations=True),
            "index_bits": {"value": "4 bit", "sourced": "test"},
        },
        context={},
    ),
    "block": lambda: Blocks.model_validate(_quantity(kind="block", outputs=2, inputs=2, queue=2), context={}),
}
_CAN_SKIP = {"dot": tuple(_FORMATS), "systolic": ("compacted", "n-m", "block"), "rate": ("compacted", "n-m")}


def _hardware(rng: np.random.Generator, kind: str, plain: Hardware, graph: Graph, activity: Activity) -> Hardware:
    """A description whose array takes every product, and whose policies are random too."""
    array = plain.units["array"]
    skips = _CAN_SKIP.get(kind, ())
    chosen = [name for name in skips if rng.random() < 0.5] if rng.random() < 0.5 else []
    update: dict[str, Any] = {"sparse": FrozenMap({name: _FORMATS[name]() for name in chosen})}
    if isinstance(array, DotUnit):
        nests = [nest for node in graph.nodes for nest in Workload(graph, activity).nests(node)]
        roles = {o.role for n in nests if n.function == "mac" for o in n.operands if o.access is Access.READ}
        update["holds"] = array.holds.with_items(dict.fromkeys(roles - {"x"}, "a"))
    order = str(rng.choice(["expert-major", "token-major", "resident"]))
    cache = "none" if order != "token-major" else str(rng.choice(["none", "lru", "expected-hit"]))
    kept = Cache.model_validate(_quantity(policy=cache, experts=0 if cache == "none" else 2), context={})
    mixed = str(rng.choice(["memory", "on-chip", "outputs", *(["host"] if kind == "host" else [])]))
    several = _integer(rng, 2, 4) if plain.schedule.branches == "sequential" and rng.random() < 0.4 else 1
    keeps = any(getattr(memory, "keeps", ()) for memory in plain.memories.values())
    schedule = plain.schedule.model_copy(
        update={
            "experts": Experts(order=order, cache=kept),
            "kernels": plain.schedule.kernels.model_copy(
                update={"mixed": mixed, "memory": "b" if mixed == "on-chip" else None}
            ),
            "adapters": plain.schedule.adapters.model_copy(update={"form": str(rng.choice(["beside", "merged"]))}),
            "spread": "layers" if several > 1 and not keeps and rng.random() < 0.5 else "frames",
        }
    )
    made = plain.with_values({"instances": several}).model_copy(
        update={
            "units": plain.units.with_items({"array": array.model_copy(update=update)}),
            "placement": FrozenMap({"*": ("array", "vector")}),
            "schedule": schedule,
        }
    )
    assert broken_references(made) == []
    return made


def wide_worlds(kind: str, folder: Path, count: int) -> Iterator[World]:
    """Random graphs, what their inputs make them do, and designs for them."""
    rng = np.random.default_rng(100 + KINDS.index(kind))
    for index in range(count):
        if index % _GRAPHS_EACH == 0:
            plain = random_hardware(rng, kind, folder)
        graph = GRAPHS[index % len(GRAPHS)](rng)
        zeros = str(rng.choice(("", "", *_SPARSE)))
        routings = {
            name: draw(rng, tokens=tokens, experts=experts, top_k=top_k)
            for name, (tokens, top_k, experts) in routed_nodes(graph).items()
        }
        activity = Activity("drawn", FrozenMap(routings), sparsity=parse_sparsity(zeros) if zeros else None)
        frame = Frame("", graph, activity if routings or zeros else None)
        yield World(frame, _hardware(rng, kind, plain, graph, activity))


def reasoned(error: AccelsimError) -> bool:
    """Whether an error tells demand, bound, unit and what would help."""
    failures = getattr(error, "failures", ())
    return error.exit_code == 3 and bool(failures) and all(f.demand > f.bound and f.unit and f.levers for f in failures)

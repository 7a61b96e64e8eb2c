"""Expert policies: in which order a routed node's experts run, and when their weights are loaded.

* expert-major: each active expert once, its whole queue at a time (M3ViT's computation reordering);
* token-major: each token's experts in turn, weights loaded on every miss of a cache of n experts;
* resident: a buffer with room for all experts of a layer, each loaded once.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from accelsim.errors import InputError
from accelsim.hw.schema import Schedule
from accelsim.ir import Routing
from accelsim.mapping.stage import Stage, Transfer

EXPERT_LOADS = "expert_loads"

ExpertStages = Mapping[int, Sequence[Stage]]


@dataclass(frozen=True)
class ExpertWork:
    """Stages of each active expert for its whole queue, and for the visit of a single token."""

    node: str
    routing: Routing
    whole: ExpertStages
    visit: Callable[[], ExpertStages]


def expert_major(work: ExpertWork, schedule: Schedule) -> tuple[Stage, ...]:
    return tuple(stage for expert in sorted(work.whole) for stage in work.whole[expert])


def token_major(work: ExpertWork, schedule: Schedule) -> tuple[Stage, ...]:
    return _CACHES[schedule.experts.cache.policy](work, schedule)


def _every_visit(work: ExpertWork, schedule: Schedule) -> tuple[Stage, ...]:
    """No cache: every visit loads. The order of visits does not change the time, so queues are enough."""
    visit = work.visit()
    return tuple(
        stage for expert, length in enumerate(work.routing.queues) for _ in range(length) for stage in visit[expert]
    )


def _least_recently_used(work: ExpertWork, schedule: Schedule) -> tuple[Stage, ...]:
    if work.routing.ids is None:
        raise InputError(
            f"node '{work.node}': token-major order with an LRU cache needs the expert ids of each token, but the "
            "activity has queue lengths only; use a recorded activity, or schedule.experts.cache.policy=expected-hit"
        )
    visit = work.visit()
    warm = {expert: tuple(replace(s, held=()) for s in stages) for expert, stages in visit.items()}
    cached: OrderedDict[int, None] = OrderedDict()
    capacity = int(schedule.experts.cache.experts.value)
    order: list[Stage] = []
    for row in work.routing.ids:
        for expert in row:
            order.extend(warm[expert] if expert in cached else visit[expert])
            cached[expert] = None
            cached.move_to_end(expert)
            if len(cached) > capacity:
                cached.popitem(last=False)
    return tuple(order)


def _expected_hit(work: ExpertWork, schedule: Schedule) -> tuple[Stage, ...]:
    """Random hits: a visit misses with probability 1 - n/E, and the first load of the layer is cold."""
    routing = work.routing
    share = min(1.0, schedule.experts.cache.experts.value / routing.experts)
    misses = math.ceil(routing.tokens * routing.top_k * (1.0 - share)) + 1
    first = next(iter(work.visit().values()))
    held: tuple[Transfer, ...] = tuple(transfer for stage in first for transfer in stage.held)
    loads = Stage(
        node=work.node,
        part=EXPERT_LOADS,
        unit=first[0].unit,
        cause="compute",
        outer=misses,
        inner=0,
        held=held,
        held_requests=len(first),
    )
    return (loads, *(replace(stage, held=()) for stage in expert_major(work, schedule)))


def _cached_experts(work: ExpertWork, schedule: Schedule) -> float:
    return 0.0 if schedule.experts.cache.policy == "none" else float(schedule.experts.cache.experts.value)


_KEPT_EXPERTS: dict[str, Callable[[ExpertWork, Schedule], float]] = {
    "expert-major": lambda work, schedule: 0.0,
    "token-major": _cached_experts,
    "resident": lambda work, schedule: float(work.routing.experts),
}


def kept_bytes(work: ExpertWork, schedule: Schedule) -> dict[str, int]:
    """Bytes of each buffer that the policy keeps filled with experts: all of a layer, those of a cache, or none
    beyond what a stage holds anyway."""
    experts = _KEPT_EXPERTS[schedule.experts.order](work, schedule)
    largest: dict[str, int] = {}
    for stages in work.whole.values():
        own: dict[str, int] = {}
        for stage in stages:
            own[stage.memory] = own.get(stage.memory, 0) + stage.memory_bytes * stage.rounds
        for memory, size in own.items():
            largest[memory] = max(largest.get(memory, 0), size)
    return {memory: math.ceil(experts * size) for memory, size in largest.items() if experts and memory}


_CACHES: dict[str, Callable[[ExpertWork, Schedule], tuple[Stage, ...]]] = {
    "none": _every_visit,
    "lru": _least_recently_used,
    "expected-hit": _expected_hit,
}

POLICIES: dict[str, Callable[[ExpertWork, Schedule], tuple[Stage, ...]]] = {
    "expert-major": expert_major,
    "token-major": token_major,
    "resident": expert_major,
}

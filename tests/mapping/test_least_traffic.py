"""The least traffic over all mappings never falls when a buffer shrinks, and no search goes below it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import DoesNotFitError
from accelsim.hw.mapping import Tiles
from accelsim.hw.schema import Hardware
from accelsim.ir import FrozenMap, Graph
from accelsim.mapping.lower import lower
from accelsim.mapping.view import Workload
from tests.mapping.conftest import linear_graph
from tests.sim.random_worlds import random_hardware


def _moved(graph: Graph, hardware: Hardware) -> int | None:
    """Bytes over all links, None where the mapping does not fit."""
    try:
        stages = lower(Workload(graph), hardware).stages
    except DoesNotFitError:
        return None
    return sum(stage.moved_bytes(write=write) for stage in stages for write in (False, True))


def _mappings(sizes: tuple[int, int, int], hardware: Hardware) -> list[Hardware]:
    """The hardware with each choice of tiles: sizes that give different numbers of tiles, and what is held."""
    steps = [sorted({-(-size // count) for count in range(1, size + 1)}) for size in sizes]
    chosen = [own if len(own) <= 4 else [own[0], own[len(own) // 3], own[2 * len(own) // 3], own[-1]] for own in steps]
    found = []
    for rows, reduce, outputs in itertools.product(*chosen):
        for held in ("inputs", "weights", "outputs"):
            tiles = Tiles(rows=rows, reduce=reduce, outputs=outputs, held=held)
            fixed = FrozenMap({"fc": FrozenMap({"main": tiles})})
            found.append(hardware.model_copy(update={"mapping": fixed}))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_least_traffic_never_falls_when_buffers_shrink(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    hardware = random_hardware(rng, "systolic", tmp_path)
    sizes = tuple(int(size) for size in rng.integers(4, 30, 3))
    graph = linear_graph(*sizes)
    least = []
    for words in (4096, 64, 24, 12, 6):
        sized = hardware.with_values({f"memories.{name}.words": words for name in "abc"})
        moved = [m for one in _mappings(sizes, sized) if (m := _moved(graph, one)) is not None]
        searched = _moved(graph, sized)
        if not moved:
            break
        least.append(min(moved))
        assert searched is not None
        assert searched >= least[0]  # what the largest buffers allow
    assert least == sorted(least)
    assert len(least) >= 2

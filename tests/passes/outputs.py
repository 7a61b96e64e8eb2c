"""Whether a pass left the outputs of a graph as they were."""

from __future__ import annotations

import numpy as np

from accelsim.engine import compile
from accelsim.frontends.inputs import seeded_inputs
from accelsim.ir import Graph


def same(before: Graph, after: Graph, tolerance: float = 1e-5) -> None:
    assert after.outputs == before.outputs
    inputs = seeded_inputs(before, 3)
    theirs, ours = (compile(graph, threads=1)(inputs).outputs for graph in (before, after))
    for name in before.outputs:
        assert ours[name].shape == theirs[name].shape
        assert np.abs(ours[name] - theirs[name]).max() <= tolerance * max(np.abs(theirs[name]).max(), 1e-6)

"""Attention as torch exports it: scaled on both sides, keys turned in three steps, rows guarded against nan."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.engine import compile
from accelsim.ir import Graph, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.passes.fuse_patterns import fuse_patterns
from tests.contracts.case import floats

B, H, L, C = 2, 3, 5, 4


def exported(mask: np.ndarray, *, watched: bool = False) -> Graph:
    """The nodes of scaled_dot_product_attention; `watched`: the shares are an output too."""
    build = GraphBuilder("exported")
    q, k, v = (build.add_input(name, Tensor((B, H, L, C))) for name in "qkv")
    root = build.add_parameter("root", np.float32([C**-0.25]), Tensor((1,)))
    zero = build.add_parameter("zero", np.zeros((), np.float32), Tensor(()))
    hidden = build.add_parameter("mask", mask, Tensor(mask.shape))
    joined = build.add1("reshape", (k,), {"shape": (B * H, L, C)})
    turned = build.add1("transpose", (joined,), {"perm": (0, 2, 1)})
    keys = build.add1("reshape", (turned,), {"shape": (B, H, C, L)})
    scores = build.add1("matmul", (build.add1("mul", (q, root)), build.add1("mul", (keys, root))))
    shares = build.add1("softmax", (build.add1("add", (scores, hidden)),), {"axis": 3})
    nothing = build.add1("not_equal", (shares, shares))
    guarded = build.add1("where", (nothing, zero, shares))
    return build.finish([build.add1("matmul", (guarded, v), name="attend"), *([shares] if watched else [])])


@pytest.mark.parametrize("masked", [False, True])
def test_it_becomes_one_node_that_computes_the_same(masked: bool) -> None:
    mask = np.zeros((L, L), np.float32)
    if masked:
        mask[1, 2:], mask[3] = -np.inf, -np.inf  # a row that sees nothing too
    graph = exported(mask)
    fused = fuse_patterns(graph)
    (node,) = fused.nodes
    assert (node.op, node.name) == ("attention", "attend")
    assert node.inputs == (("q", "k", "v", "mask") if masked else ("q", "k", "v"))
    inputs = {name: floats(B, H, L, C) for name in "qkv"}
    inputs = {name: array + index for index, (name, array) in enumerate(inputs.items())}
    before, after = (compile(one, threads=1)(inputs).outputs["attend"] for one in (graph, fused))
    assert np.isfinite(before).all()
    assert np.abs(after - before).max() < 1e-5


def test_shares_that_somebody_reads_stay() -> None:
    graph = exported(np.zeros((L, L), np.float32), watched=True)
    assert "softmax" in {node.op for node in fuse_patterns(graph).nodes}

"""Inputs that are not finite: refused unless they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.engine import compile
from accelsim.errors import InputError
from accelsim.ir import Tensor
from accelsim.ops.build import GraphBuilder


def test_they_are_taken_only_without_the_check() -> None:
    build = GraphBuilder("shares")
    graph = build.finish(build.add("softmax", (build.add_input("x", Tensor((1, 3))),), {"axis": 1}, name="y"))
    run, x = compile(graph, threads=1), np.float32([[-np.inf, 0, 0]])
    with pytest.raises(InputError, match="1 of 3 values that are infinite or NaN"):
        run(x)
    assert run(x, finite=False).outputs["y"].tolist() == [[0, 0.5, 0.5]]

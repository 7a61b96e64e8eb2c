"""Products of every op on designs that are one array: they run, or the lever that is named is true."""

from __future__ import annotations

import re

import pytest

from accelsim.errors import UnsupportedError
from accelsim.hw.load import load_hardware
from accelsim.ir import Graph
from accelsim.ops.build import GraphBuilder
from accelsim.sim.assumption import activity_for
from accelsim.sim.simulate import simulate
from tests.contracts.case import Case
from tests.contracts.op_cases import CASES

PRODUCTS = [case for case in CASES if "mac" in case.points]
ON_NO_ARRAY = {"grouped_linear"}
LEVER = re.compile(r"place it on (\w+)[^:]*: placement\.(\S+)$")


def _graph(case: Case) -> Graph:
    """The first operand is the input, all others are parameters."""
    builder = GraphBuilder("case")
    inputs = []
    for index, (array, kind) in enumerate(zip(case.arrays, case.types, strict=True)):
        name = "" if array is None else f"in{index}"
        if index == 0 and kind is not None:
            builder.add_input(name, kind)
        elif array is not None and kind is not None:
            builder.add_parameter(name, array, kind)
        inputs.append(name)
    return builder.finish(list(builder.add(case.op, inputs, case.attrs, name="sample")))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gemmini-16x16", "tpu-v1-like", "systolic-32"])
def test_products_run_on_the_array_or_the_lever_is_true(name: str) -> None:
    hardware = load_hardware(name)
    for case in PRODUCTS:
        graph = _graph(case)
        activity = activity_for(graph, "uniform")
        try:
            result = simulate(graph, hardware, activity=activity)
        except UnsupportedError as error:
            refused = str(error)
        else:
            assert result.macs > 0
            continue
        lever = LEVER.search(refused)
        assert (lever is None) == (case.op in ON_NO_ARRAY), refused
        if lever is None:
            assert "add a unit of rate or host" in refused
        else:
            unit, key = lever.groups()
            placed = load_hardware(name, {"placement": {key: unit}})
            assert simulate(graph, placed, activity=activity).macs > 0

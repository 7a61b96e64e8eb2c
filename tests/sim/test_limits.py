"""Sizes and values far beyond anything that is built: right, or refused with a reason; never a traceback."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.errors import AccelsimError, DoesNotFitError
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph, Tensor
from accelsim.ops.build import GraphBuilder
from accelsim.sim.assumption import activity_for
from accelsim.sim.simulate import simulate
from accelsim.sim.timing import Frame, time_frames
from tests.mapping.conftest import attention_graph, linear_graph, moe_graph
from tests.mapping.test_spatial import conv_graph

MILLION = 10**6


def _matmul(rows: int, reduce: int, outputs: int) -> Graph:
    builder = GraphBuilder("mm")
    builder.add_input("a", Tensor((1, rows, reduce)))
    builder.add_input("b", Tensor((1, reduce, outputs)))
    return builder.finish([builder.add("matmul", ["a", "b"], name="mm")[0]])


def _multiplying(name: str) -> Hardware:
    hardware = load_hardware(name)
    unit = hardware.placement.get("linear") or hardware.placement["conv2d"]
    return hardware.model_copy(update={"placement": hardware.placement.with_items({"matmul": unit})})


@pytest.mark.parametrize("name", ["systolic-16", "systolic-128", "gemmini-16x16", "dpu-b4096-zcu102", "eyeriss"])
@pytest.mark.parametrize("shape", [(MILLION,) * 3, (MILLION, 1, MILLION), (1, MILLION, 1), (MILLION, MILLION, 1)])
def test_products_of_a_million_each_way_do_not_overflow(name: str, shape: tuple[int, int, int]) -> None:
    hardware = _multiplying(name)
    try:
        timing = time_frames([Frame("", _matmul(*shape))], hardware)
    except DoesNotFitError as error:
        assert name == "eyeriss"  # a linear layer uses a small part of it
        assert "ticks, more than the" in str(error)  # noqa: PT017
        return
    macs = shape[0] * shape[1] * shape[2]
    assert sum(stage.macs for stage in timing.stages) == macs
    peak = max(hardware.units[stage.unit].macs_per_step for stage in timing.stages)
    assert timing.cycles >= macs / peak
    assert (timing.row_causes >= 0).all()
    assert timing.row_causes.sum() == timing.cycles
    assert (timing.timeline.channel_busy <= timing.timeline.total).all()


_UNITS = {"bits": "bit", "hz": "Hz", "bytes_per_s": "B/s", "s": "s", "cycles": "cycles", "beats": "beats", "bytes": "B"}
_UNITS |= {"per_s": "/s"}
ABSURD = (0, -1, 1, 3, 10**6, 2**20, 2**40, 2**53, 2**60, 1e300)


def _settings(hardware: Hardware) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for path, quantity in hardware.quantities():
        if not path.startswith(("energy.", "board.")) and ".resources." not in path:
            unit = _UNITS.get(quantity.dimension)
            found.extend((path, value if unit is None else f"{value} {unit}") for value in ABSURD)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["systolic-16", "edge-moe-zcu102", "eyeriss", "dpu-b4096-zcu104"])
def test_any_value_of_a_description_is_timed_or_refused_with_a_reason(name: str) -> None:
    rng = np.random.default_rng(8)
    graphs = [linear_graph(40, 48, 60), attention_graph(3, 17, 16), conv_graph(2, 8, 12, 16, 3, 1, 1), moe_graph()]
    settings = _settings(load_hardware(name))
    timed = refused = 0
    for index in rng.permutation(len(settings))[:60].tolist():
        path, value = settings[index]
        graph = graphs[index % len(graphs)]
        try:
            hardware = load_hardware(name, {path: value})
            result = simulate(graph, hardware, activity=activity_for(graph, "uniform"))
        except AccelsimError as error:
            assert error.exit_code in (2, 3), (path, value)  # noqa: PT017
            refused += 1
        else:
            assert sum(result.stalls.values()) == result.cycles >= 0, (path, value)
            timed += 1
    assert timed > 5
    assert refused > 10

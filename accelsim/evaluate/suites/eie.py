"""EIE: fully connected layers of compressed networks, their zeros drawn from the published densities."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from accelsim.evaluate.suites.golden import GoldenRow, GoldenSuite, Simulated
from accelsim.evaluate.suites.timed import design, product
from accelsim.hw.schema import DotUnit
from accelsim.hw.sparse import Unstructured
from accelsim.ir import Activity, Graph, Pattern, Sparsity
from accelsim.mapping.sparsity_lanes import Lanes, pass_of, timing_of
from accelsim.mapping.sparsity_matrix import Matrix
from accelsim.sim.simulate import simulate
from accelsim.sim.timing import Frame, time_frames

_LAYER = re.compile(
    r"in (?P<inputs>\d+), out (?P<outputs>\d+), weight density (?P<weights>[\d.]+)%, "
    r"activation density (?P<acts>[\d.]+)%"
)
_SEEDS = 3


@dataclass(frozen=True)
class Layer:
    """A fully connected layer and the shares of its weights and inputs that are not zero."""

    outputs: int
    inputs: int
    weights: float
    activations: float

    @property
    def graph(self) -> Graph:
        return product(1, self.outputs, self.inputs)

    def scenario(self, seed: int) -> Sparsity:
        pattern = Pattern("unstructured", self.weights)
        return Sparsity("published densities", (("*", pattern),), (("*", self.activations),), seed)


@cache
def layer_us(layer: Layer, seed: int) -> tuple[float, float]:
    """(time, time of evenly dealt entries) of a layer in microseconds."""
    hardware, scenario = design("eie"), layer.scenario(seed)
    outputs, inputs = layer.outputs, layer.inputs
    timing = time_frames([Frame("", layer.graph, Activity("", sparsity=scenario))], hardware)
    unit = hardware.units["pes"]
    assert isinstance(unit, DotUnit)
    form = unit.sparse["csc"]
    assert isinstance(form, Unstructured)
    matrix = Matrix(outputs, inputs, inputs, pattern=Pattern("unstructured", layer.weights), seed=scenario.seed_of("w"))
    lanes = Lanes(unit, form, matrix, hardware.precision["weight"].bits)
    done = pass_of(matrix, lanes.deal(0, outputs), timing_of(lanes, 1, 1, 1, layer.activations))
    return timing.cycles / hardware.clock_hz * 1e6, done.balanced_cycles / hardware.clock_hz * 1e6


def layer_watts(layer: Layer) -> tuple[float, float, float]:
    """(least, nominal, most) power of the chip over a layer: dynamic and leakage, by the ranges of the energy table."""
    result = simulate(layer.graph, design("eie"), activity=Activity("", sparsity=layer.scenario(0)))
    parts = [result.ranges[f"energy_{scope}_j"] for scope in ("accelerator_dynamic", "device_static")]
    nominal = result.energy["accelerator_dynamic"] + result.energy["device_static"]
    joules = (sum(part.low for part in parts), nominal, sum(part.high for part in parts))
    return tuple(energy / result.latency_s for energy in joules)  # type: ignore[return-value]


def _simulated(row: GoldenRow) -> Simulated | None:
    found = _LAYER.search(row.notes)
    if found is None:
        return None
    shares = (float(found[name]) / 100 for name in ("weights", "acts"))
    layer = Layer(int(found["outputs"]), int(found["inputs"]), *shares)
    if row.metric == "total_power_64pe":
        low, nominal, high = (1e3 * watts for watts in layer_watts(layer))
        return Simulated(nominal, low, high, "products, weight memories and their leakage; no control and no wires")
    pick = _METRICS.get(row.metric)
    if pick is None:
        return None
    values = sorted(pick(*layer_us(layer, seed)) for seed in range(_SEEDS))
    return Simulated(
        values[_SEEDS // 2],
        values[0],
        values[-1],
        f"zeros drawn from the densities, {_SEEDS} seeds; the real layers' zeros are not published",
    )


_METRICS: dict[str, Callable[[float, float], float]] = {
    "time_actual": lambda actual, balanced: actual,
    "time_perfect_balance": lambda actual, balanced: balanced,
    "load_imbalance": lambda actual, balanced: actual / balanced,
    "throughput_fc7_64pe": lambda actual, balanced: 1e6 / actual,
}
"""What a row may compare, of the time and the time of evenly dealt entries in microseconds."""

EIE = GoldenSuite("eie", ("EIE",), _simulated, {"load_imbalance": 10.0})

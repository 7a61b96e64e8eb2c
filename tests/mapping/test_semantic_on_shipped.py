"""Which shipped design runs which semantic op: on its arrays, with its host, or not, and then why."""

from __future__ import annotations

import pytest

from accelsim.errors import AccelsimError
from accelsim.evaluate.simulate import hardware_for
from accelsim.hw.load import hardware_names
from accelsim.ir import Graph
from accelsim.sim.assumption import activity_for
from accelsim.sim.simulate import simulate
from tests.mapping.conftest import attention_graph, moe_graph
from tests.mapping.mixing_graphs import adapted, difference, exchange, mixed_conv
from tests.sim.wide_worlds import reasoned

GRAPHS: dict[str, Graph] = {
    "attention": attention_graph(3, 17, 16),
    "moe": moe_graph(tokens=40, width=64, hidden=128),
    "dynamic_conv2d, one kernel for all": mixed_conv(),
    "dynamic_conv2d, a mask": mixed_conv(share=0.25, form="mask"),
    "dynamic_conv2d, places": mixed_conv(share=0.25),
    "pixel_difference_conv2d": difference(),
    "adapted_linear": adapted(),
    "cross_task_attention": exchange(),
}
SPECIAL = {  # designs for one kind of model, by what they run of these
    "eie": set(),
    "edge-moe": {"attention", "moe"},
    "m3vit-zcu104-analytic": {"attention", "moe"},
}
PRODUCTS = {  # where products with weights run on designs that have a host for all else
    "dpu-b4096-kv260": "conv",
    "dpu-b4096-zcu102": "conv",
    "dpu-b4096-zcu104": "conv",
    "nvdla-small-like": "conv",
    "eyeriss": "array",
    "gemmini-16x16": "mesh",
    "tpu-v1-like": "matrix",
}


@pytest.mark.parametrize("name", hardware_names())
def test_a_design_runs_a_semantic_op_or_says_what_it_lacks(name: str) -> None:
    hardware = hardware_for(name)
    runs = next((ops for special, ops in SPECIAL.items() if name.startswith(special)), set(GRAPHS))
    for op, graph in GRAPHS.items():
        try:
            result = simulate(graph, hardware, activity=activity_for(graph, "uniform"))
        except AccelsimError as error:
            assert op not in runs, error  # noqa: PT017
            assert reasoned(error), error  # noqa: PT017
        else:
            assert op in runs
            assert sum(result.stalls.values()) == result.cycles > 0
            assert result.macs > 0


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_semantic_ops_run_on_the_array_where_that_is_faster(name: str) -> None:
    large = {"mixed": mixed_conv(channels=256, side=28), "difference": difference(channels=256, side=28)}
    for graph in large.values():
        result = simulate(graph, hardware_for(name))
        on_array = sum(stage.macs for node in result.nodes for stage in node.split() if stage.unit == PRODUCTS[name])
        assert on_array > 0.9 * result.macs

"""What Python users ask of one graph on one hardware beyond its time: why, what would help, and how it is laid out."""

from __future__ import annotations

from accelsim.evaluate.plan import plan_of
from accelsim.evaluate.simulate import timed
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, Graph
from accelsim.results import Result
from accelsim.results.plan import Plan
from accelsim.sim.timing import Frame


def explain(graph: Graph, hardware: Hardware, *, activity: Activity | None = None, task: str = "") -> Result:
    """As `simulate`, with `ranges` and `sensitivities` of the hardware's estimates, `levers` and `stops`.

    Raises what `simulate` raises.
    """
    return timed([_frame(graph, activity, task)], hardware, with_levers=True)


def plan(graph: Graph, hardware: Hardware, *, activity: Activity | None = None, task: str = "") -> Plan:
    """How each node is cut into tiles and what is held; its `to_yaml()` can be given back as a mapping.

    Raises what `simulate` raises.
    """
    return plan_of(_frame(graph, activity, task), hardware)


def _frame(graph: Graph, activity: Activity | None, task: str) -> Frame:
    return Frame(task or str(graph.meta.get("task", "")), graph, activity)

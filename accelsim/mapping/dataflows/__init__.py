"""How a nest is laid out on each kind of unit: one file a kind, one table to find it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from accelsim.ir import LoopNest, Node
from accelsim.mapping.context import Context
from accelsim.mapping.dataflows.dot import dot_stages
from accelsim.mapping.dataflows.host import host_stages
from accelsim.mapping.dataflows.rate import rate_stages
from accelsim.mapping.dataflows.spatial import spatial_stages
from accelsim.mapping.dataflows.systolic import systolic_stages
from accelsim.mapping.dataflows.vector import vector_stages
from accelsim.mapping.stage import Stage

# A dataflow takes the unit of its own kind; the table is keyed by that kind, so Any is exact here.
Dataflow = Callable[[Context, str, Any, Node, Sequence[LoopNest]], tuple[Stage, ...]]

DATAFLOWS: dict[str, Dataflow] = {
    "dot": dot_stages,
    "host": host_stages,
    "rate": rate_stages,
    "spatial": spatial_stages,
    "systolic": systolic_stages,
    "vector": vector_stages,
}

"""Data types that every other room speaks: tensors, nodes, graphs, weights, loop nests, activity."""

from accelsim.ir.activity import Activity, Routing, load_activity
from accelsim.ir.dtype import DType, Numerics
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph, Node, Tensor
from accelsim.ir.nest import Access, Axis, Dim, LoopNest, Operand
from accelsim.ir.sparsity import Pattern, Sparsity
from accelsim.ir.weights import Weights, content_digest

__all__ = [
    "Access",
    "Activity",
    "Axis",
    "DType",
    "Dim",
    "FrozenMap",
    "Graph",
    "LoopNest",
    "Node",
    "Numerics",
    "Operand",
    "Pattern",
    "Routing",
    "Sparsity",
    "Tensor",
    "Weights",
    "content_digest",
    "load_activity",
]

"""Writing a semantic op in terms of others, for whoever does not know it."""

from __future__ import annotations

from accelsim.ir.graph import Graph
from accelsim.ops.expand import expanded
from accelsim.ops.verified import verified


def expand(graph: Graph, op: str = "moe", form: str = "dense") -> Graph:
    """The graph with every node of `op` replaced by its expansion `form`; its tensors keep their names.

    Raises UnsupportedError where the op has no such form.
    """
    changed = expanded(graph, lambda node: form if node.op == op else "")
    return verified(changed, after=f"expand {op} {form}")

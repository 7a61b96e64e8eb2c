"""Graph to graph, each step verified: a pass never changes what is computed."""

from accelsim.passes.dead_code import dead_code
from accelsim.passes.expand import expand
from accelsim.passes.split_projections import split_projections

__all__ = ["dead_code", "expand", "split_projections"]

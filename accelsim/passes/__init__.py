"""Graph to graph, each step verified: a pass never changes what is computed."""

from accelsim.passes.dead_code import dead_code
from accelsim.passes.expand import expand
from accelsim.passes.fold_batch_norm import fold_batch_norm
from accelsim.passes.fuse_patterns import fuse_patterns
from accelsim.passes.split_projections import split_projections

__all__ = ["dead_code", "expand", "fold_batch_norm", "fuse_patterns", "split_projections"]

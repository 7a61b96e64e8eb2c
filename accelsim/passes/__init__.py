"""Graph to graph, each step verified: a pass never changes what is computed."""

from accelsim.passes.adapters import compact_pruned, merge_adapters
from accelsim.passes.compact_kernels import compact_kernels
from accelsim.passes.dead_code import dead_code
from accelsim.passes.expand import expand
from accelsim.passes.fold_batch_norm import fold_batch_norm
from accelsim.passes.fold_constants import fold_constants
from accelsim.passes.fold_pixel_difference import fold_pixel_difference
from accelsim.passes.fuse_epilogues import fuse_epilogues
from accelsim.passes.fuse_patterns import fuse_patterns
from accelsim.passes.registry import PASSES, Pass
from accelsim.passes.shrink_upsampled_conv import shrink_upsampled_conv
from accelsim.passes.skip_padding import skip_padding
from accelsim.passes.split_projections import split_projections

__all__ = [
    "PASSES",
    "Pass",
    "compact_kernels",
    "compact_pruned",
    "dead_code",
    "expand",
    "fold_batch_norm",
    "fold_constants",
    "fold_pixel_difference",
    "fuse_epilogues",
    "fuse_patterns",
    "merge_adapters",
    "shrink_upsampled_conv",
    "skip_padding",
    "split_projections",
]

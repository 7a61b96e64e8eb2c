"""The passes by name, for whoever lists or runs them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accelsim.ir.graph import Graph
from accelsim.passes.adapters import compact_pruned, merge_adapters
from accelsim.passes.compact_kernels import compact_kernels
from accelsim.passes.dead_code import dead_code
from accelsim.passes.fold_batch_norm import fold_batch_norm
from accelsim.passes.fold_constants import fold_constants
from accelsim.passes.fold_pixel_difference import fold_pixel_difference
from accelsim.passes.fuse_epilogues import fuse_epilogues
from accelsim.passes.fuse_patterns import fuse_patterns
from accelsim.passes.shrink_upsampled_conv import shrink_upsampled_conv
from accelsim.passes.skip_padding import skip_padding
from accelsim.passes.split_projections import split_projections


@dataclass(frozen=True)
class Pass:
    """A step from graph to graph that changes no result beyond rounding."""

    name: str
    run: Callable[[Graph], Graph]

    @property
    def doc(self) -> str:
        """The first line of what it says about itself."""
        return (inspect.getdoc(self.run) or "").partition("\n")[0]


PASSES: Mapping[str, Pass] = {
    run.__name__: Pass(run.__name__, run)
    for run in (
        fold_constants,
        dead_code,
        fuse_patterns,
        fold_batch_norm,
        fold_pixel_difference,
        merge_adapters,
        compact_pruned,
        compact_kernels,
        shrink_upsampled_conv,
        skip_padding,
        split_projections,
        fuse_epilogues,
    )
}
"""In an order in which each finds what those before it leave."""

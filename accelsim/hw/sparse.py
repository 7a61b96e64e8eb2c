"""What a unit can skip of the weights it multiplies with, and what the skipping costs.

`units.<name>.sparse` maps a name of the file's choice to a format; a unit may have several, and each weight takes the
one that serves it best. Weights that fit none are computed dense. Where zeros come from (weights that were measured,
a declared scenario) is not said here.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from accelsim.hw.part import Part
from accelsim.hw.quantity import Bits, Count, Cycles, Interval, Rate, default


class Compacted(Part):
    """Outputs and inputs of a layer whose weights are all zero are left out by the compiler. No index is stored: the
    layer before makes no value for an input that is left out, the layer behind reads none of an output."""

    kind: Literal["compacted"]
    sourced: str | None = None


class NOfM(Part):
    """At most `keep` of `of` neighbouring inputs have a weight. A multiplexer in front of each multiplier picks the
    input by an index of `index` bits (left out: as many as `of` needs), so the issue rate is that of dense weights and
    lanes are balanced. (Mishra et al., "Accelerating sparse deep neural networks", arXiv 2104.08378)"""

    kind: Literal["n-m"]
    sourced: str | None = None
    keep: Count
    of: Count
    index: Bits | None = None

    @property
    def index_bits(self) -> int:
        return self.index.value if self.index is not None else math.ceil(math.log2(self.of.value))


class _Lanes(Part):
    """Lanes that skip zeros each for itself.

    A step broadcasts a group of inputs to all lanes; outputs are dealt to the lanes round and round. A lane takes the
    cycles of its own non-zeros, no fewer than `visit`, and no more than `decode` entries a cycle. Each lane has a
    `queue` of broadcasts, the one in work included: 1 makes every step a barrier. `latency` is the decoder's depth,
    paid once a pass. With `activations`, inputs that are zero are not broadcast.
    `pointer` bits are stored for each lane and input.
    """

    sourced: str | None = None
    queue: Count = default(1, "count")
    visit: Cycles = default(0, "cycles")
    decode: Rate | None = None
    latency: Cycles = default(0, "cycles")
    broadcast: Interval = default(1, "cycles")
    activations: bool = False
    pointer: Bits | None = None

    @property
    def pointer_bits(self) -> int:
        return self.pointer.value if self.pointer is not None else 0


class Unstructured(_Lanes):
    """Any weight may be zero. `index` says how a kept weight tells its place:

    * relative: zeros before it in its lane and input, in `index_bits`; a longer run takes entries of zero in between
      (EIE, ISCA 2016);
    * absolute: its row within the lane, in as many bits as that needs unless `index_bits` is given;
    * bitmap: a bit for every weight, kept or not.
    """

    kind: Literal["unstructured"]
    index: Literal["relative", "absolute", "bitmap"]
    index_bits: Bits | None = None

    @property
    def block(self) -> tuple[int, int]:
        return (1, 1)

    def entry_bits(self, turns: int, columns: int) -> int:
        """Bits of index of an entry, in a lane of `turns` outputs."""
        if self.index == "bitmap":
            return 0
        return self.index_bits.value if self.index_bits is not None else _bits(turns)


class Blocks(_Lanes):
    """Weights are kept or zero in blocks of `outputs` x `inputs`. On a systolic array, which moves in lockstep, a fold
    is skipped if all of it is zero and the queue says nothing. An index of `index` bits is stored for each kept block
    (left out: as many as tell the blocks along the inputs apart)."""

    kind: Literal["block"]
    outputs: Count
    inputs: Count
    index: Bits | None = None

    @property
    def block(self) -> tuple[int, int]:
        return (self.outputs.value, self.inputs.value)

    def entry_bits(self, turns: int, columns: int) -> int:
        """Bits of index of a kept block, one of `columns` along the inputs."""
        return self.index.value if self.index is not None else _bits(columns)


def _bits(places: int) -> int:
    return max(1, math.ceil(math.log2(max(2, places))))


SparseFormat = Annotated[Compacted | NOfM | Unstructured | Blocks, Field(discriminator="kind")]

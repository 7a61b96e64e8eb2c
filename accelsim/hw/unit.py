"""The units that compute: dot and systolic arrays, vector units, and datapaths known by their rate only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from accelsim.hw.part import Name, Named, Part, Resources, Selector
from accelsim.hw.quantity import Bits, Count, Cycles, Interval, Rate, default
from accelsim.ir.frozen import FrozenMap


class Function(Part):
    """A function computed on `lanes` elements every `ii` cycles."""

    sourced: str | None = None
    lanes: Count
    ii: Interval = default(1, "cycles")


class Stage(Part):
    """A pipelined second stage of an array: `ii` cycles for each row of a tile."""

    sourced: str | None = None
    ii: Interval


class VectorFunction(Part):
    """A function of a vector unit: `ii` cycles for each group of lanes, `latency` cycles once a nest."""

    sourced: str | None = None
    ii: Interval = default(1, "cycles")
    latency: Cycles = default(0, "cycles")


class _Unit(Part):
    """What all units share. `clock` left out means the first clock of the file.

    `epilogue` functions apply to results on their way out, `absorbs` lists ops and nests computed inside at
    no extra step. Of a unit known by its rate only, what it absorbs is part of the rate.
    """

    sourced: str | None = None
    clock: Name | None = None
    absorbs: tuple[Selector, ...] = ()
    epilogue: Named[Function] = FrozenMap()
    resources: Resources | None = None

    @property
    def held(self) -> Mapping[str, str]:
        """The buffer of each operand that is held, by the name the unit has for it."""
        return FrozenMap()


class DotUnit(_Unit):
    """An array of `inputs` x `outputs` x `rows` multipliers, one step every `ii` cycles.

    `fill` is the depth of its pipelines, paid once a nest; `skew` lets rows enter one a step, so that they
    share each streamed operand; `row_latency` is the least number of cycles of a row when rows are not
    pipelined against each other. `holds` maps operand roles to the buffer they are loaded into before use;
    all other operands stream, `stream_depth` tiles ahead. `stages` run behind the array. `pad` gives the
    stored length of dimensions that are stored longer than they are. `multiplier` gives the widths of the two
    operands, `dsp_sharing` how many products take turns on one multiplier.
    """

    kind: Literal["dot"]
    inputs: Count
    outputs: Count
    rows: Count = default(1, "count")
    ii: Interval = default(1, "cycles")
    fill: Cycles
    skew: bool = False
    row_latency: Cycles | None = None
    stream_depth: Count = default(2, "count")
    holds: Named[Name] = FrozenMap()
    stages: Named[Stage] = FrozenMap()
    pad: Named[Count] = FrozenMap()
    multiplier: tuple[Bits, Bits]
    dsp_sharing: Count = default(1, "count")

    @property
    def held(self) -> Mapping[str, str]:
        return self.holds

    @property
    def macs_per_step(self) -> int:
        return self.inputs.value * self.outputs.value * self.rows.value

    @property
    def multipliers(self) -> int:
        """Multipliers of the two widths that the array is built of."""
        return math.ceil(self.macs_per_step / self.dsp_sharing.value)


class Operands(Part):
    """The buffers of a product: rows of activations, the matrix they meet (weights, keys), and results."""

    inputs: Name
    weights: Name
    outputs: Name


class SystolicUnit(_Unit):
    """An array of `rows` x `cols` multipliers that pass operands on to their neighbours, a line a cycle.

    `dataflow` says what stays in place, `fold_overlap` what of a fold hides behind the one before: nothing, the
    loading of the stationary operand, or all of it. `holds` names the buffers that tiles are cut to fit; one
    copy holds a tile, a second one lets the next be loaded. Sums are kept `accumulator` wide, also where they
    are spilled because the reduction was cut. `fill` is the depth of pipelines around the array, paid once a
    stage. `multiplier` gives the widths of the two operands, `dsp_packing` how many products one DSP slice
    makes at once.
    Not modelled: convolution halos (each input element crosses the link once a pass).
    """

    kind: Literal["systolic"]
    rows: Count
    cols: Count
    dataflow: Literal["output-stationary", "weight-stationary", "input-stationary"]
    fold_overlap: Literal["none", "preload", "full"]
    holds: Operands
    accumulator: Bits
    fill: Cycles = default(0, "cycles")
    multiplier: tuple[Bits, Bits]
    dsp_packing: Count = default(1, "count")

    @property
    def held(self) -> Mapping[str, str]:
        return {"inputs": self.holds.inputs, "weights": self.holds.weights, "outputs": self.holds.outputs}

    @property
    def macs_per_step(self) -> int:
        return self.rows.value * self.cols.value

    @property
    def multipliers(self) -> int:
        """Multipliers of the two widths that the array is built of."""
        return math.ceil(self.macs_per_step / self.dsp_packing.value)


class VectorUnit(_Unit):
    """`lanes` elements every `ii` cycles, `passes` times over each row, at least `row_latency` cycles a row.

    `functions` lists those with timing of their own; all others run at the unit's `ii`.
    """

    kind: Literal["vector"]
    lanes: Count
    ii: Interval = default(1, "cycles")
    passes: Count = default(1, "count")
    fill: Cycles
    row_latency: Cycles | None = None
    stream_depth: Count = default(2, "count")
    functions: Named[VectorFunction] = FrozenMap()


class RateUnit(_Unit):
    """A datapath known only by its sustained rate, as analytical designs are published.

    Not modelled: its inner structure; hence no DSP formula.
    """

    kind: Literal["rate"]
    macs_per_cycle: Rate
    fill: Cycles = default(0, "cycles")
    holds: Named[Name] = FrozenMap()

    @property
    def held(self) -> Mapping[str, str]:
        return self.holds


Unit = Annotated[DotUnit | SystolicUnit | VectorUnit | RateUnit, Field(discriminator="kind")]

"""The units that compute: dot arrays, vector units, and datapaths known by their rate only."""

from __future__ import annotations

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
    def macs_per_step(self) -> int:
        return self.inputs.value * self.outputs.value * self.rows.value


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


Unit = Annotated[DotUnit | VectorUnit | RateUnit, Field(discriminator="kind")]

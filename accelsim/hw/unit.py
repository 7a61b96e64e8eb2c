"""The units that compute: dot and systolic arrays, vector units, and datapaths known by their rate only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from accelsim.hw.part import Name, Named, Part, Resources, Selector
from accelsim.hw.quantity import Ahead, Bits, Count, Cycles, Interval, Rate, Seconds, Speed, default
from accelsim.hw.sparse import SparseFormat
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


class Depthwise(Part):
    """Lanes that an array has for depthwise convolutions: `lanes` channels and `rows` pixels at once, every `ii`
    cycles."""

    sourced: str | None = None
    lanes: Count
    rows: Count = default(1, "count")
    ii: Interval = default(1, "cycles")


class _Unit(Part):
    """What all units share. `clock` left out means the first clock of the file.

    `epilogue` functions apply to results on their way out, `absorbs` lists ops and nests computed inside at
    no extra step. Of a unit known by its rate only, what it absorbs is part of the rate. `sparse` lists the formats
    of weights whose zeros it can skip.
    """

    sourced: str | None = None
    clock: Name | None = None
    absorbs: tuple[Selector, ...] = ()
    epilogue: Named[Function] = FrozenMap()
    resources: Resources | None = None
    sparse: Named[SparseFormat] = FrozenMap()

    @property
    def held(self) -> Mapping[str, str]:
        """The buffer of each operand that is held, by the name the unit has for it."""
        return FrozenMap()


class DotUnit(_Unit):
    """An array of `inputs` x `outputs` x `rows` multipliers, one step every `ii` cycles.

    `fill` is the depth of its pipelines, paid once a nest; `skew` lets rows enter one a step, so that they
    share each streamed operand; `row_latency` is the least number of cycles of a row when rows are not
    pipelined against each other. `holds` maps operand roles to the buffer they are loaded into before use;
    all other operands stream, `stream_depth` tiles ahead. With an `accumulator` width, a reduction whose weights do not
    fit is cut, and partial sums are spilled. `stages` run behind the array. `pad` gives the stored length of
    dimensions that are stored longer than they are. `multiplier` gives the widths of the two operands, `dsp_sharing`
    how many products take turns on one multiplier. `depthwise` are lanes for depthwise convolutions; without, each
    channel is a product that fills one output of the array.
    """

    kind: Literal["dot"]
    inputs: Count
    outputs: Count
    rows: Count = default(1, "count")
    ii: Interval = default(1, "cycles")
    fill: Cycles
    skew: bool = False
    row_latency: Cycles | None = None
    stream_depth: Ahead = default(2, "count")
    holds: Named[Name] = FrozenMap()
    stages: Named[Stage] = FrozenMap()
    pad: Named[Count] = FrozenMap()
    multiplier: tuple[Bits, Bits]
    dsp_sharing: Count = default(1, "count")
    accumulator: Bits | None = None
    depthwise: Depthwise | None = None

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
    makes at once. `depthwise` is as in a dot array.
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
    depthwise: Depthwise | None = None

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


class Private(Part):
    """Words that one place of a spatial array keeps: weights, inputs of one window, sums of one row; left out: any."""

    sourced: str | None = None
    weights: Count | None = None
    inputs: Count | None = None
    outputs: Count | None = None


class SpatialUnit(_Unit):
    """An array with sides of given lengths, along each of which loops of a nest are laid out.

    `unroll` gives for each side the loops that may lie along it (`kh`, `oh`, `oc`, `outputs`, ...) and the largest
    factor of each; a loop may lie along several sides. The first takes as much as it can, the others share what is
    left so that the nest takes the fewest steps. A step does one product in each place, every `ii` cycles.
    `holds` names the buffers that tiles are cut to fit; sums stay in the one of outputs, `accumulator` wide, until
    they are complete. `private` limits what a tile keeps in each place. `load_words` is how many weights a cycle the
    places take from their buffer at the start of a tile, while nothing is computed (left out: beside the tile before).
    `fill` is paid once a stage. `multiplier` and `dsp_packing` are as in a systolic array.
    Not modelled: halos of a convolution (each input element is moved once a pass); hops between places.
    """

    kind: Literal["spatial"]
    sides: Named[Count] = Field(min_length=1)
    unroll: Named[Named[Count]] = Field(min_length=1)
    holds: Operands
    accumulator: Bits
    private: Private = Private()
    load_words: Count | None = None
    ii: Interval = default(1, "cycles")
    fill: Cycles = default(0, "cycles")
    multiplier: tuple[Bits, Bits]
    dsp_packing: Count = default(1, "count")

    @property
    def held(self) -> Mapping[str, str]:
        return {"inputs": self.holds.inputs, "weights": self.holds.weights, "outputs": self.holds.outputs}

    @property
    def macs_per_step(self) -> int:
        return math.prod(side.value for side in self.sides.values())

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
    stream_depth: Ahead = default(2, "count")
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


class HostUnit(_Unit):
    """The processor beside the array: it starts frames, serves interrupts, and runs nodes that no other unit can.

    `launch` is its time for each frame, `dispatch` for each node that another unit runs, `handover` for each node that
    it runs itself, data brought there and back included. `macs` are products a second, `functions` applications of
    a function a second, `others` of any function without an entry of its own.
    Not modelled: its memory traffic, which its rates contain; work of the host beside the array.
    """

    kind: Literal["host"]
    launch: Seconds = default(0.0, "s")
    dispatch: Seconds = default(0.0, "s")
    handover: Seconds = default(0.0, "s")
    macs: Speed
    others: Speed
    functions: Named[Speed] = FrozenMap()


Unit = Annotated[DotUnit | SystolicUnit | SpatialUnit | VectorUnit | RateUnit | HostUnit, Field(discriminator="kind")]

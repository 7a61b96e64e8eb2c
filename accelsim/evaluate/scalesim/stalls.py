"""Why a design of ours waits other than SCALE-Sim does for the same array, buffers and ports, cause by cause.

Ours is the timeline of `mapping/timeline_kernel.py` on `array.yaml`: whole tiles, one half of a buffer in use while the
other half is filled, sums that stay on chip, ports as wide as the peer's. Both sides are split so that they sum to the
cycles from the first word read to the last written.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from accelsim.errors import DoesNotFitError, InternalError
from accelsim.evaluate.scalesim.layer import Convolution, Layer, analyse, windows_of
from accelsim.evaluate.scalesim.traffic import Asked, Buffers, Traffic, demands, traffic
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir.graph import Graph, Tensor
from accelsim.ir.weights import SizesOnly
from accelsim.ops.build import GraphBuilder
from accelsim.sim.simulate import simulate

_LARGEST = 2**31  # words of a buffer: no layer that is followed fills it
_WIDEST = 2**20  # bits of a port in a description; no layer waits for one of 131,072 words a cycle
_ARRAY = Path(__file__).parent / "array.yaml"


@dataclass(frozen=True)
class Theirs:
    """Cycles of the peer beyond those of its folds, and words through DRAM.

    `ifmap`, `filter` and `ofmap` are the waits for that port where each wait for a refill counts once; `counted_twice`
    is what counting it twice, as version 3.0.0 does, adds to their sum: less than they are, even less than nothing, as
    refills go on meanwhile and later waits shrink. `ends` is what is read before the first cycle and written after the
    last.
    """

    counted_twice: int
    ifmap: int
    filter: int
    ofmap: int
    ends: int
    words_read: int
    words_written: int

    def __str__(self) -> str:
        return _told(self)


@dataclass(frozen=True)
class Ours:
    """Cycles of our timeline beyond those of the peer's folds, and words through DRAM.

    `restarts` are cycles of folds that begin again because a tile is smaller than what a fold could stream; the others
    are causes of `results/causes.py`, `ends` their fill_drain: the first tiles and the last results.
    """

    restarts: int
    weight_load: int
    input_wait: int
    output_wait: int
    ends: int
    words_read: int
    words_written: int

    @property
    def stalls(self) -> int:
        """Cycles beyond those of the folds, without the ends: what `stall_cycles` are to the peer."""
        return self.restarts + self.weight_load + self.input_wait + self.output_wait

    def __str__(self) -> str:
        return _told(self)


def _told(cycles: Theirs | Ours) -> str:
    return ", ".join(f"{name} {count}" for name, count in asdict(cycles).items())


@dataclass(frozen=True)
class Case:
    """A layer on an array with buffers and ports, as a row of the peer gives it."""

    name: str
    convolution: Convolution
    layer: Layer
    buffers: Buffers

    @property
    def has_bandwidths(self) -> bool:
        return self.buffers.ifmap.rate is not None

    @cached_property
    def fold_cycles(self) -> int:
        return analyse(self.layer).total_cycles

    @cached_property
    def asked(self) -> Asked:
        return demands(self.convolution, self.layer)

    @cached_property
    def peer(self) -> Traffic:
        return traffic(self.asked, self.layer.columns, self.buffers)

    def theirs(self) -> Theirs:
        once = traffic(self.asked, self.layer.columns, self.buffers, twice=False)
        ends = self.peer.cycles + 1 - self.fold_cycles - self.peer.stalls
        ifmap, weights, ofmap = self.peer.moved
        return Theirs(self.peer.stalls - once.stalls, *once.waited, ends, ifmap + weights, ofmap)

    def ours(self) -> Ours | DoesNotFitError:
        """Ours on the same array, or why no tile fits into half of each buffer."""
        try:
            node = simulate(self._graph(), self.hardware()).nodes[0]
        except DoesNotFitError as error:
            return error
        stalls = node.stalls
        found = Ours(
            stalls["compute"] - self.fold_cycles,
            stalls["weight_load"],
            stalls["input_wait"],
            stalls["output_wait"],
            stalls["fill_drain"],
            node.dram_read_bytes,
            node.dram_write_bytes,
        )
        if self.fold_cycles + found.stalls + found.ends != node.cycles:
            raise InternalError(f"{self.name}: causes of {found} do not sum to {node.cycles} cycles")
        return found

    def hardware(self) -> Hardware:
        """`array.yaml` with the sizes of the case. Raises ValueError where it has no bandwidths."""
        source = f"row {self.name}"
        values: dict[str, object] = {
            "units.array.rows": {"value": self.layer.rows, "sourced": source},
            "units.array.cols": {"value": self.layer.columns, "sourced": source},
            "units.array.dataflow": self.layer.dataflow,
        }
        for operand, (words, rate) in zip(Buffers._fields, self.buffers, strict=True):
            if rate is None:
                raise ValueError(f"{self.name}: no bandwidth is given for its {operand}")
            values[f"memories.{operand}.words"] = {"value": min(words // 2, _LARGEST), "sourced": source}
            for width in ("width", "port_width"):
                values[f"links.{operand}.{width}"] = {"value": f"{min(8 * rate, _WIDEST)} bit", "sourced": source}
        return load_hardware(str(_ARRAY), values)

    def _graph(self) -> Graph:
        """The layer as a convolution, its input as large as its windows cover: a product is one of one channel."""
        sizes = self.convolution
        windows = (sizes.filter_height, sizes.filter_width)
        covered = [
            (count - 1) * sizes.stride + window for count, window in zip(windows_of(sizes), windows, strict=True)
        ]
        builder = GraphBuilder(self.name, SizesOnly("a layer of a table: sizes and no numbers"))
        x = builder.add_input("input", Tensor((1, sizes.channels, *covered)))
        w = builder.declare_parameter("weight", Tensor((sizes.filters, sizes.channels, *windows)))
        return builder.finish(builder.add("conv2d", [x, w], {"stride": (sizes.stride, sizes.stride)}, name="layer"))

"""What every dataflow may ask while it lays out a node: stored widths, homes of tensors, transfers, held buffers."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from accelsim.errors import DoesNotFitError, InputError, UnsupportedError
from accelsim.hw.schema import Buffer, Hardware
from accelsim.ir import Access, Axis, FrozenMap, LoopNest, Node, Operand
from accelsim.mapping.rates import Decision, Rates, decided, rates_of
from accelsim.mapping.record import Floats, Record
from accelsim.mapping.stage import Stage, Transfer
from accelsim.mapping.view import ANY, PARAMETER, Workload, nest_key
from accelsim.results.failure import Failure

T = TypeVar("T")
_READ, _WRITE = Access.READ, Access.WRITE  # members of an Enum are slow to reach


@dataclass(frozen=True)
class Home:
    """Where an operand is stored: the link that carries it (None: on chip), bits of an element, name of its class."""

    link: str | None
    bits: int
    tensor_class: str


class Laid(NamedTuple):
    """Nests of a node that were laid out on a unit as one; those with equal `key` have equal stages."""

    key: Hashable
    node: Node
    unit: str
    nests: tuple[LoopNest, ...]
    scope: str


@dataclass
class Context:
    """A workload on a hardware. Lookups are cached; only what nodes so far did is added while it is used."""

    workload: Workload
    hardware: Hardware
    prices: Mapping[str, tuple[float, float, float]] = FrozenMap({})
    """Joules of a second, a byte over a link and a busy cycle of each unit, where the search minimises energy."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Output tensors of hosts whose epilogue absorbed later nodes: what the host's nest writes -> what is stored."""
    layouts: dict[Hashable, tuple[tuple[str, ...], tuple[Stage, ...]]] = field(default_factory=dict)
    """Stages laid out so far, by what they depend on, with the tensors they were laid out for."""
    laid: list[Laid] = field(default_factory=list)
    """What was laid out, in order."""
    costs: dict[Hashable, tuple[tuple[float, int], ...]] = field(default_factory=dict)
    """Estimated seconds of nests for which the description names several units: (seconds, index of the unit)."""
    ready: float = 0.0
    """Where branches run side by side, the estimated second at which all that the node reads has been made."""
    free: dict[str, float] = field(default_factory=dict)
    """Where branches run side by side, the estimated second at which each unit has done what was placed on it."""
    contested: bool = False
    """Whether a number of the description, not only its structure, chose one of them."""
    decisions: list[Decision] = field(default_factory=list)
    """What was decided by rates, beside the tiles of systolic arrays: at other rates another lowering may be made."""
    kept: dict[str, str] = field(default_factory=dict)
    """Tensors that stay on chip between nodes, and the memory they stay in."""
    sized: bool = False
    """Whether a policy arranged nests by the sizes of units and buffers, not by the structure of the hardware alone."""
    reserved: dict[str, int] = field(default_factory=dict)
    """Bytes of buffers that parameters of the nodes so far stay in."""
    _homes: dict[tuple[str, str, str, int, bool], Home] = field(default_factory=dict)
    _homes_of_classes: dict[Hashable, Home] = field(default_factory=dict)
    _shared: dict[Hashable, Any] = field(default_factory=dict)

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """What several layouts need of the hardware, worked out once."""
        if key not in self._shared:
            self._shared[key] = make()
        found: T = self._shared[key]
        return found

    @cached_property
    def record(self) -> Record:
        """The hardware's links and DRAMs as the kernels of mapping read them."""
        return Record(self.hardware)

    @cached_property
    def rates(self) -> Rates:
        return rates_of(self.hardware)

    def decide(self, choose: Callable[[Rates], Any]) -> int:
        """The alternative that `choose` gives at the rates of the hardware, kept as a decision."""
        self.decisions.append(decided(choose, self.rates))
        return self.decisions[-1].chosen

    def objective(self, unit: str) -> Floats:
        """What the tiles of a unit are searched for, as the kernels read it."""
        return self.record.objective(unit, self.prices.get(unit))

    @cached_property
    def _link_of_class(self) -> dict[str, str]:
        return {carried: name for name, link in self.hardware.links.items() for carried in link.carries}

    @cached_property
    def _on_chip(self) -> frozenset[str]:
        return frozenset(self.hardware.on_chip)

    @cached_property
    def absorbers(self) -> dict[str, str]:
        """The unit that computes an op or nest inside another one's stage."""
        return {key: name for name, unit in self.hardware.units.items() for key in unit.absorbs}

    def start(self, unit: str) -> float:
        """The estimated second at which the node could start on a unit; 0 where nodes follow each other."""
        return max(self.ready, self.free.get(unit, 0.0))

    def keep(self, tensor: str, memory: str) -> None:
        """From now on a tensor stays in a memory; whatever was known of its home is forgotten."""
        self.kept[tensor] = memory
        self._homes = {key: home for key, home in self._homes.items() if not self.is_kept(key[2])}

    def is_kept(self, tensor: str) -> bool:
        """Whether a tensor stays on chip, under this name or as layout ops made it from another."""
        return bool(self.kept) and self.workload.origin(self.renamed.get(tensor, tensor)) in self.kept

    def stored_bits(self, op: str, operand: Operand) -> int:
        """Bits of an element of an operand where it is stored."""
        return operand.stored_bits or self._bits(operand, self._classes(op, operand))

    def home(self, op: str, operand: Operand) -> Home:
        """Where the hardware stores an operand of a node of `op`. Raises InputError where it does not say."""
        key = (op, operand.role, operand.tensor, operand.stored_bits, operand.on_chip)
        found = self._homes.get(key)
        if found is None:
            found = self._homes[key] = self._home(op, operand)
        return found

    def _home(self, op: str, operand: Operand) -> Home:
        """Operands of the same classes have the same home."""
        groups = self._classes(op, operand)
        elsewhere = operand.on_chip or self.is_kept(operand.tensor)
        key = (groups, operand.constant, operand.stored_bits, elsewhere)
        known = self._homes_of_classes.get(key)
        if known is None:
            bits = operand.stored_bits or self._bits(operand, groups)
            link = None if elsewhere else self._link(operand, groups)
            known = Home(link, bits, next(group[0] for group in groups if group))
            self._homes_of_classes[key] = known
        return known

    def _classes(self, op: str, operand: Operand) -> tuple[tuple[str, ...], ...]:
        """Names the hardware may give this operand; one that lives inside the op is `op.role`."""
        own = f"{op}.{operand.role}"
        if operand.constant:
            return ((own,), (PARAMETER,), (ANY,))
        if not operand.tensor:
            return ((own,), (ANY,))
        return self.workload.classes(self.renamed.get(operand.tensor, operand.tensor))

    def _link(self, operand: Operand, groups: tuple[tuple[str, ...], ...]) -> str | None:
        for group in groups:
            homes = {self._link_of_class[name] for name in group if name in self._link_of_class}
            on_chip = any(name in self._on_chip for name in group)
            if len(homes) + on_chip > 1:
                raise InputError(
                    f"{self.hardware.name}: tensor '{operand.tensor or operand.role}' is of classes "
                    f"{', '.join(group)}, which have several homes: {', '.join(sorted(homes))}"
                    f"{' and on_chip' if on_chip else ''}; give one of them only"
                )
            if on_chip:
                return None
            if homes:
                return homes.pop()
        tried = ", ".join(repr(name) for group in groups for name in group)
        raise InputError(
            f"{self.hardware.name}: no link carries '{operand.tensor or operand.role}'; add one of {tried} to "
            "links.<name>.carries or to on_chip"
        )

    def _bits(self, operand: Operand, groups: tuple[tuple[str, ...], ...]) -> int:
        formats = self.hardware.precision
        found = next((formats[name].bits for group in groups for name in group if name in formats), None)
        return found if found is not None else formats["weight" if operand.constant else "activation"].bits

    def transfer(
        self, op: str, operand: Operand, elements: float, *, write: bool, stretch: float = 1.0, runs: float = 0.0
    ) -> tuple[Transfer, ...]:
        """Moving `elements` of an operand once; nothing where it stays on chip. `stretch` is stored padding, `runs`
        the number of pieces they lie in (0: part of one stream)."""
        home = self.home(op, operand)
        if home.link is None or elements <= 0:
            return ()
        size = elements * stretch * home.bits / 8
        beats = math.ceil(size / self.hardware.links[home.link].beat_bytes)
        return (Transfer(home.link, write, size, beats, home.tensor_class, runs),)

    def both_ways(
        self, op: str, operand: Operand, elements: float, *, stretch: float = 1.0, runs: float = 0.0
    ) -> tuple[Transfer, ...]:
        """The transfers that an operand's access asks for: an accumulation reads and writes."""
        moved: tuple[Transfer, ...] = ()
        if operand.access is not _WRITE:
            moved += self.transfer(op, operand, elements, write=False, stretch=stretch, runs=runs)
        if operand.access is not _READ:
            moved += self.transfer(op, operand, elements, write=True, stretch=stretch, runs=runs)
        return moved

    def buffer(self, name: str) -> Buffer:
        memory = self.hardware.memories[name]
        if not isinstance(memory, Buffer):
            raise InputError(f"{self.hardware.name}: memory '{name}' holds an operand but is not a buffer")
        return memory


def _able(nest: LoopNest) -> tuple[str, ...]:
    """Kinds of units that can run a nest. Arrays multiply rows by what all rows share; a rate and a host any two."""
    if nest.function != "mac":
        return ("vector", "host")
    axis = {dim.name: dim.axis for dim in nest.dims}
    factors = [{axis[dim] for dim in operand.dims} for operand in nest.operands if operand.access is _READ]
    shared = any(Axis.REDUCE in axes and Axis.ROW not in axes for axes in factors)
    return ("dot", "systolic", "spatial", "rate", "host") if shared else ("rate", "host")


def cannot_run(
    context: Context, unit: str, node: Node, nest: LoopNest, why: str, *, lever: str = ""
) -> UnsupportedError:
    """An error in the form of a `Failure`, which it carries: a unit that cannot run a nest, and what would help.

    Without a `lever` of its own it names the units of the description that are of a kind that can, or such kinds.
    """
    key = nest_key(node, nest)
    if not lever:
        kinds = _able(nest)
        able = [name for name, other in context.hardware.units.items() if other.kind in kinds and name != unit]
        lever = f"place it on {' or '.join(able)}: placement.{key}" if able else f"add a unit of {' or '.join(kinds)}"
    text = f"{context.hardware.name}: unit '{unit}' {why}, it cannot run '{key}' of node '{node.name}'; {lever}"
    return UnsupportedError(text, (no_unit(node, nest, lever),))


def no_unit(node: Node, nest: LoopNest, lever: str) -> Failure:
    """What is missing where nothing runs a nest."""
    return Failure(f"units that run '{nest_key(node, nest)}' (node '{node.name}')", 1, 0, "units", levers=(lever,))


def does_not_fit(what: str, demand: float, bound: float, unit: str, lever: str) -> DoesNotFitError:
    """An error in the form of a `Failure`, which it carries: demand, bound, unit and what would help."""
    failure = Failure(what, demand, bound, unit, levers=(lever,))
    text = f"{what}: needs {demand:,.0f} {unit}, has {bound:,.0f} {unit} -- would help: {lever}"
    return DoesNotFitError(text, (failure,))

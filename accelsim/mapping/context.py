"""What every dataflow may ask while it lays out a node: stored widths, homes of tensors, transfers, held buffers."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property

from accelsim.errors import DoesNotFitError, InputError
from accelsim.hw.schema import Buffer, Hardware
from accelsim.ir import Access, Operand
from accelsim.mapping.stage import Stage, Transfer
from accelsim.mapping.view import ANY, PARAMETER, Workload


@dataclass(frozen=True)
class Home:
    """Where an operand is stored: the link that carries it (None: on chip), bits of an element, name of its class."""

    link: str | None
    bits: int
    tensor_class: str


@dataclass
class Context:
    """A workload on a hardware. Lookups are cached; nothing else changes while it is used."""

    workload: Workload
    hardware: Hardware
    renamed: dict[str, str] = field(default_factory=dict)
    """Output tensors of hosts whose epilogue absorbed later nodes: what the host's nest writes -> what is stored."""
    layouts: dict[Hashable, tuple[tuple[str, ...], tuple[Stage, ...]]] = field(default_factory=dict)
    """Stages laid out so far, by what they depend on, with the tensors they were laid out for."""
    _homes: dict[tuple[str, str, str], Home] = field(default_factory=dict)

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

    def home(self, op: str, operand: Operand) -> Home:
        """Where the hardware stores an operand of a node of `op`. Raises InputError where it does not say."""
        key = (op, operand.role, operand.tensor)
        if key not in self._homes:
            groups = self._classes(op, operand)
            self._homes[key] = Home(
                self._link(operand, groups), self._bits(operand, groups), next(group[0] for group in groups if group)
            )
        return self._homes[key]

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
        self, op: str, operand: Operand, elements: float, *, write: bool, stretch: float = 1.0
    ) -> tuple[Transfer, ...]:
        """Moving `elements` of an operand once; nothing where it stays on chip. `stretch` is stored padding."""
        home = self.home(op, operand)
        if home.link is None or elements <= 0:
            return ()
        size = elements * stretch * home.bits / 8
        beats = math.ceil(size / self.hardware.links[home.link].beat_bytes)
        return (Transfer(home.link, write, size, beats, home.tensor_class),)

    def both_ways(self, op: str, operand: Operand, elements: float, *, stretch: float = 1.0) -> tuple[Transfer, ...]:
        """The transfers that an operand's access asks for: an accumulation reads and writes."""
        moved: tuple[Transfer, ...] = ()
        if operand.access is not Access.WRITE:
            moved += self.transfer(op, operand, elements, write=False, stretch=stretch)
        if operand.access is not Access.READ:
            moved += self.transfer(op, operand, elements, write=True, stretch=stretch)
        return moved

    def buffer(self, name: str) -> Buffer:
        memory = self.hardware.memories[name]
        if not isinstance(memory, Buffer):
            raise InputError(f"{self.hardware.name}: memory '{name}' holds an operand but is not a buffer")
        return memory


def does_not_fit(what: str, demand: float, bound: float, unit: str, lever: str) -> DoesNotFitError:
    """An error in the form of a `Failure`: demand, bound, unit and what would help."""
    return DoesNotFitError(f"{what}: needs {demand:,.0f} {unit}, has {bound:,.0f} {unit}; {lever}")

"""Who serves the transfers of a hardware: the port of each link, and the channels of the DRAM behind it.

A transfer keeps its port busy for `port_cycles` and claims `dram_seconds` of its DRAM (see `hw/transfers.py`); both
are FIFO servers in the static order of the program. The channels that a link has to itself are a server of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from accelsim.hw.memory import Dram, Link
from accelsim.hw.schema import Hardware
from accelsim.hw.transfers import dram_seconds
from accelsim.mapping.stage import Stage, Transfer


@dataclass(frozen=True)
class DramServer:
    """Channels of a DRAM that are served as one queue."""

    name: str
    dram: Dram
    share: float

    def seconds(self, size_bytes: float, *, write: bool, runs: float = 0.0, switch_s_per_byte: float = 0.0) -> float:
        """What a transfer claims of it."""
        dram = self.dram
        return dram_seconds(
            size_bytes,
            runs,
            (dram.written_bytes_per_s if write else dram.bytes_per_s) * self.share,
            dram.granule.value,
            dram.row_miss.value / (self.share * dram.channels.value),
            switch_s_per_byte,
        )


@dataclass(frozen=True)
class Servers:
    """The DRAM servers of a hardware, in the order in which programs count them, and the one of each link."""

    hardware: Hardware

    @cached_property
    def drams(self) -> tuple[DramServer, ...]:
        found = []
        for name, memory in self.hardware.memories.items():
            if isinstance(memory, Dram):
                total = memory.channels.value
                links = [(n, link) for n, link in self.hardware.links.items() if link.memory == name]
                taken = sum(link.channels.value for _, link in links if link.channels is not None)
                if taken < total:
                    found.append(DramServer(name, memory, (total - taken) / total))
                for own, link in links:
                    if link.channels is not None:
                        found.append(DramServer(f"{name} of {own}", memory, link.channels.value / total))
        return tuple(found)

    @cached_property
    def of_link(self) -> dict[str, int]:
        """Index into `drams` for each link; -1 where it leads to none."""
        index = {server.name: i for i, server in enumerate(self.drams)}
        return {name: index.get(_server_name(name, link), -1) for name, link in self.hardware.links.items()}

    def switching(self, stage: Stage) -> dict[int, float]:
        """Seconds lost to turning the bus for each byte that a stage writes, by DRAM server.

        The controller turns to writes and back once for each batch, as long as there are reads to turn back to.
        """
        found: dict[int, float] = {}
        for index, server in enumerate(self.drams):
            if not server.dram.turnaround.value:
                continue
            read, written = (self._moved(stage, index, write=way) for way in (False, True))
            if read and written:
                each = server.dram.turnaround.value / server.dram.write_batch.value
                found[index] = each / (server.share * server.dram.channels.value) * min(1.0, read / written)
        return found

    def _moved(self, stage: Stage, server: int, *, write: bool) -> float:
        def total(transfers: Iterable[Transfer]) -> float:
            return sum(t.size_bytes for t in transfers if t.write is write and self.of_link[t.link] == server)

        return total(stage.streams) * stage.tiles + (total(stage.held) + total(stage.stores)) * stage.rounds


def _server_name(name: str, link: Link) -> str:
    return link.memory if link.channels is None else f"{link.memory} of {name}"

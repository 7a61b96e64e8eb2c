"""What holds of every result, on thousands of random worlds with semantic ops, zeros, policies and several instances.

Bounds of the compute units, of every port and of the DRAM; sums of causes, of energies and of nodes; fill of memories;
what more bandwidth and more instances may do. `test_random_worlds.py` has the compulsory traffic of plain graphs,
`test_timeline_properties.py` the same of bare programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import AccelsimError
from accelsim.hw.schema import Hardware
from accelsim.mapping.servers import Servers
from accelsim.mapping.stage import Stage, Transfer
from accelsim.mapping.view import Workload
from accelsim.results import Result
from accelsim.sim.simulate import result_of
from accelsim.sim.timeline import run_program
from accelsim.sim.timing import Timing, retimed, time_frames
from tests.sim.random_worlds import KINDS, peak_products
from tests.sim.wide_worlds import World, reasoned, wide_worlds

WORLDS = 240
"""Of each kind of array."""


def _timed(kind: str, folder: Path, count: int) -> Iterator[tuple[World, Timing]]:
    """Worlds that run; the others say why they do not."""
    ran = 0
    for world in wide_worlds(kind, folder, count):
        try:
            timing = time_frames([world.frame], world.hardware)
        except AccelsimError as error:
            assert reasoned(error), error  # noqa: PT017
        else:
            ran += 1
            yield world, timing
    assert ran > 0.9 * count


def _channels(stage: Stage) -> Iterator[tuple[Transfer, int]]:
    for transfers, times in ((stage.streams, stage.tiles), ((*stage.held, *stage.stores), stage.rounds)):
        yield from ((transfer, times) for transfer in transfers)


def _no_unit_port_or_memory_is_beaten(timing: Timing) -> None:
    hardware, base, total = timing.hardware, timing.base, timing.timeline.total
    for name in hardware.units:
        own = [stage for stage in timing.stages if stage.unit == name]
        assert total >= sum(stage.compute_cycles for stage in own) * base.unit_ticks(name)
    busy: dict[tuple[str, bool], float] = {}
    moved: dict[int, float] = {}
    served = Servers(hardware).of_link
    for stage in timing.stages:
        for transfer, times in _channels(stage):
            link = hardware.links[transfer.link]
            key = (transfer.link, transfer.write)
            # An access of a port takes a cycle of its clock at least, and a beat no fewer than its width asks for.
            cycles = times * transfer.beats * link.cycles_per_beat
            assert transfer.beats * link.beat_bytes >= transfer.size_bytes
            busy[key] = busy.get(key, 0.0) + cycles * base.link_ticks(transfer.link)
            moved[served[transfer.link]] = moved.get(served[transfer.link], 0.0) + times * transfer.size_bytes
    assert all(total >= ticks * (1 - 1e-9) for ticks in busy.values())
    for server, size in moved.items():
        rate = Servers(hardware).drams[server].dram.bytes_per_s
        assert total / base.tick_hz >= size / rate * (1 - 1e-9)
    assert total >= timing.timeline.channel_busy.max(initial=0)
    assert total >= timing.timeline.memory_busy.max(initial=0)


def _no_product_is_lost(world: World, timing: Timing) -> None:
    unit = world.hardware.units["array"]
    work = Workload(timing.prepared[0], world.frame.activity)
    nominal = sum(nest.macs for node in work.graph.nodes for nest in work.nests(node))
    counted = sum(stage.macs for stage in timing.stages)
    if unit.sparse or world.frame.graph.name in ("mixed", "adapted"):
        return  # zeros are left out, kernels are mixed as products or as sums, adapters merge
    if world.frame.graph.name == "difference" and world.hardware.schedule.differences == "folded":
        assert 0 < counted < nominal  # without the product of the difference
    else:
        assert counted == nominal
    if (peak := peak_products(world.hardware, "array")) > 0:
        seconds = sum(stage.macs for stage in timing.stages if stage.unit == "array") / peak
        assert timing.cycles / world.hardware.clock_hz >= seconds * (1 - 1e-9)


def _sums_are_whole(timing: Timing, result: Result) -> None:
    timeline = timing.timeline
    assert np.array_equal(timeline.causes.sum(axis=1), timeline.end - timeline.start)
    assert (timing.row_causes >= 0).all()
    assert (timing.row_credit >= 0).all()
    assert sum(result.stalls.values()) == result.cycles == timing.row_credit.sum()
    for scope, joules in result.energy.items():
        if scope != "board":
            parts = [j for name, j in result.energy_components.items() if name.startswith(f"{scope}.")]
            assert joules == pytest.approx(sum(parts), rel=1e-9)
    assert result.energy["board"] == pytest.approx(sum(result.energy_components.values()), rel=1e-9)
    assert sum(node.energy_j for node in result.nodes) == pytest.approx(result.energy_j, rel=1e-6)
    for name, ends in result.ranges.items():
        assert ends.low <= result.energy[name.removeprefix("energy_").removesuffix("_j")] <= ends.high
    assert result.macs == sum(node.macs for node in result.nodes)
    assert result.dram_read_bytes == timing.row_bytes[:, 0].sum()


def _shares_are_shares(timing: Timing, result: Result) -> None:
    assert 0.0 <= result.utilisation <= 1.0 + 1e-9
    for node in result.nodes:
        assert 0.0 <= node.utilisation <= 1.0 + 1e-9, node.name
        assert node.cycles >= node.ideal_cycles or timing.program.lanes is not None
    short = {failure.what for failure in result.misfits}
    for memory in result.memories:
        if memory.peak_bytes is not None and not any(f"'{memory.name}'" in what for what in short):
            assert memory.peak_bytes <= memory.capacity_bytes, memory


def _instances_share(world: World, timing: Timing, result: Result) -> None:
    count = world.hardware.instances.value
    traffic = timing.program.memory_ticks.sum(axis=0).max(initial=0) / timing.base.tick_hz
    assert timing.interval_s >= timing.timeline.total / timing.base.tick_hz / count * (1 - 1e-9)
    assert timing.interval_s >= traffic * (1 - 1e-9)
    if count > 1 and world.hardware.schedule.spread == "frames":
        assert timing.interval_s <= timing.timeline.total / timing.base.tick_hz * (1 + 1e-3) + 1e-6
    assert result.throughput_per_s == pytest.approx(1 / timing.interval_s)


def _stepping_changes_nothing(timing: Timing) -> None:
    stepped = run_program(timing.program, step_every_tile=True)
    assert stepped.total == timing.timeline.total
    assert np.array_equal(stepped.causes, timing.timeline.causes)


def _faster(timing: Timing, hardware: Hardware) -> None:
    """With tiles and order of service fixed."""
    if timing.program.lanes is not None:
        return
    numbers = dict(hardware.quantities())
    changes = {"memories.dram.bandwidth": 1.7, "memories.dram.efficiency": 1.2, "clocks.ddr.frequency": 2.0}
    for path, factor in changes.items():
        found = retimed(timing, hardware.with_values({path: numbers[path].value * factor}))
        # Another clock is another tick, to which every duration is rounded up.
        slack = 0.0 if found.base.tick_hz == timing.base.tick_hz else 2 * len(timing.stages) / timing.base.tick_hz
        assert found.timeline.total / found.base.tick_hz <= timing.timeline.total / timing.base.tick_hz + slack, path


def _check(world: World, timing: Timing) -> None:
    result = result_of(timing)
    _no_unit_port_or_memory_is_beaten(timing)
    _no_product_is_lost(world, timing)
    _sums_are_whole(timing, result)
    _shares_are_shares(timing, result)
    _instances_share(world, timing, result)
    _stepping_changes_nothing(timing)
    _faster(timing, world.hardware)


@pytest.mark.parametrize("kind", KINDS)
def test_every_bound_and_sum_holds(kind: str, tmp_path: Path) -> None:
    for world, timing in _timed(kind, tmp_path, 18):
        _check(world, timing)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_bound_and_sum_holds_in_many_worlds(kind: str, tmp_path: Path) -> None:
    for world, timing in _timed(kind, tmp_path, WORLDS):
        _check(world, timing)

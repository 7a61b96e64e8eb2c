"""The timeline's rules once more: plain Python, one transfer at a time, channel by channel, no jumps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from accelsim.results.causes import CAUSES
from accelsim.sim import table
from accelsim.sim.table import Program


@dataclass
class Stage:
    """One row of a program, columns and transfers by name; a transfer is {channel: (ticks, claim)}."""

    outer: int
    inner: int
    tail: int
    compute: int
    flush: int
    fill: int
    depth: int
    latency: int
    stream_latency: int
    serial: int
    cause: int
    group: int
    slots: int
    tile_reads: dict[int, tuple[int, int]] = field(default_factory=dict)
    tile_writes: dict[int, tuple[int, int]] = field(default_factory=dict)
    held: dict[int, tuple[int, int]] = field(default_factory=dict)
    stores: dict[int, tuple[int, int]] = field(default_factory=dict)
    after: list[int] = field(default_factory=list)
    lane: int = 0
    stretch: list[float] = field(default_factory=list)

    def iterations(self) -> list[int]:
        """Tiles of each iteration."""
        return [self.inner] * self.outer + ([self.tail] if self.tail else [])


def stages(program: Program) -> list[Stage]:
    result = []
    for r, row in enumerate(program.rows.tolist()):

        def transfers(name: str, parity: int, r: int = r) -> dict[int, tuple[int, int]]:
            ports, claims = getattr(program, name)[r].tolist(), getattr(program, name + "_dram")[r].tolist()
            return {c: (p, d) for c, (p, d) in enumerate(zip(ports, claims, strict=True)) if c % 2 == parity and p + d}

        result.append(
            Stage(
                *row[: table.NODE],
                tile_reads=transfers("inner", 0),
                tile_writes=transfers("inner", 1),
                held=transfers("begin", 0),
                stores=transfers("end", 1),
                after=[r - 1][: r > 0],
            )
        )
    if program.lanes is not None:
        lanes = program.lanes
        for stage, after, lane, stretch in zip(result, lanes.after, lanes.lane, lanes.stretch, strict=True):
            stage.after = [row for row in after.tolist() if row >= 0]
            stage.lane, stage.stretch = int(lane), stretch.tolist()
    return result


@dataclass
class Prefetch:
    """A held load on its way: what is still to be spread over the running tiles, by server."""

    start: int
    done: int
    issue: int
    shares: dict[object, list[int]]
    latency: int


class World:
    """Channels and DRAMs as in-order servers."""

    def __init__(self, program: Program) -> None:
        self.free: dict[object, int] = {}
        self.memory = program.memory_of_channel.tolist()
        self.log: list[tuple[object, int, int]] = []

    def demands(self, stage: Stage, transfers: dict[int, tuple[int, int]]) -> dict[object, int]:
        """Ticks of each server, which is the stage's lane's own and slower by its stretch."""
        needs: dict[int, int] = {}
        for channel, (ticks, claim) in transfers.items():
            for server, amount in ((channel, ticks), (len(self.memory) + self.memory[channel], claim)):
                if amount:
                    needs[server] = needs.get(server, 0) + amount
        return {
            self.named(server, stage.lane): math.ceil(ticks * (stage.stretch[server] if stage.stretch else 1))
            for server, ticks in needs.items()
        }

    def named(self, server: int, lane: int) -> object:
        plain = server if server < len(self.memory) else ("dram", server - len(self.memory))
        return (lane, plain) if lane else plain

    def serve(self, server: object, ticks: int, request: int) -> int:
        start = max(self.free.get(server, 0), request)
        self.free[server] = start + ticks
        self.log.append((server, start, start + ticks))
        return start + ticks

    def transfer(self, stage: Stage, transfers: dict[int, tuple[int, int]], request: int) -> int:
        return max((self.serve(s, t, request) for s, t in self.demands(stage, transfers).items()), default=0)

    def load(self, stage: Stage, request: int, running: Stage | None = None, tiles: int = 0) -> Prefetch:
        """Issue a held load: served whole, except on servers that `running`'s tiles use."""
        crowded = {}
        if running:
            crowded = {**self.demands(running, running.tile_reads), **self.demands(running, running.tile_writes)}
        load = Prefetch(1 << 62, 0, request, {}, stage.latency)
        for server, ticks in self.demands(stage, stage.held).items():
            load.start = min(load.start, max(self.free.get(server, 0), request))
            if tiles and server in crowded:
                load.shares[server] = [(ticks + tiles - 1 - i) // tiles for i in range(tiles)]
            else:
                load.done = max(load.done, self.serve(server, ticks, request) + stage.latency)
        return load


def simulate(program: Program) -> tuple[list[dict[str, int]], list[list[int]], World]:
    """Times and causes of each row, and the world with its log of every service."""
    world, plan = World(program), stages(program)
    ready: dict[int, Prefetch] = {}
    times, causes = [], []
    for r, stage in enumerate(plan):
        now = max((times[k]["end"] for k in stage.after), default=0)
        row, cause = {"start": now, "held_start": -1, "held_end": -1}, [0] * len(CAUSES)

        def book(name: str, ticks: int, cause: list[int] = cause) -> None:
            cause[CAUSES.index(name)] += ticks

        book("serial", stage.serial)
        origin = now + stage.serial
        computed: list[int] = []
        tile_stores: list[int] = []
        iteration_stores: list[int] = []
        waiting: list[tuple[str, int]] = []  # stores not issued yet
        c = origin
        later = [k for k in range(r + 1, len(plan)) if stage.group and plan[k].group == stage.group and plan[k].held]
        load = None
        if stage.held:
            load = ready.get(r) or world.load(stage, origin)
            row["held_start"] = load.start

        def issue_stores(
            stage: Stage = stage, waiting: list = waiting, t: list = tile_stores, e: list = iteration_stores
        ):
            for kind, request in waiting:
                if kind == "tile":
                    t.append(world.transfer(stage, stage.tile_writes, request))
                else:
                    e.append(world.transfer(stage, stage.stores, request))
            waiting.clear()

        sizes = stage.iterations()
        for o, tiles in enumerate(sizes):
            last = o == len(sizes) - 1
            target = None
            if stage.held and stage.group:
                target = (later[0] if later else None) if last else r
            following = None
            if load is not None:
                row["held_end"] = load.done
            for i in range(max(tiles, 1)):
                index = len(computed)
                request = computed[index - stage.depth] if index >= stage.depth else origin
                streams = 0
                if tiles and stage.tile_reads:
                    streams = world.transfer(
                        stage, stage.tile_reads, request + (stage.stream_latency if index == 0 else 0)
                    )
                    if index == 0:
                        request += stage.stream_latency
                issue_stores()
                candidates = [("stay", c)]
                if i == 0 and load is not None:
                    candidates.append(("weight_load", load.done))
                candidates.append(("fill_drain" if index == 0 else "input_wait", streams))
                if len(tile_stores) >= stage.depth:
                    candidates.append(("output_wait", tile_stores[-stage.depth]))
                if i == 0 and len(iteration_stores) >= stage.depth:
                    candidates.append(("output_wait", iteration_stores[-stage.depth]))
                start = max(t for _, t in candidates)
                if start > c:
                    book(next(name for name, t in candidates if t == start), start - c)
                row.setdefault("compute_start", start)
                if i == 0 and target is not None and stage.slots == 2:
                    following = world.load(plan[target], start, stage, tiles)
                if following is not None:
                    for server, shares in following.shares.items():
                        if shares[i]:
                            done = world.serve(server, shares[i], max(following.issue, request))
                            following.done = max(following.done, done + (following.latency if i == 0 else 0))
                c = start
                if tiles:
                    c += stage.compute
                    book(CAUSES[stage.cause], stage.compute)
                    if stage.tile_writes:
                        waiting.append(("tile", c))
                computed.append(c)
            c += stage.flush
            book(CAUSES[stage.cause], stage.flush)
            computed[-1] = c
            if stage.stores:
                waiting.append(("iteration", c))
            if stage.held and stage.group and stage.slots == 1 and target is not None:
                issue_stores()
                following = world.load(plan[target], c)
            elif stage.held and not stage.group and not last:
                issue_stores()
                following = world.load(stage, max([c, *tile_stores[-1:], *iteration_stores[-1:]]))
            if last and target is not None:
                ready[target] = following
            load = following
        issue_stores()
        row["compute_end"] = c
        now = max([c + stage.fill, *tile_stores[-1:], *iteration_stores[-1:]])
        book("fill_drain", now - c)
        row["end"] = now
        times.append(row)
        causes.append(cause)
    return times, causes, world

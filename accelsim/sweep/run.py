"""Running the parts of a sweep that are missing: here, as one shard of a job array, or on a Dask cluster."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError, MissingExtraError
from accelsim.sweep.parts import Parts
from accelsim.sweep.spec import Search, SweepSpec
from accelsim.sweep.store import Store, create_store

if TYPE_CHECKING:
    import pyarrow

PartDone = Callable[[int, int, int], None]
"""Called after each part with the numbers of its points, of those that failed, and of those before `where`."""


_CALL_S = 5.0
"""About how long one call may take: what a kill loses, and how often progress is told."""

_MOST_TOGETHER, _TASKS_OF_A_CORE = 8, 4
"""Parts that one task of a worker does at most, and tasks that a core has at least, so that none waits for the last."""


@dataclass(frozen=True)
class Shard:
    """Every `of`-th part, beginning with `index` - 1: what one of `of` jobs of an array does."""

    index: int = 1
    of: int = 1

    def parts(self, count: int) -> range:
        return range(self.index - 1, count, self.of)

    @classmethod
    def parse(cls, text: str) -> Shard:
        """`2/8` -> the second of eight. Raises InputError."""
        first, slash, last = text.partition("/")
        if not slash or not (first.isdigit() and last.isdigit()) or not 1 <= int(first) <= int(last):
            raise InputError(f"shard {text!r} is not i/n with 1 <= i <= n, such as 2/8")
        return cls(int(first), int(last))


def prepare(spec: SweepSpec, folder: Path) -> tuple[Parts, Store]:
    """The parts of a sweep and its store, made or found. Raises InputError."""
    parts = Parts(spec)
    parts.check()
    store = create_store(folder, spec, parts=len(parts), points=parts.points, provenance=parts.provenance)
    return parts, store


@dataclass(frozen=True)
class Tally:
    """Points that a run timed, those of them that failed, those that `where` left out, and those there before."""

    found: int
    failed: int
    left_out: int
    before: int


Counter = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Opens progress over so many points; what it gives is called with how many more are done."""


@contextlib.contextmanager
def uncounted(total: int) -> Iterator[Callable[[int], None]]:
    """Progress that nobody watches."""
    yield lambda points: None


def run(
    spec: SweepSpec,
    folder: Path,
    *,
    jobs: int = 1,
    shard: Shard | None = None,
    scheduler: str | None = None,
    counted: Counter = uncounted,
) -> Tally:
    """Run what a store lacks: all, a shard of it, or on the workers of a Dask scheduler; a search always here.

    Raises InputError for a folder of something else and what evaluating raises.
    """
    from accelsim.sweep.search import run_search

    parts, store = prepare(spec, folder)
    searching = isinstance(spec.strategy, Search)
    share = [] if searching else (shard or Shard()).parts(len(parts))
    wanted = store.missing(share)
    before = store.rows() if searching else parts.points_of(share) - parts.points_of(wanted)
    total = parts.points - before if searching else parts.points_of(wanted)
    found = failed = left_out = 0
    with counted(total) as advance:

        def done(points: int, failures: int, asked: int) -> None:
            nonlocal found, failed, left_out
            found, failed, left_out = found + points, failed + failures, left_out + asked - points
            advance(asked)

        if searching:
            run_search(parts, store, jobs=jobs, done=done)
        elif scheduler is None:
            run_here(parts, store, wanted, jobs=jobs, done=done)
        else:
            run_on_dask(parts, store, wanted, address=scheduler, done=done)
    return Tally(found, failed, left_out, before)


def run_here(parts: Parts, store: Store, wanted: Sequence[int], *, jobs: int, done: PartDone) -> None:
    """Evaluate and write the wanted parts in this process, on `jobs` cores.

    As many at once as take a few seconds: larger calls share more, smaller ones lose less to a kill.
    """
    left, most = list(wanted), 1
    while left:
        together = parts.together(left, most)
        parts.evaluator(parts.ranges[together[0]][0])
        started = time.perf_counter()
        for part, table in zip(together, parts.tables(together, threads=jobs), strict=True):
            _finish(parts, store, part, table, done)
        each = (time.perf_counter() - started) / len(together)
        most = max(1, min(4 * most, int(_CALL_S / each)))
        left = left[len(together) :]


def run_on_dask(parts: Parts, store: Store, wanted: Sequence[int], *, address: str, done: PartDone) -> None:
    """Evaluate the wanted parts on the workers of a Dask scheduler; this process writes them as they come.

    A worker that is lost has its parts done by others. Raises InputError where the scheduler cannot be reached, where a
    worker has other files than this process, and what evaluating raises.
    """
    with _client(address) as client:
        from distributed import as_completed

        record = parts.spec.model_dump_json()
        cores = sum(client.nthreads().values())
        most = max(1, min(_MOST_TOGETHER, len(wanted) // (_TASKS_OF_A_CORE * max(cores, 1))))
        left, futures = list(wanted), {}
        while left:
            together = parts.together(left, most)
            left = left[len(together) :]
            futures[client.submit(tables_of, record, parts.provenance, together, pure=False, retries=3)] = together
        for future in as_completed(list(futures)):
            for part, stream in zip(futures.pop(future), future.result(), strict=True):
                _finish(parts, store, part, _from_bytes(stream), done)
            future.release()


def tables_of(record: str, provenance: dict[str, str], parts: Sequence[int]) -> list[bytes]:
    """What a worker does: the tables of some parts as Arrow streams. Raises InputError for files that differ."""
    import pyarrow as pa

    streams = []
    for table in _parts_there(record, tuple(provenance.items())).tables(parts):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        streams.append(bytes(sink.getvalue().to_pybytes()))
    return streams


@lru_cache(maxsize=1)
def _parts_there(record: str, provenance: tuple[tuple[str, str], ...]) -> Parts:
    """The parts of a sweep on a worker, its models kept between calls."""
    parts = Parts(SweepSpec.model_validate_json(record))
    differs = next((name for name, digest in provenance if parts.provenance[name] != digest), None)
    if differs is not None:
        raise InputError(f"a worker on {socket.gethostname()} has another {differs} than this machine")
    return parts


def _from_bytes(stream: bytes) -> pyarrow.Table:
    import pyarrow as pa

    return pa.ipc.open_stream(stream).read_all()


def _finish(parts: Parts, store: Store, part: int, table: pyarrow.Table, done: PartDone) -> None:
    store.write(part, table)
    done(table.num_rows, table.column("latency_s").null_count, parts.points_of([part]))


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise MissingExtraError("distributed", "farm", "a sweep on a Dask scheduler") from None
    try:
        client = Client(address, timeout="20s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"--scheduler {address}: cannot be reached: {error or type(error).__name__}") from None
    try:
        with client.as_current():
            yield client
    finally:
        client.close()

"""Running the parts of a sweep that are missing: here, as one shard of a job array, or on a Dask cluster."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError, MissingExtraError
from accelsim.evaluate.points import provenance_of
from accelsim.sweep.parts import Parts
from accelsim.sweep.spec import SweepSpec
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
    store = create_store(folder, spec, parts=len(parts), points=parts.points, provenance=provenance_of_spec(spec))
    return parts, store


def provenance_of_spec(spec: SweepSpec) -> dict[str, str]:
    """Digests of what a sweep names."""
    return provenance_of([choice.model for choice in spec.models], spec.hardware)


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
        provenance = provenance_of_spec(parts.spec)
        cores = sum(client.nthreads().values())
        most = max(1, min(_MOST_TOGETHER, len(wanted) // (_TASKS_OF_A_CORE * max(cores, 1))))
        left, futures = list(wanted), {}
        while left:
            together = parts.together(left, most)
            left = left[len(together) :]
            futures[client.submit(tables_of, record, provenance, together, pure=False, retries=3)] = together
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
    spec = SweepSpec.model_validate_json(record)
    found = provenance_of_spec(spec)
    differs = next((name for name, digest in provenance if found[name] != digest), None)
    if differs is not None:
        raise InputError(f"a worker on {socket.gethostname()} has another {differs} than this machine")
    return Parts(spec)


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

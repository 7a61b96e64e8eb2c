"""Running the parts of a sweep that are missing: here, as one shard of a job array, or on a Dask cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError, MissingExtraError
from accelsim.evaluate.points import provenance_of
from accelsim.sweep.points import Parts
from accelsim.sweep.spec import SweepSpec
from accelsim.sweep.store import Store, create_store

if TYPE_CHECKING:
    import pyarrow

PartDone = Callable[[int, int, int], None]
"""Called after each part with the numbers of its points, of those that failed, and of those before `where`."""


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
    store = create_store(folder, spec, parts=len(parts), points=parts.points, provenance=provenance_of(spec.hardware))
    return parts, store


def run_here(parts: Parts, store: Store, wanted: Sequence[int], *, jobs: int, done: PartDone) -> None:
    """Evaluate and write the wanted parts in this process, on `jobs` cores."""
    for part in wanted:
        _finish(parts, store, part, parts.table(part, threads=jobs), done)


def run_on_dask(parts: Parts, store: Store, wanted: Sequence[int], *, address: str, done: PartDone) -> None:
    """Evaluate the wanted parts on the workers of a Dask scheduler; this process writes them as they come.

    A worker that is lost has its parts done by others. Raises InputError where the scheduler cannot be reached and
    what evaluating raises.
    """
    with _client(address) as client:
        from distributed import as_completed

        record = parts.spec.model_dump(mode="json")
        futures = {client.submit(part_bytes, record, part, pure=False, retries=3): part for part in wanted}
        for future in as_completed(list(futures)):
            _finish(parts, store, futures.pop(future), _from_bytes(future.result()), done)
            future.release()


def part_bytes(record: dict[str, Any], part: int) -> bytes:
    """What a worker does: the table of one part as an Arrow stream."""
    import pyarrow as pa

    table = Parts(SweepSpec.model_validate(record)).table(part)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


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

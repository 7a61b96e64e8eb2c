"""Threads of the engine: BLAS kept to one, and a team that shares out independent pieces of a node.

BLAS's own threads wait for each other inside every product. Where another process wants the same cores,
that costs a scheduler's time slice a product (measured: 24 ms instead of 0.5 ms). A team meets once a node,
and who is held up leaves the other pieces to the rest. Pieces do not depend on the size of the team, so
results are equal bit for bit under any number of threads.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import numpy as np

_SYMBOLS = ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads")


class Team:
    """At most `threads` threads, the calling one included, working on pieces numbered from 0."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "accelsim") if threads > 1 else None

    def each(self, pieces: int, work: Callable[[int, int], None]) -> None:
        """Call `work(piece, worker)` for every piece, in no order; workers are numbered below `threads`.

        An error in any piece is raised here, after all workers have stopped.
        """
        todo = iter(range(pieces))  # taking the next of a range is one step under the interpreter's lock

        def serve(worker: int) -> None:
            with np.errstate(all="ignore"):
                for piece in todo:
                    work(piece, worker)

        helpers = min(self.threads, pieces) - 1
        futures = [self._pool.submit(serve, 1 + i) for i in range(helpers)] if self._pool else []
        try:
            serve(0)
        finally:
            started = [future for future in futures if not future.cancel()]
            wait(started)
        for future in started:
            future.result()


_Setters = tuple[Callable[[], int], Callable[[int], None]]


def _find_blas() -> _Setters | None:
    """Read and set the thread count of the OpenBLAS in NumPy's wheel; None where NumPy has another BLAS."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            library = ctypes.CDLL(str(path))
            for symbol in _SYMBOLS:
                if hasattr(library, symbol.format("set")):
                    return getattr(library, symbol.format("get")), getattr(library, symbol.format("set"))
    return None


_BLAS = _find_blas()
_lock = threading.Lock()
_inside = 0
_before = 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS on one thread within; the count from before is put back when the last of several users leaves.

    Without effect where NumPy's BLAS is not the OpenBLAS of its wheel.
    """
    global _inside, _before  # noqa: PLW0603  (the thread count of BLAS is a global of the process too)
    if _BLAS is None:
        yield
        return
    get, put = _BLAS
    with _lock:
        if not _inside:
            _before = get()
            put(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                put(_before)

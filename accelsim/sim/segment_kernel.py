"""The timeline kernel on a piece of a program: from when to when, with loads that run into it and out of it."""

# ruff: noqa: PLR0917  (kernels take plain arrays and numbers, by position)
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

import numpy as np  # noqa: E402
from numba import njit  # noqa: E402

from accelsim.mapping import timeline_kernel as kernel  # noqa: E402


@njit(cache=True, nogil=True)
def run_segment(rows, read, write, held, store, follower, ready, count):
    """Ticks from the start of row 0, with all servers free, until the first `count` rows have ended and what they
    prefetch for the rows behind them, which do not run, has arrived.

    `ready[r]` is 0 if the first held load of row r is done at the start, else -1. Arrays as `kernel.run` takes them.
    """
    scratch = kernel.new_scratch(read.shape[1])
    times, causes = np.empty(kernel.TIMES, np.int64), np.empty(kernel.CAUSE_COUNT, np.int64)
    now = last = 0
    for r in range(count):
        target = follower[r]
        other = max(target, 0)
        now, _, done, _ = kernel.run_row(
            rows[r], read[r], write[r], held[r], store[r], target > -2, held[other], rows[other, kernel.LATENCY],
            target >= 0, ready[r], now, False, scratch, times, causes,
        )  # fmt: skip
        if target >= 0:
            ready[target] = done
            last = max(last, done)
    return max(now, last)

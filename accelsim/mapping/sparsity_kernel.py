"""Lanes with finite queues: when each has done its share of every step.

A step is broadcast to all lanes at once: `broadcast` cycles after the one before, and not before every lane is done
with the step `depth` earlier, because its queue would overflow. A lane works through its queue in order:

    b(s) = max(b(s - 1) + broadcast, max over lanes of f(s - depth))        f(s) = max(f(s - 1), b(s)) + work(s)

These are sums and maxima, so a deeper queue or less work is never slower; depth 1 is a barrier after every step. The
steps of a pass come again for every group of rows. A state that comes back with all parts moved alike repeats, and is
jumped over; it is compared with a snapshot taken at growing distances (Brent), which finds any period.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

import numpy as np  # noqa: E402
from numba import boolean, int64, njit, types  # noqa: E402

PASSES = 256
"""Passes that are stepped before the pace of the second half is taken for all others."""


@njit(types.Tuple((int64, boolean))(int64[:, ::1], int64, int64, int64), cache=True, nogil=True)
def lane_cycles(work, depth, broadcast, passes):
    """Cycles of `passes` passes over `work[steps, lanes]`, and whether they are exact. False means that no period was
    found within PASSES passes, and the others were taken to go at the pace of the later half of these."""
    steps, lanes = work.shape
    finish = np.zeros(lanes, np.int64)
    slots = np.zeros(depth, np.int64)
    kept_finish = np.zeros(lanes, np.int64)
    kept_slots = np.zeros(depth, np.int64)
    now = np.int64(0)
    slot = 0
    kept_now, kept_slot, kept_at, compare_next = np.int64(0), -1, np.int64(-1), np.int64(1)
    half = np.int64(0)
    done = np.int64(0)
    while done < passes:
        for s in range(steps):
            if done or s:
                now += broadcast
            now = max(now, slots[slot])
            latest = now
            for p in range(lanes):
                finish[p] = max(finish[p], now) + work[s, p]
                latest = max(latest, finish[p])
            slots[slot] = latest
            slot = slot + 1 if slot + 1 < depth else 0
        done += 1
        # Nothing can wait for a time that has passed: times up to `now` count as `now`.
        for p in range(lanes):
            finish[p] = max(finish[p], now)
        for d in range(depth):
            slots[d] = max(slots[d], now)
        if kept_at > 0:
            moved = now - kept_now
            same = True
            for p in range(lanes):
                if finish[p] - kept_finish[p] != moved:
                    same = False
                    break
            if same:
                for d in range(depth):
                    one = slots[(slot + d) % depth] - kept_slots[(kept_slot + d) % depth]
                    if one != moved:
                        same = False
                        break
            if same:
                period = done - kept_at
                times = (passes - done) // period
                now += times * moved
                for p in range(lanes):
                    finish[p] += times * moved
                for d in range(depth):
                    slots[d] += times * moved
                done += times * period
                kept_at = np.int64(-1)
                compare_next = passes + 1
                continue
        if done == compare_next:
            kept_now, kept_slot, kept_at = now, slot, done
            kept_finish[:] = finish
            kept_slots[:] = slots
            compare_next = 2 * done
        if done == PASSES // 2:
            half = finish.max()
        if done == PASSES and passes > PASSES and compare_next <= passes:
            end = finish.max()
            more = passes - PASSES
            return end + (more * (end - half) + PASSES // 2 - 1) // (PASSES // 2), False
    end = now
    for p in range(lanes):
        end = max(end, finish[p])
    return end, True

"""Which loops of a nest lie along the sides of an array, so that it takes the fewest steps.

The steps of a nest are the product over its loops of ceil(size / factor), a loop's factor being the product of its
factors along all sides. Along each side the first loop takes as much as it can, the others share what is left. Of
factors with the same ceil(size / factor) only the smallest is tried, for the others leave less room.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from accelsim.ir import FrozenMap

Side = tuple[int, FrozenMap[str, int]]
"""Length of a side and the largest factor of each loop that may lie along it."""


@lru_cache(maxsize=4096)
def best_factors(sizes: FrozenMap[str, int], sides: tuple[Side, ...]) -> tuple[FrozenMap[str, int], ...]:
    """The factors of each loop of a nest with these loop sizes, all ways that take the fewest steps: those with fewer
    places first, then those with larger factors of loops that are named first."""
    named = list(dict.fromkeys(loop for _, most in sides for loop in most if loop in sizes))
    reachable: dict[tuple[int, ...], None] = {(1,) * len(named): None}
    for length, most in sides:
        reachable = {
            tuple(a * factors.get(loop, 1) for loop, a in zip(named, known, strict=True)): None
            for known in reachable
            for factors in _along(length, most, {n: -(-sizes[n] // a) for n, a in zip(named, known, strict=True)})
        }

    def steps(factors: Sequence[int]) -> int:
        return math.prod(-(-sizes[loop] // factor) for loop, factor in zip(named, factors, strict=True))

    fewest = min(map(steps, reachable))
    best = [factors for factors in reachable if steps(factors) == fewest]
    best.sort(key=lambda factors: (math.prod(factors), tuple(-factor for factor in factors)))
    return tuple(FrozenMap(dict(zip(named, factors, strict=True))) for factors in best)


def _along(length: int, most: Mapping[str, int], sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Factors of the loops along one side."""
    present = [loop for loop in most if sizes.get(loop, 1) > 1]
    if not present:
        yield {}
        return
    first = next(_worth(sizes[present[0]], min(most[present[0]], length)))
    for rest in _shared(length // first, [(loop, sizes[loop], most[loop]) for loop in present[1:]]):
        yield {present[0]: first, **rest}


def _shared(room: int, loops: Sequence[tuple[str, int, int]]) -> Iterator[dict[str, int]]:
    if not loops:
        yield {}
        return
    loop, size, most = loops[0]
    for factor in _worth(size, min(most, room)):
        for rest in _shared(room // factor, loops[1:]):
            yield {loop: factor, **rest}


def _worth(size: int, most: int) -> Iterator[int]:
    """Factors up to `most`, the largest first; of those with equal steps the smallest."""
    factor = min(size, most)
    while factor:
        factor = -(-size // -(-size // factor))
        yield factor
        factor -= 1

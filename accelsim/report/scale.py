"""Numbers for people: one unit and one number of decimals a column, chosen by its largest value; no
exponents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A display unit, how many of the base unit it is, and the decimals of a column shown in it."""

    unit: str
    factor: float
    decimals: int = 2

    def cell(self, value: float) -> str:
        """`value` (in the base unit) with the decimals of the column."""
        return fixed(value / self.factor, self.decimals)

    def text(self, value: float, digits: int = 3) -> str:
        """`value` on its own, with `digits` significant digits and without the unit."""
        return significant(value / self.factor, digits)

    def full(self, value: float, digits: int = 3) -> str:
        return f"{self.text(value, digits)} {self.unit}"

    def span(self, low: float, high: float, digits: int = 3) -> str:
        """' [31.5-36.8]' to put after the value; nothing when both ends read the same."""
        ends = self.text(low, digits), self.text(high, digits)
        return "" if ends[0] == ends[1] else f" [{ends[0]}-{ends[1]}]"


_TIME = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
_ENERGY = (("J", 1.0), ("mJ", 1e-3), ("uJ", 1e-6), ("nJ", 1e-9))
_BYTES = (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10), ("B", 1.0))


def _fitting(units: tuple[tuple[str, float], ...], largest: float) -> Scale:
    unit, factor = next((entry for entry in units if abs(largest) >= entry[1]), units[-1])
    return Scale(unit, factor, column_decimals(largest / factor))


def time_scale(largest_s: float) -> Scale:
    return _fitting(_TIME, largest_s)


def energy_scale(largest_j: float, *, joules_from: float = 0.1) -> Scale:
    """Joules already for a tenth of one, as energy a frame is published in joules."""
    return Scale("J", 1.0, 3) if joules_from <= abs(largest_j) < 1 else _fitting(_ENERGY, largest_j)


def byte_scale(largest_bytes: float) -> Scale:
    return _fitting(_BYTES, largest_bytes)


def column_decimals(largest: float) -> int:
    """Decimals that give the largest value of a column four digits."""
    return max(0, 3 - math.floor(math.log10(abs(largest)))) if abs(largest) >= 1 else 3


def fixed(value: float, decimals: int) -> str:
    """Fixed decimals, so that a column lines up; what would round to zero is '<0.01' and not zero."""
    text = f"{value:,.{decimals}f}"
    smallest = f"{10.0**-decimals:.{decimals}f}"
    return f"<{smallest}" if 0 < value < float(smallest) / 2 else text


def significant(value: float, digits: int = 3) -> str:
    """`digits` significant digits, integer digits always whole: 0.0213, 34.1, 1,234."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - int(f"{abs(value):.{digits - 1}e}".partition("e")[2]))
    return f"{value:,.{decimals}f}"


def percent(part: float, whole: float) -> str:
    """The share in percent with one decimal, without the sign; '-' of nothing."""
    return fixed(100 * part / whole, 1) if whole else "-"

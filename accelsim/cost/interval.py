"""A number with a low and a high end, for sums and products of estimates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accelsim.hw.quantity import Quantity


@dataclass(frozen=True)
class Interval:
    """`low` <= `value` <= `high`, none negative; ends combine as if all estimates erred the same way."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Interval:
        return cls(value, value, value)

    @classmethod
    def of(cls, quantity: Quantity[int] | Quantity[float]) -> Interval:
        """The value of a hardware file with the range of its estimate."""
        value = quantity.value
        return cls(value, min(quantity.low, value), max(quantity.high, value))

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.value + other.value, self.low + other.low, self.high + other.high)

    def __mul__(self, other: Interval | float) -> Interval:
        by = other if isinstance(other, Interval) else Interval.exact(other)
        return Interval(self.value * by.value, self.low * by.low, self.high * by.high)


def total(parts: Iterable[Interval]) -> Interval:
    """The sum, zero for none."""
    return sum(parts, start=Interval.exact(0.0))

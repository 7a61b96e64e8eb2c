"""Does not fit, as an answer: what was needed, what is there, and what would help."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.units import format_value

_LEVERS = " -- would help: "
_AND = "; "


@dataclass(frozen=True)
class Failure:
    """A demand that exceeds a bound.

    `unit` is a dimension of `accelsim.units` such as 'bytes' (values in SI), or a plain word such as
    'blocks'. `terms` add up to `demand`; `levers` would make it fit, the strongest first.
    """

    what: str
    demand: float
    bound: float
    unit: str
    terms: tuple[tuple[str, float], ...] = ()
    levers: tuple[str, ...] = ()

    def short(self) -> str:
        """What, and how much of how much."""
        demand, bound = (format_value(value, self.unit) for value in (self.demand, self.bound))
        return f"{self.what}: needs {demand}, has {bound}"

    def text(self) -> str:
        """One line: what, how much of how much, made of what, what would help."""
        line = self.short()
        if self.terms:
            ordered = sorted(self.terms, key=lambda term: -term[1])
            texts = [f"{name} {format_value(value, self.unit)}" for name, value in ordered]
            line += f" ({' + '.join(texts)})"
        if self.levers:
            line += f"{_LEVERS}{_AND.join(self.levers)}"
        return line


def split_levers(text: str) -> tuple[str, tuple[str, ...]]:
    """Texts of failures, one a line, without what would help, and that by itself, each once."""
    parts = [line.partition(_LEVERS) for line in text.splitlines()]
    levers = [lever for _, _, said in parts if said for lever in said.split(_AND)]
    return "\n".join(reason for reason, _, _ in parts), tuple(dict.fromkeys(levers))

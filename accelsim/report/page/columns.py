"""Points of a sweep as columns of plain values, small enough for a page of many thousands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

_DIGITS = 7
"""Significant digits of results in the page; the store has all."""

Spelling = Mapping[Any, str]
"""A setting's value in the store to the text that a hardware file would hold."""


@dataclass(frozen=True)
class Column:
    """One column: results as numbers, everything else as a number of its level.

    `role` is 'name' (model, task, hardware), 'setting', 'objective', 'result' or 'point'; `varies` whether it has more
    than one value.
    """

    name: str
    role: str
    values: pandas.Series
    spelling: Spelling | None = None

    @property
    def varies(self) -> bool:
        return bool(self.values.nunique(dropna=False) > 1)

    @property
    def coded(self) -> bool:
        return self.role in ("name", "setting") or self.values.dtype.kind not in "iuf"

    def record(self) -> dict[str, Any]:
        """Plain values for the script."""
        told: dict[str, Any] = {"name": self.name, "role": self.role, "varies": self.varies}
        if not self.coded:
            return {**told, "numeric": True, "values": [_rounded(value) for value in self.values.tolist()]}
        import pandas

        numeric = self.values.dtype.kind in "iuf"
        codes, levels = pandas.factorize(self.values, sort=numeric, use_na_sentinel=False)
        plain = [_plain(level) for level in levels]
        spelled = {} if self.spelling is None else {"spelled": [self.spelling.get(one, str(one)) for one in plain]}
        return {**told, "numeric": numeric, "levels": plain, "codes": codes.tolist(), **spelled}


def _rounded(value: float) -> float | None:
    if isinstance(value, int):
        return value
    return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None


def _plain(value: Any) -> Any:
    """A value as JSON has it; missing and infinite numbers are null."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value

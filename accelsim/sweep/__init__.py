"""Many points: a file that says which, a store that holds them, and the ways to run and search them.

The package is called too: `accelsim.sweep(file)` is `accelsim.sweep.api.sweep(file)`. An attribute of `accelsim` cannot
be a function and a room at once, so the room itself can be called.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accelsim.sweep.api import PointSet


class _Room(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> PointSet:
        """See `accelsim.sweep.api.sweep`."""
        from accelsim.sweep.api import sweep

        return sweep(*arguments, **options)


sys.modules[__name__].__class__ = _Room

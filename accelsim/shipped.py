"""Where the files that ship with accelsim lie: in the wheel inside the package, in a checkout beside it."""

from __future__ import annotations

from pathlib import Path

from accelsim.errors import InternalError

_PACKAGE = Path(__file__).resolve().parent


def shipped_dir(name: str) -> Path:
    """The folder `name` ('models' or 'hwconfigs') of this installation."""
    for candidate in (_PACKAGE / "_shipped" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise InternalError(f"this installation of accelsim lacks its folder '{name}'; reinstall it")

"""A result read back from the folder of its run."""

from __future__ import annotations

import json
from pathlib import Path

from accelsim.errors import InputError
from accelsim.results.result import Result
from accelsim.results.store import MARKER


def read_result(path: Path) -> Result:
    """The result in a folder that `accelsim run --out` made, or in its result.json; what has files of its own is left
    out. Raises InputError."""
    file = path / MARKER if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path}: no {MARKER} in this folder" if path.is_dir() else f"{path}: no such file")
    try:
        return Result.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError) as error:
        raise InputError(f"{file}: not a result of accelsim: {error}") from None

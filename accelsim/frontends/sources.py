"""Which files a builder read: its modules and its data. A cached graph holds only as long as none of them changes."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import site
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent.parent
_INSTALLED = tuple(
    str(Path(folder).resolve())
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), *site.getsitepackages()}
)
_NOT_FILES = ("/proc/", "/sys/", "/dev/")
_recording = threading.local()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    found = getattr(_recording, "files", None)
    if found is not None and event == "open" and isinstance(arguments[0], str) and "r" in str(arguments[1] or "r"):
        found.add(arguments[0])


_hooked = False


@contextmanager
def recorded_sources(file: Path) -> Iterator[dict[str, str]]:
    """While the block runs, note what this thread opens, modules too; afterwards the mapping holds path -> SHA-256.

    Installed packages and accelsim itself are left out: their versions belong to the key of the cache. Weights beside
    the builder are always in, because readers outside Python open files unseen.
    """
    global _hooked  # noqa: PLW0603  (an audit hook cannot be taken away, so there is one)
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    sources: dict[str, str] = {}
    _recording.files = set()
    try:
        yield sources
        opened = {*_recording.files, str(file), *map(str, file.parent.glob("*.safetensors"))}
    finally:
        _recording.files = None
    for path in sorted({_source_of(Path(name)).resolve() for name in opened}):
        if path.is_file() and is_users(path):
            sources[str(path)] = _digest(path)


def _source_of(path: Path) -> Path:
    """The module behind a compiled file that Python read in its place; others' compiled files are files like any."""
    if path.suffix != ".pyc":
        return path
    try:
        return Path(importlib.util.source_from_cache(str(path)))
    except ValueError:
        return path


def unchanged(record: str) -> bool:
    """Whether every file of a record made by `as_text` is as it was."""
    try:
        sources = json.loads(record)
        return all(_digest(Path(path)) == digest for path, digest in sources.items())
    except (OSError, ValueError, AttributeError):
        return False


def as_text(sources: dict[str, str]) -> str:
    return json.dumps(sources, indent=0)


def is_users(path: Path) -> bool:
    """Whether a file is the user's: neither an installed package, nor ours, nor a device."""
    return not path.is_relative_to(_PACKAGE) and not str(path).startswith((*_INSTALLED, *_NOT_FILES))


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

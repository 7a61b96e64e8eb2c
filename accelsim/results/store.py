"""Folders of results that appear whole or not at all."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatch
from pathlib import Path

from accelsim.errors import InputError

Content = bytes | Callable[[Path], None]
"""A file's bytes, or a function that writes the file at the path it is given."""

_ABANDONED_S = 60.0  # no report takes that long to write
MARKER = "result.json"
_MARK = b'"format": "accelsim-'


def check_folder(path: Path, names: Collection[str]) -> None:
    """Raises InputError when `write_folder` could not put files called `names` there without touching
    others'.

    A folder may be replaced when it is empty, or holds an older run: the marker file and only `names`, which may be
    patterns such as 'activity-*.json'.
    """
    if not path.exists():
        blocker = next(parent for parent in path.absolute().parents if parent.exists())
        if not blocker.is_dir():
            raise InputError(f"{path}: '{blocker}' is a file; give another folder")
        if not os.access(blocker, os.W_OK | os.X_OK):
            raise InputError(f"{path}: nothing can be made in '{blocker}'; give another folder")
        return
    if not path.is_dir():
        raise InputError(f"{path}: is a file; give a folder")
    if Path.cwd().is_relative_to(path.resolve()):
        raise InputError(f"{path}: the current folder cannot be replaced; give a folder inside it")
    present = {entry.name for entry in path.iterdir()}
    if not present:
        return
    foreign = sorted(name for name in present if not any(fnmatch(name, pattern) for pattern in names))
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise InputError(f"{path}: holds '{foreign[0]}'{more}, not from accelsim; give a new or empty folder")
    marker = path / MARKER
    if not marker.is_file() or _MARK not in marker.read_bytes()[:100]:
        raise InputError(f"{path}: holds files, but no {MARKER} of accelsim; give a new or empty folder")


def write_folder(path: Path, files: Mapping[str, Content], *, replaces: Collection[str] = ()) -> None:
    """Write `files` into the folder `path`, replacing an older run there; what fails leaves nothing behind.

    The files go to a temporary folder beside `path` first and are moved in one step. `replaces` are names
    that an older run may hold besides those of `files`. Raises InputError.
    """
    target = path.resolve()
    _sweep(target)
    check_folder(path, {*files, *replaces})
    made = _make_parents(target)
    try:
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        try:
            partial.chmod(0o777 & ~_umask())
            for name, content in files.items():
                _write(partial / name, content)
            _sync(partial)
            _swap(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except BaseException as error:
        for parent in made:
            parent.rmdir()
        if isinstance(error, OSError):
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
        raise


def _make_parents(target: Path) -> tuple[Path, ...]:
    """Create the missing parents; returns those it made, the innermost first."""
    missing = tuple(parent for parent in target.parents if not parent.exists())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from error
    return missing


def _write(file: Path, content: Content) -> None:
    if callable(content):
        content(file)
    else:
        file.write_bytes(content)
    _sync(file)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(partial: Path, target: Path) -> None:
    """Move `partial` to `target`; an older folder there is set aside first and comes back if the move
    fails.
    """
    if not target.exists():
        partial.rename(target)
        return
    aside = partial.with_name(partial.name + ".old")
    target.rename(aside)
    try:
        partial.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside)


def _sweep(target: Path) -> None:
    """Mend what a killed run left beside `target`: an older result that was set aside comes back, parts of a new one
    go."""
    if not target.parent.is_dir():
        return
    for left in sorted(target.parent.glob(f".{glob.escape(target.name)}.*.partial.old")):
        if not target.exists():
            left.rename(target)
        else:
            shutil.rmtree(left, ignore_errors=True)
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        if time.time() - left.stat().st_mtime > _ABANDONED_S:
            shutil.rmtree(left, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""Where accelsim keeps what it can make again, and the part of it that holds compiled kernels."""

from __future__ import annotations

import hashlib
import os
import sys
from importlib.metadata import version
from pathlib import Path

from accelsim.errors import InputError

_PACKAGE = Path(__file__).resolve().parent
_KERNEL_SOURCES = (
    "engine/kernels/*.py",
    "sim/*kernel.py",
    "mapping/*kernel.py",
    "evaluate/*/*kernel.py",
    "hw/transfers.py",
)


def cache_dir() -> Path:
    """ACCELSIM_CACHE_DIR, else accelsim's folder in XDG_CACHE_HOME or ~/.cache; made if it is missing.

    Raises InputError where it cannot be made.
    """
    chosen = os.environ.get("ACCELSIM_CACHE_DIR")
    if chosen:
        folder = Path(chosen)
    else:
        home = os.environ.get("XDG_CACHE_HOME")
        folder = (Path(home) if home else Path.home() / ".cache") / "accelsim"
    return _made(folder)


def kernel_digest() -> str:
    """Digest of every kernel source and of the compiler's versions."""
    digest = hashlib.sha256(f"{version('numba')} {version('llvmlite')}".encode())
    for pattern in _KERNEL_SOURCES:
        for path in sorted(_PACKAGE.glob(pattern)):
            digest.update(f"\n{path.name}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def use_kernel_cache() -> Path:
    """Make Numba cache in a folder named after the kernels' content; call before a kernel is defined.

    Numba itself notices only changes of the file that holds a cached function, not of modules it imports.
    A NUMBA_CACHE_DIR that the user set is left alone.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    folder = _made(cache_dir() / f"numba-{kernel_digest()}")
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:  # the variable is read when numba is imported
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    return folder


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot make the cache folder: {error}; set ACCELSIM_CACHE_DIR") from None
    return folder

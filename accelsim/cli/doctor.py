"""`accelsim doctor`: is this installation as it should be?"""

from __future__ import annotations

import ast
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from accelsim.cli.output import print_report
from accelsim.errors import AccelsimError, InputError
from accelsim.report.table import Table

TORCH = "2.13.0"

_REQUIRED = ("click", "networkx", "numba", "numpy", "pydantic", "rich", "ruamel.yaml", "safetensors")
_EXTRAS = {
    "torch": ("torch", "tracing and verifying models"),
    "onnx": ("onnx", "export to ONNX"),
    "onnxruntime": ("onnx", "verifying against ONNX Runtime"),
    "matplotlib": ("plot", "figures"),
    "pandas": ("table", "data frames"),
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `ok` is None for an extra that is absent, which is no fault."""

    what: str
    found: str
    ok: bool | None
    advice: str = ""


@click.command("doctor")
def doctor() -> None:
    """Check Python, packages, the torch build and the cache folder; exit code 2 when something is wrong."""
    packages = [*map(_required, _REQUIRED), *map(_extra, _EXTRAS)]
    findings = [_python(), *packages, torch_build(), _threads(), _shipped(), _cache()]
    words = {True: "ok", False: "WRONG", None: "absent"}
    rows = tuple((item.what, item.found, words[item.ok], item.advice) for item in findings)
    print_report((), [Table("", ("what", "found", "", "what to do"), rows)])
    wrong = [item.what for item in findings if item.ok is False]
    if wrong:
        raise InputError(f"this installation needs attention: {', '.join(wrong)}")


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= (3, 11)
    return Finding("Python", found, ok, "" if ok else "accelsim needs Python 3.11 or newer")


def _required(package: str) -> Finding:
    found = _installed(package)
    advice = "" if found else "make env, or: pip install -c constraints.txt accelsim"
    return Finding(package, found or "missing", found is not None, advice)


def _extra(package: str) -> Finding:
    extra, purpose = _EXTRAS[package]
    found = _installed(package)
    advice = "" if found else f"for {purpose}: pip install -c constraints.txt 'accelsim[{extra}]'"
    return Finding(package, found or "not installed", True if found else None, advice)


def torch_build() -> Finding:
    """torch must be exactly the pinned version and its CPU build; a later install can silently replace it.

    Reads the version file that the package carries, which does not import torch.
    """
    what = f"torch is {TORCH}, CPU build"
    installed = _installed("torch")
    if installed is None:
        return Finding(what, "not installed", None)
    advice = "pip install -c constraints.txt --force-reinstall 'accelsim[torch]'"
    if installed.partition("+")[0] != TORCH:
        return Finding(what, installed, False, advice)
    accelerator = _torch_accelerator()
    return Finding(what, f"{installed}, {accelerator or 'CPU'}", not accelerator, advice if accelerator else "")


def _torch_accelerator() -> str:
    """'' for the CPU build, else what torch was built for."""
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    source = Path(spec.submodule_search_locations[0], "version.py").read_text(encoding="utf-8")
    values = {
        target.id: str(node.value.value or "")
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    return ", ".join(f"{name} {values[name]}" for name in ("cuda", "hip", "xpu") if values.get(name))


def _threads() -> Finding:
    """Whether the compiler of the kernels loads, and how many threads it would use."""
    try:
        import numba
    except ImportError as error:
        return Finding("kernel compiler", "does not load", False, str(error))
    return Finding("kernel compiler", f"numba loads, {numba.config.NUMBA_NUM_THREADS} threads", True)


def _shipped() -> Finding:
    from accelsim.shipped import shipped_dir

    return _tried("models and hardware files", lambda: f"{shipped_dir('models').parent}")


def _cache() -> Finding:
    return _tried("cache folder", _writable_cache)


def _writable_cache() -> str:
    from accelsim.kernel_cache import cache_dir

    folder = cache_dir()
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{folder} is not writable ({error.strerror}); set ACCELSIM_CACHE_DIR") from error
    return str(folder)


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, look(), True)
    except AccelsimError as error:
        return Finding(what, "unusable", False, str(error))

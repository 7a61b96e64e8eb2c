"""A folder of points: Parquet parts, the sweep as resolved, and where it came from.

    sweep.json           the sweep, its digest, the number of points and parts, the version that made it
    parts/000042.parquet points of part 42; there whole or not at all

Parts are written under another name and renamed, so a kill leaves parts that are finished and nothing else that
counts. Which points a part holds follows from its number, so runs on several machines fill one folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError, MissingExtraError
from accelsim.sweep.spec import SweepSpec
from accelsim.version import VERSION

if TYPE_CHECKING:
    import pandas
    import pyarrow

FORMAT = "accelsim-sweep/1"
_HEAD = "sweep.json"
_PARTS = "parts"
_PARTIAL = ".partial"


@dataclass(frozen=True)
class Store:
    """The points of one sweep under `folder`."""

    folder: Path
    parts: int
    spec: SweepSpec

    def part_path(self, part: int) -> Path:
        return self.folder / _PARTS / f"{part:06d}.parquet"

    def missing(self, parts: Iterable[int] | None = None) -> list[int]:
        """Parts that are not there yet, in order."""
        there = {path.name for path in (self.folder / _PARTS).glob("*.parquet")}
        wanted = range(self.parts) if parts is None else sorted(parts)
        return [part for part in wanted if self.part_path(part).name not in there]

    def write(self, part: int, table: pyarrow.Table) -> None:
        """Add one part; what is killed on the way leaves nothing that counts."""
        import pyarrow.parquet

        target = self.part_path(part)
        partial = _partial(target)
        try:
            with partial.open("wb") as file:
                pyarrow.parquet.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise InputError(f"{self.folder}: cannot be written: {error.strerror or error}") from error

    def read_part(self, part: int) -> pyarrow.Table | None:
        """One part, None where it is not there."""
        path = self.part_path(part)
        return _parquet().read_table(path) if path.is_file() else None

    def rows(self) -> int:
        """How many points are there."""
        return sum(_parquet().read_metadata(file).num_rows for file in (self.folder / _PARTS).glob("*.parquet"))

    def read(self, columns: list[str] | None = None) -> pandas.DataFrame:
        """All points that are there, in order. Raises InputError for an empty store."""
        parquet = _parquet()
        files = sorted((self.folder / _PARTS).glob("*.parquet"))
        if not files:
            raise InputError(f"{self.folder}: no points yet; run `accelsim sweep` on it")
        import pyarrow as pa

        try:
            tables = [parquet.read_table(file, columns=columns) for file in files]
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{self.folder}: a part cannot be read: {error}") from None
        return pa.concat_tables(tables, promote_options="permissive").to_pandas()


def create_store(folder: Path, spec: SweepSpec, *, parts: int, points: int, provenance: Mapping[str, Any]) -> Store:
    """The store of `spec` in `folder`, made where it is not there.

    Raises InputError where the folder holds another sweep or anything else.
    """
    head = {
        "format": FORMAT,
        "digest": digest_of(spec, provenance),
        "points": points,
        "parts": parts,
        "accelsim_version": VERSION,
        "provenance": dict(provenance),
        "sweep": spec.model_dump(mode="json"),
    }
    path = folder / _HEAD
    if path.is_file():
        known = _read_head(path)
        if known["digest"] != head["digest"]:
            raise InputError(
                f"{folder}: holds another sweep ('{known['sweep'].get('name')}', or other files or version); "
                "give another --out folder"
            )
        _remove_partial(folder)
        return Store(folder, parts, spec)
    if folder.exists() and (not folder.is_dir() or any(not _being_made(path) for path in folder.iterdir())):
        raise InputError(f"{folder}: exists and is no sweep of accelsim; give a new or empty folder")
    try:
        (folder / _PARTS).mkdir(parents=True, exist_ok=True)
        partial = _partial(path)
        partial.write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return Store(folder, parts, spec)


def open_store(folder: Path | str) -> Store:
    """The store in a folder. Raises InputError where there is none."""
    path = Path(folder) / _HEAD
    if not path.is_file():
        raise InputError(f"{folder}: no sweep there ({_HEAD} is missing)")
    head = _read_head(path)
    return Store(Path(folder), int(head["parts"]), SweepSpec.model_validate(head["sweep"]))


def digest_of(spec: SweepSpec, provenance: Mapping[str, Any]) -> str:
    """What makes two sweeps the same: the file, the models and hardware it names, the version."""
    record = {"sweep": spec.model_dump(mode="json"), "provenance": dict(provenance), "version": VERSION}
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _read_head(path: Path) -> dict[str, Any]:
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise InputError(f"{path}: not a sweep of accelsim")
    return head


def _partial(target: Path) -> Path:
    """The name under which this process writes a file: jobs on several machines share the folder."""
    return target.with_name(f".{target.name}.{socket.gethostname()}.{os.getpid()}{_PARTIAL}")


def _being_made(path: Path) -> bool:
    """Whether a file belongs to a store that another job makes at this moment."""
    return path.name in (_HEAD, _PARTS) or (path.name.startswith(f".{_HEAD}.") and path.name.endswith(_PARTIAL))


def _remove_partial(folder: Path) -> None:
    """What killed runs of this machine left: files of processes that are no more."""
    here = f".{socket.gethostname()}"
    for path in (folder / _PARTS).glob(f".*{_PARTIAL}"):
        name, _, owner = path.name.removesuffix(_PARTIAL).rpartition(".")
        if name.endswith(here) and owner.isdigit() and not _lives(int(owner)):
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise MissingExtraError("pyarrow", "sweep", "the store of a sweep") from None
    return pyarrow.parquet

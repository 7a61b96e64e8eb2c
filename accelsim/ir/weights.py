"""Constants of a graph, held once each under the digest of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InternalError, UnsupportedError

Array = NDArray[np.generic]


def content_digest(array: Array) -> str:
    """SHA-256 over dtype, shape and bytes; equal content has an equal digest wherever it came from."""
    contiguous = np.asarray(array, order="C")  # ascontiguousarray would give a scalar a dimension
    digest = hashlib.sha256(f"{contiguous.dtype.str}{contiguous.shape}".encode())
    digest.update(contiguous.reshape(-1).view(np.uint8).data)  # bfloat16 has no buffer of its own
    return digest.hexdigest()


class Weights(Mapping[str, Array]):
    """Arrays by content digest. Arrays are read-only; those from a file stay memory-mapped. Tied entries are one."""

    def __init__(self, arrays: Mapping[str, Array] | None = None) -> None:
        self._arrays: dict[str, Array] = dict(arrays or {})

    def add(self, array: Array) -> str:
        """Store `array` (if its content is new) and return its digest. The stored array becomes read-only."""
        digest = content_digest(array)
        if digest not in self._arrays:
            stored = np.asarray(array, order="C")
            stored.setflags(write=False)
            self._arrays[digest] = stored
        return digest

    def update(self, arrays: Mapping[str, Array]) -> None:
        """Take over arrays whose digests are already known to be right, as those of a checked file are."""
        self._arrays.update(arrays)

    def shape_of(self, digest: str) -> tuple[int, ...]:
        """The shape of an array that is in here."""
        return self[digest].shape

    def __getitem__(self, digest: str) -> Array:
        try:
            return self._arrays[digest]
        except KeyError:
            raise InternalError(f"no weights with digest {digest[:12]}") from None

    def __contains__(self, digest: object) -> bool:
        return digest in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


class SizesOnly(Weights):
    """Weights of which some have sizes and no values: enough to time a graph, not to execute it.

    `reason` says why, and what would help; asking for such a value raises UnsupportedError with it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
        self._shapes: dict[str, tuple[int, ...]] = {}

    def declare(self, name: str, shape: tuple[int, ...]) -> str:
        """Note that there are weights of this name and shape; returns what stands for their digest."""
        digest = f"{_DECLARED}{name} {list(shape)}"
        self._shapes[digest] = shape
        return digest

    def shape_of(self, digest: str) -> tuple[int, ...]:
        return self._shapes[digest] if digest in self._shapes else super().shape_of(digest)

    def __contains__(self, digest: object) -> bool:
        return digest in self._shapes or super().__contains__(digest)

    def __getitem__(self, digest: str) -> Array:
        if digest in self._shapes:
            raise UnsupportedError(self.reason)
        return super().__getitem__(digest)


_DECLARED = "sizes only: "


def is_declared(digest: str) -> bool:
    """Whether a digest stands for weights that have sizes and no values."""
    return digest.startswith(_DECLARED)

"""Zeros: which weights are zero and how many inputs are, where a scenario declares it.

A declared pattern stands for weights that nobody has (sizes only, or a model before it is pruned). Where it leaves a
choice, zeros are drawn with a seed, so that equal scenarios have equal zeros.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from accelsim.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Pattern:
    """Where a weight matrix of outputs x inputs may have values.

    * dense: everywhere;
    * unstructured: each weight is kept with chance `density`;
    * n-m: `group[0]` of `group[1]` neighbouring inputs are kept;
    * block: blocks of `group` outputs x inputs are kept with chance `density`;
    * structured: the first `density` of the outputs and `inputs_density` of the inputs are kept, all others zero.
    """

    kind: str = "dense"
    density: float = 1.0
    group: tuple[int, int] = (1, 1)
    inputs_density: float = 1.0

    @property
    def text(self) -> str:
        """The pattern as `parse_pattern` reads it."""
        return _TEXT[self.kind](self)


_TEXT: dict[str, Callable[[Pattern], str]] = {
    "dense": lambda p: "dense",
    "unstructured": lambda p: f"unstructured={p.density:g}",
    "n-m": lambda p: f"n:m={p.group[0]}:{p.group[1]}",
    "block": lambda p: f"block={p.group[0]}x{p.group[1]}:{p.density:g}",
    "structured": lambda p: f"structured={p.density:g}x{p.inputs_density:g}",
}


@dataclass(frozen=True)
class Sparsity:
    """A declared scenario: patterns of weights by name and shares of non-zero inputs by node, the first match counts.

    `weights` are (glob of parameter names, pattern), `activations` (glob of node names, share of the node's inputs
    that are not zero). `source` is told beside the results.
    """

    source: str
    weights: tuple[tuple[str, Pattern], ...] = ()
    activations: tuple[tuple[str, float], ...] = ()
    seed: int = 0

    def pattern(self, parameter: str) -> Pattern | None:
        """The declared pattern of a parameter, None where nothing is declared for it."""
        return next((pattern for glob, pattern in self.weights if fnmatchcase(parameter, glob)), None)

    def activation_density(self, node: str) -> float | None:
        """The declared share of inputs of a node that are not zero."""
        return next((share for glob, share in self.activations if fnmatchcase(node, glob)), None)

    def to_record(self) -> dict[str, object]:
        """What `sparsity_from_record` reads."""
        return {
            "source": self.source,
            "weights": {glob: pattern.text for glob, pattern in self.weights},
            "activations": dict(self.activations),
            "seed": self.seed,
        }

    def seed_of(self, name: str) -> int:
        """A seed for what is drawn for `name`, the same on every machine."""
        return zlib.crc32(f"{self.seed}:{name}".encode())


def parse_pattern(text: str) -> Pattern:
    """`dense`, `unstructured=0.1`, `n:m=2:4`, `block=4x4:0.5` or `structured=0.7` (`structured=0.7x0.5` for outputs x
    inputs). Raises InputError."""
    kind, _, value = text.strip().partition("=")
    read = _READ.get(kind)
    if read is None:
        raise InputError(f"sparsity: '{kind}' is no pattern{did_you_mean(kind, _READ)}")
    try:
        return read(value)
    except ValueError as error:
        detail = f": {error}" if str(error).startswith("the ") else ""
        raise InputError(f"sparsity: '{text.strip()}' does not read as {_SHAPES[kind]}{detail}") from None


def _share(text: str) -> float:
    share = float(text)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"the share {text} does not lie between 0 and 1")
    return share


def _pair(text: str, sign: str) -> tuple[int, int]:
    first, second = (int(part) for part in text.split(sign))
    if first < 1 or second < 1:
        raise ValueError("the sizes are at least 1")
    return first, second


def _dense(value: str) -> Pattern:
    if value:
        raise ValueError("the pattern 'dense' takes no value")
    return Pattern()


def _n_of_m(value: str) -> Pattern:
    keep, of = _pair(value, ":")
    if keep > of:
        raise ValueError(f"the {keep} to keep are more than the {of} of a group")
    return Pattern("n-m", keep / of, (keep, of))


def _block(value: str) -> Pattern:
    size, _, share = value.partition(":")
    return Pattern("block", _share(share), _pair(size, "x"))


def _structured(value: str) -> Pattern:
    outputs, _, inputs = value.partition("x")
    return Pattern("structured", _share(outputs), inputs_density=_share(inputs or "1"))


_READ: dict[str, Callable[[str], Pattern]] = {
    "dense": _dense,
    "unstructured": lambda value: Pattern("unstructured", _share(value)),
    "n:m": _n_of_m,
    "block": _block,
    "structured": _structured,
}
_SHAPES = {
    "dense": "dense",
    "unstructured": "unstructured=SHARE",
    "n:m": "n:m=KEEP:OF",
    "block": "block=OUTPUTSxINPUTS:SHARE",
    "structured": "structured=SHARE[xSHARE]",
}


def parse_sparsity(text: str) -> Sparsity:
    """A scenario in one line: a pattern for all weights, `activations=SHARE`, `seed=N`, separated by commas.

    Raises InputError.
    """
    weights: list[tuple[str, Pattern]] = []
    activations: list[tuple[str, float]] = []
    seed = 0
    for word in text.split(","):
        key, _, value = word.strip().partition("=")
        try:
            if key == "activations":
                activations.append(("*", _share(value)))
                continue
            if key == "seed":
                seed = int(value)
                continue
        except ValueError as error:
            raise InputError(f"sparsity: '{word.strip()}': {error}") from None
        weights.append(("*", parse_pattern(word)))
    if len(weights) > 1 or len(activations) > 1:
        raise InputError(f"sparsity: '{text}' gives two patterns for all weights; a file can tell them apart by name")
    return Sparsity(f"declared {text}", tuple(weights), tuple(activations), seed)


def sparsity_from_record(record: object, *, where: str) -> Sparsity:
    """A scenario from a file: `source`, `weights` (glob: pattern), `activations` (glob: share), `seed`.

    Raises InputError, which begins with `where`.
    """
    known = ("source", "weights", "activations", "seed")
    if not isinstance(record, Mapping):
        raise InputError(f"{where}: a sparsity file is a mapping with {', '.join(known)}")
    for key in record:
        if key not in known:
            raise InputError(f"{where}: {key}: not a key of a sparsity file{did_you_mean(str(key), known)}")
    weights, activations = (record.get(key) or {} for key in ("weights", "activations"))
    seed = record.get("seed", 0)
    if not isinstance(weights, Mapping) or not isinstance(activations, Mapping) or not isinstance(seed, int):
        raise InputError(f"{where}: weights and activations map names to values, and seed is a whole number")
    if not str(record.get("source") or "").strip():
        raise InputError(f"{where}: source: required; it tells where the sparsity comes from")
    try:
        return Sparsity(
            str(record["source"]),
            tuple((str(glob), parse_pattern(str(value))) for glob, value in weights.items()),
            tuple((str(glob), _share(str(value))) for glob, value in activations.items()),
            seed,
        )
    except (InputError, ValueError) as error:
        raise InputError(f"{where}: {error}") from None

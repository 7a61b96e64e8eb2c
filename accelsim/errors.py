"""Every error of accelsim, each with the exit code that the command line ends with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

_LISTED = 12


class AccelsimError(Exception):
    """Base of all errors a user can meet. The message says where, what, and what would help."""

    exit_code = 2


class InputError(AccelsimError):
    """A file, name, value or flag that the user gave is wrong."""


class UnsupportedError(AccelsimError):
    """The input is valid, but accelsim, or the hardware, cannot do what it asks for.

    `failures` are as in a `DoesNotFitError`.
    """

    exit_code = 3

    def __init__(self, message: str, failures: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.failures = tuple(failures)


@dataclass(frozen=True)
class Missing:
    """An operation of a user's model that accelsim lacks: its name there, the place in the model, and what is missing.

    `count`: at how many places; `place` is the first.
    """

    operator: str
    place: str
    reason: str = "not supported"
    count: int = 1


class CoverageError(UnsupportedError):
    """A model has operations that accelsim lacks: all of them, and the operators that there are."""

    def __init__(self, message: str, *, model: str, missing: Sequence[Missing], supported: Iterable[str]) -> None:
        super().__init__(message)
        self.model = model
        self.missing = tuple(missing)
        self.supported = tuple(sorted(supported))


class DoesNotFitError(AccelsimError):
    """A demand exceeds a bound of the hardware.

    The message is the text of `failures`, records of type `accelsim.results.Failure` (none where a bound of the
    simulator itself is exceeded).
    """

    exit_code = 3

    def __init__(self, message: str, failures: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.failures = tuple(failures)


class FailedPointsError(AccelsimError):
    """Points of a sweep failed, and the user asked to be told by the exit code."""

    exit_code = 4


class ToleranceError(AccelsimError):
    """A comparison or a validation left its tolerance."""

    exit_code = 5


class MissingExtraError(AccelsimError):
    """An optional package is not installed; names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed: pip install 'accelsim[{extra}]'"
        )


class InternalError(AccelsimError):
    """A mistake of accelsim itself, such as a pass that broke its graph."""

    exit_code = 1


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion to append to an error, or the known names (the first of many) when none is close."""
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f" -- did you mean '{close[0]}'?"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f" -- known: {', '.join(names[:_LISTED])}{more}" if names else ""

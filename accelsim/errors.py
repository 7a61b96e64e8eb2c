"""Every error of accelsim, each with the exit code that the command line ends with."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AccelsimError(Exception):
    """Base of all errors a user can meet. The message says where, what, and what would help."""

    exit_code = 2


class InputError(AccelsimError):
    """A file, name, value or flag that the user gave is wrong."""


class UnsupportedError(AccelsimError):
    """The input is valid, but accelsim cannot do what it asks for."""

    exit_code = 3


class DoesNotFitError(AccelsimError):
    """A demand exceeds a bound of the hardware; carries the text of a `Failure`."""

    exit_code = 3


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
    """A suggestion to append to an error, or the known names when none is close."""
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f" -- did you mean '{close[0]}'?"
    return f" -- known: {', '.join(names)}" if names else ""

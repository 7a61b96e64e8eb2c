"""One door to all figures: what is drawn depends on what is given."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from accelsim.errors import InputError
from accelsim.report.distribution import draw_distribution
from accelsim.report.plot import draw_latency
from accelsim.results.distribution import Distribution
from accelsim.results.result import Result


@singledispatch
def figure(item: object) -> Any:
    """A matplotlib Figure of a result (time by kind of work and by cause) or of a distribution over samples.

    Raises InputError for anything else, MissingExtraError without matplotlib.
    """
    raise InputError(f"no figure of {type(item).__name__}: give a Result or a Distribution")


figure.register(Result, draw_latency)
figure.register(Distribution, draw_distribution)

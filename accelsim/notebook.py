"""In a notebook results show themselves as tables, figures as pictures; nothing is imported until one is shown."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

_SHOWN = {
    ("accelsim.results.result", "Result"): "result_html",
    ("accelsim.results.plan", "Plan"): "plan_html",
    ("accelsim.results.distribution", "Distribution"): "distribution_html",
    ("accelsim.results.equivalence", "Equivalence"): "equivalence_html",
}


def show_results_as_tables() -> None:
    """Tell the IPython that runs, if one does, how our classes look in HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    formatters = shell.display_formatter.formatters
    for (module, name), function in _SHOWN.items():
        formatters["text/html"].for_type_by_name(module, name, _lazy(function))
    formatters["image/png"].for_type_by_name("matplotlib.figure", "Figure", _png)


def _png(figure: Any) -> bytes:
    """Figures that are returned show themselves too, without pyplot and its `%matplotlib inline`."""
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _lazy(function: str) -> Callable[[Any], str]:
    def shown(item: Any) -> str:
        return str(getattr(import_module("accelsim.report.notebook"), function)(item))

    return shown

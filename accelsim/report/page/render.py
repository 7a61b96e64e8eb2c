"""Templates to one self-contained HTML file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from accelsim.errors import InputError, MissingExtraError
from accelsim.version import VERSION

_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Figure:
    """A picture as Plotly's plain values, drawn when it comes into view. `alt` says what it shows, `note` stands below.

    In place of a colour, 'var(--ink)' and the like are those of the page's theme (style.css). `height` is in pixels.
    A figure without traces is one that the page's own script draws. A wide one scrolls on a narrow screen.
    """

    name: str
    alt: str
    traces: tuple[dict[str, Any], ...] = ()
    layout: dict[str, Any] = field(default_factory=dict)
    height: int = 420
    note: str = ""
    wide: bool = False

    def record(self) -> dict[str, Any]:
        """What the script needs."""
        return {"name": self.name, "traces": self.traces, "layout": self.layout}


def render(
    template: str, *, script: str, figures: Sequence[Figure] = (), data: Mapping[str, Any], **values: Any
) -> str:
    """The page: `values` go to the Jinja2 template, `data` and `figures` to its scripts, as JSON.

    `script` is the page's own, beside page.js. Raises MissingExtraError where Jinja2 or Plotly is not installed.
    """
    drawn = [figure.record() for figure in figures if figure.traces]
    return str(
        _environment().get_template(template).render(
            style=_text("style.css"), scripts=(_text("page.js"), _text(script)), plotly=_plotly(),
            data=script_json({"figures": drawn, **data}), version=VERSION, **values,
        )
    )  # fmt: skip


def write_page(path: Path, text: str) -> None:
    """Write a page whole or not at all. Raises InputError."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def script_json(data: dict[str, Any]) -> str:
    """JSON that may stand inside a script element: no text of the user's can close it."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


@cache
def _environment() -> Any:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ModuleNotFoundError:
        raise MissingExtraError("jinja2", "html", "an HTML report") from None
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError:
        raise MissingExtraError("plotly", "html", "an HTML report") from None
    return str(get_plotlyjs())

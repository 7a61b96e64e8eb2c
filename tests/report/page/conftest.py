"""A real Chromium for the tests of the pages, and what they look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str:
    """Why there is no browser to test in; '' where there is one."""
    try:
        import playwright  # noqa: F401
    except ModuleNotFoundError:
        return "Playwright is not installed: pip install -e '.[dev]'"
    if not any(map(shutil.which, PROGRAMS)):
        return f"no browser called {', '.join(PROGRAMS)}: `make browser` says why"
    return ""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Chromium without a window; skipped where there is none, which is a failure under CI=true.

    One for each module, because Playwright keeps an event loop running that others must not meet.
    """
    if why := missing():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, PROGRAMS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page opened from a file, with what the browser complained about and every address it asked for."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self._context = browser.new_context(accept_downloads=True, **options)
        self._context.set_default_timeout(60_000)
        self.page = self._context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def draw_all(self) -> None:
        """Scroll through the figures, which are drawn as they come into view."""
        for plot in self.page.locator(".plot").all():
            plot.scroll_into_view_if_needed()
            self.page.wait_for_function("plot => plot.dataset.drawn", arg=plot.element_handle())

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_text_contents()]

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def opened(chromium: Any) -> Iterator[Any]:
    """`opened(file, color_scheme="dark")` -> Opened."""
    pages: list[Opened] = []

    def open_file(file: Path, **options: Any) -> Opened:
        pages.append(Opened(chromium, file, **options))
        return pages[-1]

    yield open_file
    for page in pages:
        page.close()

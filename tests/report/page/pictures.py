"""The pictures of the README: `python -m tests.report.page.pictures RUN STORE FOLDER` (`make pictures`).

Opens the pages of a run and of a sweep in Chromium and saves a part of each as run-page.png and
sweep-page.png.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from accelsim.cli.main import main as accelsim

COLOURS = 128
VIEWS = {"run": ("light", "h1", "#work"), "sweep": ("dark", "#front", "#scatter")}
"""Of each page, its theme, and the first and the last element in the picture."""


def take(folders: dict[str, Path], target: Path) -> None:
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, (scheme, first, last) in VIEWS.items():
            file, raw = Path(made) / f"{name}.html", Path(made) / f"{name}.png"
            accelsim(["report", str(folders[name]), "--html", str(file)])
            page = browser.new_page(color_scheme=scheme, viewport={"width": 1080, "height": 900})
            page.goto(file.as_uri(), timeout=120_000)
            page.wait_for_selector(".plot[data-drawn]", timeout=120_000)
            page.wait_for_timeout(500)
            top, end = (page.locator(selector).bounding_box() for selector in (first, last))
            clip = {"x": 0, "y": top["y"] - 12, "width": 1080, "height": end["y"] + end["height"] - top["y"] + 24}
            page.screenshot(path=raw, clip=clip, full_page=True)
            Image.open(raw).convert("RGB").quantize(COLOURS).save(target / f"{name}-page.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    take({"run": Path(sys.argv[1]), "sweep": Path(sys.argv[2])}, Path(sys.argv[3]))
